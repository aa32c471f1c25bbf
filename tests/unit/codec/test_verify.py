import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from gateway.codec.encode import encode
from gateway.codec.errors import CodecError, VerificationFailed
from gateway.codec.registry import all_rows, lookup
from gateway.codec.verify import verify
from gateway.domain.errors import Disposition, Phase
from gateway.domain.frames import FrameFormat

GRAY = FrameFormat(64, 40, 1, 16, 12, signed=False, photometric_interpretation="MONOCHROME2")
RGB = FrameFormat(64, 96, 3, 8, 8, signed=False, photometric_interpretation="RGB")
BASELINE = "1.2.840.10008.1.2.4.50"
LOSSLESS = [row.uid for row in all_rows() if row.encoder and row.lossless]

# the colours of a test card, in columns
BARS = np.repeat(
    np.array(
        [
            [255, 255, 255],
            [255, 255, 0],
            [0, 255, 255],
            [0, 255, 0],
            [255, 0, 255],
            [255, 0, 0],
            [0, 0, 255],
            [0, 0, 0],
        ],
        np.uint8,
    ),
    12,
    axis=0,
)[None].repeat(64, axis=0)


def noise() -> np.ndarray[tuple[int, int], np.dtype[np.uint16]]:
    return np.random.default_rng(1).integers(0, 4096, (64, 40), dtype=np.uint16)


@pytest.mark.parametrize("uid", LOSSLESS)
def test_one_altered_sample_is_found(uid: str) -> None:
    frame = noise()
    stream = encode(uid, frame, GRAY)
    for decoder in lookup(uid).decoders:
        verify(uid, stream, frame, GRAY, decoder=decoder)
        altered = frame.copy()
        altered[17, 23] ^= 1
        with pytest.raises(VerificationFailed, match="1 of 2560 samples") as caught:
            verify(uid, stream, altered, GRAY, decoder=decoder)
        assert (caught.value.disposition, caught.value.phase) == (Disposition.QUARANTINE, Phase.VERIFY)
        assert "uncompressed" in caught.value.remedy


@pytest.mark.parametrize("uid", LOSSLESS)
@pytest.mark.parametrize("length", [0, 10, 70])
def test_a_stream_cut_short_is_found(uid: str, length: int) -> None:
    with pytest.raises(VerificationFailed):
        verify(uid, encode(uid, noise(), GRAY)[:length], noise(), GRAY)


@pytest.mark.parametrize("uid", LOSSLESS)
def test_a_stream_of_another_size_is_found(uid: str) -> None:
    small = replace(GRAY, rows=32)
    with pytest.raises(VerificationFailed):
        verify(uid, encode(uid, noise()[:32], small), noise(), GRAY)


def test_colour_bars_pass_both_decoders() -> None:
    stream = encode(BASELINE, BARS, RGB)
    for decoder in lookup(BASELINE).decoders:
        verify(BASELINE, stream, BARS, RGB, decoder=decoder)


@pytest.mark.parametrize("wrong", ["planes swapped", "not transformed", "gray", "shifted"])
def test_wrong_colours_are_found(wrong: str) -> None:
    altered = {
        "planes swapped": BARS[:, :, ::-1].copy(),
        # what the classic green or pink picture is made of
        "not transformed": np.asarray(Image.fromarray(BARS).convert("YCbCr")),
        "gray": np.repeat(BARS.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8),
        "shifted": np.roll(BARS, 12, axis=1),
    }[wrong]
    stream = encode(BASELINE, altered, RGB)
    for decoder in lookup(BASELINE).decoders:
        with pytest.raises(VerificationFailed, match="error"):
            verify(BASELINE, stream, BARS, RGB, decoder=decoder)


def test_heavy_compression_of_noise_still_passes() -> None:
    frame = np.random.default_rng(2).normal(128, 30, (64, 96, 3)).clip(0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(frame).save(out, "JPEG", quality=30)
    verify(BASELINE, out.getvalue(), frame, RGB)


def test_native_syntaxes_have_nothing_to_prove_with() -> None:
    with pytest.raises(VerificationFailed, match="no foreign decoder"):
        verify("1.2.840.10008.1.2.1", b"", noise(), GRAY)


def test_a_format_that_the_syntax_forbids_is_refused_first() -> None:
    with pytest.raises(CodecError, match="Bits Allocated is 16"):
        verify(BASELINE, b"", noise(), GRAY)
