"""JPEG files judged and stripped: what may be wrapped as it stands, checked with two foreign decoders."""

import io
import struct
import subprocess
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libjpeg import decode as foreign_decode  # type: ignore[attr-defined]  # its package names no exports
from PIL import Image, ImageCms
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from gateway.capture.faults import TruncatedInput
from gateway.capture.jpeg_coding import examine_jpeg
from gateway.capture.jpeg_file import parse_jpeg
from gateway.domain.errors import GatewayError


def photograph(mode: str = "RGB", size: tuple[int, int] = (67, 45)) -> Image.Image:
    random = np.random.default_rng(7)
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    planes = [
        128 + 90 * np.sin(x / (5 + 3 * i)) * np.cos(y / (9 - i)) for i in range(len(Image.new(mode, (1, 1)).getbands()))
    ]
    array = np.clip(np.stack(planes, axis=-1) + random.normal(0, 6, (*y.shape, len(planes))), 0, 255).astype(np.uint8)
    return Image.fromarray(array[:, :, 0] if len(planes) == 1 else array, mode)


def jpeg(mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    photograph(mode).save(out, "JPEG", **options)
    return out.getvalue()


def pixels(stream: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(stream)))


def with_segment(data: bytes, marker: int, payload: bytes) -> bytes:
    return data[:2] + struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload + data[2:]


def without_segments(data: bytes, *markers: int) -> bytes:
    parsed = parse_jpeg(data)
    kept = [data[s.start : s.end] for s in parsed.segments if s.marker not in markers]
    return data[:2] + b"".join(kept) + b"\xff\xd9"


def exif_block(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(0x8769)[0x9003] = "2026:03:04 05:06:07"
    return exif.tobytes()


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_a_camera_photograph_is_wrapped_bit_for_bit(subsampling: str) -> None:
    data = jpeg(subsampling=subsampling, quality=88)
    found = examine_jpeg(data)
    assert found.why_decoded == ""
    assert found.coded is not None
    assert found.coded.transfer_syntax_uid == "1.2.840.10008.1.2.4.50"
    assert found.coded.format.photometric_interpretation == "YBR_FULL_422"
    assert (found.coded.format.rows, found.coded.format.columns) == (45, 67)
    assert found.coded.stream == data
    assert found.lossy[0].method == "ISO_10918_1"
    assert found.lossy[0].ratio == pytest.approx(45 * 67 * 3 / len(data))


def test_a_gray_photograph_is_monochrome2() -> None:
    found = examine_jpeg(jpeg("L"))
    assert found.coded is not None
    assert found.coded.format.photometric_interpretation == "MONOCHROME2"
    assert found.coded.format.samples_per_pixel == 1


def test_metadata_and_trailing_bytes_go_and_both_foreign_decoders_see_the_same_pixels() -> None:
    plain = jpeg(quality=90)
    dirty = jpeg(quality=90, exif=exif_block(), comment=b"SECRET-OWNER", xmp=b"<x>SECRET-OWNER</x>")
    dirty = with_segment(dirty, 0xED, b"Photoshop 3.0\0SECRET-OWNER")
    dirty = with_segment(dirty, 0xE2, b"MPF\0SECRET-OWNER")
    dirty = with_segment(dirty, 0xE0, b"JFXX\0SECRET-OWNER") + b"SECRET-OWNER" + plain
    found = examine_jpeg(dirty)
    assert found.coded is not None
    assert b"SECRET" not in found.coded.stream
    assert found.coded.stream == plain
    assert found.exif.recorded_at == datetime(2026, 3, 4, 5, 6, 7)  # noqa: DTZ001 - EXIF names no zone
    assert np.array_equal(pixels(found.coded.stream), pixels(dirty))
    assert np.array_equal(
        foreign_decode(found.coded.stream), foreign_decode(dirty[: dirty.index(b"\xff\xd9SECRET") + 2])
    )


def test_a_thumbnail_inside_jfif_goes() -> None:
    data = jpeg()
    fat = data[:2] + b"\xff\xe0" + struct.pack(">H", 16 + 12) + data[6:18] + b"\x02\x02" + b"T" * 12 + data[20:]
    found = examine_jpeg(fat)
    assert found.coded is not None
    assert found.coded.stream == data


def test_icc_profile_in_many_chunks_is_joined_and_stripped() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = jpeg()
    for number in (2, 1, 3):
        part = profile[(number - 1) * 200 : number * 200] if number < 3 else profile[400:]
        data = with_segment(data, 0xE2, b"ICC_PROFILE\0" + bytes((number, 3)) + part)
    found = examine_jpeg(data)
    assert found.icc_profile == profile
    assert found.coded is not None
    assert found.coded.stream == jpeg()


def test_an_icc_profile_with_a_missing_chunk_is_left_out() -> None:
    assert examine_jpeg(with_segment(jpeg(), 0xE2, b"ICC_PROFILE\0\x02\x02rest")).icc_profile is None


def test_the_adobe_marker_stays() -> None:
    data = without_segments(jpeg(), 0xE0)
    data = with_segment(data, 0xEE, b"Adobe\0\x64\0\0\0\0\x01")
    found = examine_jpeg(data)
    assert found.coded is not None
    assert found.coded.stream == data


def _non_interleaved() -> bytes:
    """Three scans: written by hand from three gray pictures that share their tables."""
    gray = [parse_jpeg(jpeg("L", quality=75)) for _ in range(3)]
    first = gray[0]
    out = b"\xff\xd8"
    for segment in first.segments:
        raw = first.data[segment.start : segment.end]
        if segment.marker == 0xC0:
            header = struct.pack(">BHHB", 8, 45, 67, 3) + b"".join(bytes((i, 0x11, 0)) for i in (1, 2, 3))
            raw = b"\xff\xc0" + struct.pack(">H", len(header) + 2) + header
        if segment.marker in (0xDA, 0):
            continue
        out += raw
    coded = next(first.data[s.start : s.end] for s in first.segments if s.marker == 0)
    for number in (1, 2, 3):
        out += b"\xff\xda\x00\x08\x01" + bytes((number, 0)) + b"\x00\x3f\x00" + coded
    return out + b"\xff\xd9"


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (jpeg(progressive=True), "progressive"),
        (jpeg(exif=exif_block(6)), "orientation is 6"),
        (jpeg("CMYK"), "4 colour components"),
        (jpeg(keep_rgb=True), "RGB"),
        (with_segment(jpeg(), 0xEE, b"Adobe\0\x64\0\0\0\0\x00"), "contradict"),
        (without_segments(jpeg(), 0xC4), "Huffman"),
        (without_segments(jpeg(), 0xDB), "quantisation"),
        (_non_interleaved(), "separate scans"),
    ],
)
def test_what_may_not_be_wrapped_says_why(data: bytes, word: str) -> None:
    found = examine_jpeg(data)
    assert found.coded is None
    assert word in found.why_decoded
    assert found.lossy[0].method == "ISO_10918_1"


