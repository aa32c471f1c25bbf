"""Frames far larger than any cache, and clips of many: correct, and never more than 32 MB above the input."""

import tracemalloc
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.codec.encode import encode_chunks
from gateway.codec.pool import FrameTask, encode_frames
from gateway.codec.registry import lookup
from gateway.codec.samples import as_samples
from gateway.domain.frames import FrameFormat
from tests.benchmarks.codec_frames import sequence

RLE = "1.2.840.10008.1.2.5"
SV1 = "1.2.840.10008.1.2.4.70"
PROCESS_14 = "1.2.840.10008.1.2.4.57"
BASELINE = "1.2.840.10008.1.2.4.50"
EXTENDED = "1.2.840.10008.1.2.4.51"
LIMIT_BYTES = 32_000_000
SIDE = 20_000


@pytest.fixture(scope="module")
def large() -> NDArray[np.uint16]:
    """A scene of 20000 x 20000 samples of 12 bits with noise, so that streams are long."""
    rng = np.random.default_rng(1)
    row = (1800 + 1500 * np.sin(np.arange(SIDE) / 300)).astype(np.uint16)
    noise = rng.integers(0, 64, (97, SIDE), dtype=np.uint16)
    frame = np.empty((SIDE, SIDE), np.uint16)
    for top in range(0, SIDE, 97):
        part = frame[top : top + 97]
        np.add(noise[: len(part)], np.roll(row, top), out=part)
    return frame


def encode_to(path: Path, uid: str, frame: NDArray[Any], fmt: FrameFormat) -> int:
    """Write the stream part by part; returns the peak memory that this took above the input."""
    tracemalloc.start()
    with path.open("wb") as target:
        for part in encode_chunks(uid, frame, fmt):
            target.write(part)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("uid", [RLE, SV1])
def test_a_frame_of_800_megabytes_comes_back(uid: str, large: NDArray[np.uint16], tmp_path: Path) -> None:
    # 16 bits for JPEG Lossless to be asked for all that it can carry
    fmt = FrameFormat(SIDE, SIDE, 1, 16, 16, signed=False, photometric_interpretation="MONOCHROME2")
    path = tmp_path / "stream"
    assert encode_to(path, uid, large, fmt) < LIMIT_BYTES
    decoder = lookup(uid).decoders[0]
    assert np.array_equal(decoder.decode(path.read_bytes(), fmt), large)


@pytest.mark.parametrize("uid", [PROCESS_14, EXTENDED])
def test_the_other_encoders_stay_below_the_limit(uid: str, large: NDArray[np.uint16], tmp_path: Path) -> None:
    fmt = FrameFormat(SIDE // 4, SIDE, 1, 16, 12, signed=False, photometric_interpretation="MONOCHROME2")
    assert encode_to(tmp_path / "stream", uid, large[: SIDE // 4], fmt) < LIMIT_BYTES


@pytest.mark.parametrize("uid", [RLE, SV1, PROCESS_14, BASELINE])
@pytest.mark.parametrize("shape", [(40, 65535), (65535, 13)])
def test_the_longest_rows_and_columns(uid: str, shape: tuple[int, int], tmp_path: Path) -> None:
    fmt = FrameFormat(*shape, 3, 8, 8, signed=False, photometric_interpretation="RGB")
    frame = np.random.default_rng(2).integers(100, 140, (*shape, 3), dtype=np.uint8)
    path = tmp_path / "stream"
    assert encode_to(path, uid, frame, fmt) < LIMIT_BYTES
    # the last one: Pillow's library ends at 65500
    decoded = lookup(uid).decoders[-1].decode(path.read_bytes(), fmt)
    if lookup(uid).lossless:
        assert np.array_equal(decoded, as_samples(frame, fmt))
    else:
        assert np.abs(decoded.astype(np.int64) - as_samples(frame, fmt)).mean() < 15


def test_a_cine_of_a_thousand_frames(tmp_path: Path) -> None:
    frames, fmt = sequence("color3d_jpeg_baseline.dcm", 8)
    quarter = replace(fmt, rows=240, columns=320)
    native = tmp_path / "native"
    with native.open("wb") as target:
        for number, frame in enumerate(islice(cycle(frames), 1000)):
            # no two alike: each is marked with its number
            part = frame[::2, ::2].copy()
            part[0, 0] = (*divmod(number, 256), 7)
            target.write(part.tobytes())
    tasks = [
        FrameTask(SV1, quarter, native, number * quarter.frame_bytes, tmp_path / f"{number:04}")
        for number in range(1000)
    ]
    lengths = list(encode_frames(tasks))
    assert lengths == [task.target.stat().st_size for task in tasks]
    decoder = lookup(SV1).decoders[0]
    originals = np.memmap(native, np.uint8, "r").reshape(1000, 240, -1)
    for number in range(0, 1000, 37):
        assert np.array_equal(decoder.decode(tasks[number].target.read_bytes(), quarter), originals[number])
