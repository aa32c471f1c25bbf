"""Every lossless stream of a real frame comes back exactly from DCMTK, GDCM and the decoders of the registry."""

from pathlib import Path

import numpy as np
import pytest

from gateway.codec.encode import encode
from gateway.codec.registry import all_rows, lookup
from gateway.codec.verify import verify
from gateway.domain.frames import FrameFormat
from tests.benchmarks.codec_frames import SMALL_SOURCES, SOURCES, RealFrame, load, sequence
from tests.conformance.codec.tools import DCMTK_TOOLS, decode_with_dcmtk, decode_with_gdcm, gdcm_can_read, write_object

LOSSLESS = [row.uid for row in all_rows() if row.encoder and row.lossless]
OWN = [uid for uid in LOSSLESS if lookup(uid).made_by.startswith("own")]
SOURCES_BY_NAME = dict([*SOURCES, *SMALL_SOURCES])


def expected_of(frame: RealFrame) -> np.ndarray[tuple[int, ...], np.dtype[np.integer]]:
    fmt = frame.format
    return frame.pixels.reshape(1, fmt.rows, fmt.columns, fmt.samples_per_pixel)


@pytest.mark.parametrize("uid", LOSSLESS)
@pytest.mark.parametrize("name", SOURCES_BY_NAME)
def test_foreign_decoders_give_the_frame_back(name: str, uid: str, tmp_path: Path) -> None:
    frame = load(name, SOURCES_BY_NAME[name])
    fmt = frame.format
    if uid not in OWN and fmt.frame_bytes < 256:
        # too small for the libraries, which say so; `tests/unit/codec` has that
        return
    stream = encode(uid, frame.pixels, fmt)
    for decoder in lookup(uid).decoders:
        verify(uid, stream, frame.pixels, fmt, decoder=decoder)
    path = tmp_path / "encoded.dcm"
    write_object(path, uid, fmt, [stream])
    if uid in DCMTK_TOOLS:
        assert np.array_equal(decode_with_dcmtk(path, uid, fmt, 1), expected_of(frame))
    if gdcm_can_read(uid, fmt, stream):
        assert np.array_equal(decode_with_gdcm(path, fmt, 1), expected_of(frame))


@pytest.mark.parametrize("uid", OWN)
@pytest.mark.parametrize("file_name", ["emri_small.dcm", "color3d_jpeg_baseline.dcm"])
def test_multi_frame_objects_come_back_frame_by_frame(file_name: str, uid: str, tmp_path: Path) -> None:
    frames, fmt = sequence(file_name, 10)
    path = tmp_path / "encoded.dcm"
    write_object(path, uid, fmt, [encode(uid, frame, fmt) for frame in frames])
    expected = np.stack(frames).reshape(10, fmt.rows, fmt.columns, fmt.samples_per_pixel)
    assert np.array_equal(decode_with_dcmtk(path, uid, fmt, 10), expected)
    assert np.array_equal(decode_with_gdcm(path, fmt, 10), expected)


@pytest.mark.parametrize("uid", OWN)
@pytest.mark.parametrize(("allocated", "stored"), [(8, 8), *((16, stored) for stored in range(8, 17))])
@pytest.mark.parametrize("signed", [False, True])
def test_every_depth_that_the_row_allows(
    uid: str, allocated: int, stored: int, tmp_path: Path, *, signed: bool
) -> None:
    fmt = FrameFormat(33, 46, 1, allocated, stored, signed, "MONOCHROME2")
    rng = np.random.default_rng(stored)
    lowest = -(1 << (stored - 1)) if signed else 0
    values = rng.integers(lowest, lowest + (1 << stored), (33, 46))
    # half noise over the full range, half smooth
    values[:, :20] = lowest + np.arange(33)[:, None] + np.arange(20)
    frame = values.astype(f"<{'i' if signed else 'u'}{fmt.bits_allocated // 8}")
    path = tmp_path / "encoded.dcm"
    stream = encode(uid, frame, fmt)
    write_object(path, uid, fmt, [stream])
    expected = frame.reshape(1, 33, 46, 1)
    assert np.array_equal(decode_with_dcmtk(path, uid, fmt, 1), expected)
    if gdcm_can_read(uid, fmt, stream):
        assert np.array_equal(decode_with_gdcm(path, fmt, 1), expected)


@pytest.mark.parametrize("uid", OWN)
@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (2, 3)])
def test_frames_of_one_row_or_column(uid: str, shape: tuple[int, int], tmp_path: Path) -> None:
    fmt = FrameFormat(*shape, 1, 16, 12, signed=False, photometric_interpretation="MONOCHROME2")
    frame = (np.arange(shape[0] * shape[1]) * 37 % 4096).astype(np.uint16).reshape(shape)
    path = tmp_path / "encoded.dcm"
    stream = encode(uid, frame, fmt)
    verify(uid, stream, frame, fmt)
    write_object(path, uid, fmt, [stream])
    assert np.array_equal(decode_with_dcmtk(path, uid, fmt, 1), frame.reshape(1, *shape, 1))
    if gdcm_can_read(uid, fmt, stream):
        assert np.array_equal(decode_with_gdcm(path, fmt, 1), frame.reshape(1, *shape, 1))