def test_a_height_that_comes_later_is_put_where_decoders_look() -> None:
    data = jpeg("L")
    at = data.index(b"\xff\xc0") + 5
    late = data[:at] + b"\0\0" + data[at + 2 : -2] + b"\xff\xdc\x00\x04\x00\x2d" + b"\xff\xd9"
    found = examine_jpeg(late)
    assert "DNL" in found.why_decoded
    assert np.array_equal(pixels(found.stream), pixels(data))


def test_stray_bytes_between_segments_are_left_out() -> None:
    data = jpeg()
    found = examine_jpeg(data[:20] + b"stray" + data[20:])
    assert found.coded is not None
    assert found.coded.stream == data


@pytest.mark.parametrize(
    ("flags", "bits", "syntax", "stored"),
    [
        (["+e1"], 8, "1.2.840.10008.1.2.4.70", 8),
        (["+e1"], 12, "1.2.840.10008.1.2.4.70", 16),
        (["+el", "+sv", "4"], 16, "1.2.840.10008.1.2.4.57", 16),
        (["+ee"], 12, "1.2.840.10008.1.2.4.51", 12),
        (["+eb"], 8, "1.2.840.10008.1.2.4.50", 8),
    ],
)
def test_streams_of_dcmtk_get_the_syntax_that_dcmtk_gave_them(
    tmp_path: Path, flags: list[str], bits: int, syntax: str, stored: int
) -> None:
    source = _secondary_capture(bits)
    source.save_as(tmp_path / "in.dcm", enforce_file_format=True)
    subprocess.run(["dcmcjpeg", *flags, str(tmp_path / "in.dcm"), str(tmp_path / "out.dcm")], check=True)
    coded = pydicom.dcmread(tmp_path / "out.dcm")
    assert coded.file_meta.TransferSyntaxUID == syntax
    stream = next(generate_frames(coded.PixelData, number_of_frames=1))
    found = examine_jpeg(stream)
    assert found.coded is not None
    assert found.coded.transfer_syntax_uid == syntax
    assert found.coded.format.bits_stored == stored
    assert bool(found.lossy) is (syntax[-2:] in ("50", "51"))


