"""Colour bars through the lossy path: decoders of others must see the colours, not the classic green or pink image."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gateway.codec import foreign
from gateway.codec.encode import encode
from gateway.codec.options import EncodeOptions
from gateway.domain.frames import FrameFormat
from tests.conformance.codec.tools import decode_with_dcmtk, decode_with_gdcm, write_object

BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
COLOURS = np.array(
    [[191, 191, 191], [191, 191, 0], [0, 191, 191], [0, 191, 0], [191, 0, 191], [191, 0, 0], [0, 0, 191], [0, 0, 0]],
    np.uint8,
)
WIDTH = 40
FORMAT = FrameFormat(64, 8 * WIDTH, 3, 8, 8, signed=False, photometric_interpretation="RGB")


def bars() -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.broadcast_to(np.repeat(COLOURS, WIDTH, axis=0), (64, 8 * WIDTH, 3)))


def seen(decoded: NDArray[np.integer]) -> NDArray[np.int64]:
    """The colour in the middle of each bar."""
    picture = decoded.reshape(64, 8 * WIDTH, 3).astype(np.int64)
    return np.array([np.median(picture[:, WIDTH * bar + 10 : WIDTH * bar + 30], axis=(0, 1)) for bar in range(8)])


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2"])
@pytest.mark.parametrize("quality", [30, 90])
def test_baseline(subsampling: str, quality: int, tmp_path: Path) -> None:
    stream = encode(BASELINE, bars(), FORMAT, options=EncodeOptions(quality=quality, subsampling=subsampling))
    path = tmp_path / "bars.dcm"
    write_object(path, BASELINE, FORMAT, [stream])
    pictures = {
        "DCMTK": decode_with_dcmtk(path, BASELINE, FORMAT, 1),
        "Pillow": np.asarray(Image.open(io.BytesIO(stream))),
        "pylibjpeg-libjpeg": foreign.decode_with_pylibjpeg_libjpeg(stream, FORMAT),
    }
    for name, picture in pictures.items():
        assert np.abs(seen(picture) - COLOURS).max() <= 6, name


def test_jpeg_2000_with_its_reversible_transform(tmp_path: Path) -> None:
    path = tmp_path / "bars.dcm"
    write_object(path, JPEG_2000, FORMAT, [encode(JPEG_2000, bars(), FORMAT)])
    assert np.array_equal(decode_with_gdcm(path, FORMAT, 1)[0], bars())


@pytest.mark.parametrize("stored", [8, 12])
def test_gray_lossy_streams_in_dcmtk(stored: int, tmp_path: Path) -> None:
    uid = BASELINE if stored == 8 else "1.2.840.10008.1.2.4.51"
    fmt = FrameFormat(100, 130, 1, 8 if stored == 8 else 16, stored, False, "MONOCHROME2")
    highest = (1 << stored) - 1
    frame = (np.add.outer(np.arange(100), np.arange(130)) * highest // 230).astype(f"<u{fmt.bits_allocated // 8}")
    path = tmp_path / "gray.dcm"
    write_object(path, uid, fmt, [encode(uid, frame, fmt)])
    for decoded in (decode_with_dcmtk(path, uid, fmt, 1), decode_with_gdcm(path, fmt, 1)):
        assert np.abs(decoded[0, :, :, 0].astype(np.int64) - frame).max() <= 6 * (1 if stored == 8 else 4)