def _secondary_capture(bits: int) -> pydicom.Dataset:
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID("2.25.1")
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "2.25.2", "2.25.3"
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = 40, 64, 1, "MONOCHROME2"
    ds.BitsAllocated = 8 if bits == 8 else 16
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = bits, bits - 1, 0
    ramp = np.linspace(0, (1 << bits) - 1, 40 * 64)
    ds.PixelData = ramp.astype(np.uint8 if bits == 8 else "<u2").tobytes()
    return ds


def test_every_truncation_is_truncated() -> None:
    data = jpeg(exif=exif_block())
    for length in range(3, len(data)):
        with pytest.raises(TruncatedInput):
            parse_jpeg(data[:length])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_end_in_a_fault_or_a_result(noise: bytes) -> None:
    try:
        examine_jpeg(b"\xff\xd8" + noise)
    except GatewayError:
        return


_SEEDS = [jpeg(exif=exif_block(3)), jpeg("L"), jpeg(progressive=True), jpeg("CMYK")]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(_SEEDS), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=12))
def test_mutated_files_end_in_a_fault_or_a_result(seed: bytes, changes: list[tuple[float, int]]) -> None:
    data = bytearray(seed)
    for where, value in changes:
        data[int(where**3 * (len(data) - 1))] = value
    try:
        examine_jpeg(bytes(data))
    except GatewayError:
        return


def test_an_extended_process_of_8_bits_gets_the_extended_syntax() -> None:
    data = jpeg().replace(b"\xff\xc0", b"\xff\xc1", 1)
    found = examine_jpeg(data)
    assert found.coded is not None
    assert found.coded.transfer_syntax_uid == "1.2.840.10008.1.2.4.51"
    assert found.coded.format.photometric_interpretation == "YBR_FULL_422"


_REAL = {
    "JPEG-lossy.dcm": None,
    "JPGExtended.dcm": (".51", "MONOCHROME2", 12),
    "SC_rgb_dcmtk_+eb+cy+n1.dcm": (".50", "YBR_FULL_422", 8),
    "SC_rgb_dcmtk_+eb+cy+np.dcm": (".50", "YBR_FULL_422", 8),
    "SC_rgb_dcmtk_+eb+cy+s2.dcm": (".50", "YBR_FULL_422", 8),
    "SC_rgb_dcmtk_+eb+cy+s4.dcm": (".50", "YBR_FULL_422", 8),
    "SC_rgb_jpeg_lossy_gdcm.dcm": (".50", "YBR_FULL_422", 8),
    "SC_rgb_jpeg_gdcm.dcm": (".70", "RGB", 8),
    "SC_rgb_small_odd_jpeg.dcm": (".50", "YBR_FULL_422", 8),
    "SC_rgb_dcmtk_+eb+cr.dcm": None,
    "SC_jpeg_no_color_transform.dcm": None,
    "SC_jpeg_no_color_transform_2.dcm": None,
}


@pytest.mark.parametrize("name", _REAL)
def test_streams_of_other_makers_are_judged_as_their_makers_meant_them(name: str) -> None:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    dataset = pydicom.dcmread(path)
    stream = next(generate_frames(dataset.PixelData, number_of_frames=1))
    found = examine_jpeg(stream)
    expected = _REAL[name]
    if expected is None:
        assert found.coded is None
        assert found.why_decoded
        return
    suffix, colour, bits = expected
    assert found.coded is not None
    assert dataset.file_meta.TransferSyntaxUID.endswith(suffix)
    assert found.coded.transfer_syntax_uid.endswith(suffix)
    assert found.coded.format.photometric_interpretation == colour
    assert found.coded.format.bits_stored == bits
    assert (found.coded.format.rows, found.coded.format.columns) == (dataset.Rows, dataset.Columns)
    assert np.array_equal(foreign_decode(found.coded.stream), foreign_decode(stream))
