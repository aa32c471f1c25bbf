"""Files of our writer as DCMTK and pydicom read them: every pixel and every codestream comes back."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import get_frame, parse_basic_offsets
from pydicom.pixels.utils import iter_pixels

from gateway.domain.errors import InvalidObject
from gateway.domain.frames import FrameFormat
from gateway.domain.identifiers import IMPLEMENTATION_CLASS_UID
from gateway.domain.procedure import Patient
from gateway.objects.build import build
from gateway.objects.describe import describe
from gateway.objects.write import write_object
from tests.conformance.objects.made import frames_of, jpeg, made, tool_output
from tests.unit.objects.orders import EXPLICIT, GREY8, GREY16, IMPLICIT, JPEG, RGB, RLE, YBR_422, frame, order, step

ODD = FrameFormat(3, 5, 1, 8, 8, signed=False, photometric_interpretation="MONOCHROME2")
ODD_RGB = FrameFormat(5, 7, 3, 8, 8, signed=False, photometric_interpretation="RGB")
FORMATS = {"grey8": GREY8, "grey16": GREY16, "rgb": RGB, "odd": ODD, "odd-rgb": ODD_RGB}


def raw_pixels(path: Path, folder: Path) -> bytes:
    """Pixel Data as DCMTK's dcmdump takes it out of a file."""
    folder.mkdir()
    tool_output("dcmdump", "+W", folder, path)
    return b"".join(p.read_bytes() for p in sorted(folder.iterdir(), key=_item_number))


def _item_number(path: Path) -> int:
    return int(path.name.split(".")[-2])


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("name", FORMATS)
def test_native_pixels_come_back_from_dcmtk(tmp_path: Path, name: str, syntax: str, frames: int) -> None:
    fmt = FORMATS[name]
    source = order(fmt=fmt, transfer_syntax_uid=syntax, frame_count=frames)
    path = made(source, tmp_path / "object.dcm")
    expected = b"".join(frame(fmt, n) for n in range(frames))
    assert raw_pixels(path, tmp_path / "raw") == expected + b"\0" * (len(expected) % 2)
    assert np.stack(list(iter_pixels(path))).tobytes() == expected
    assert str(dcmread(path).file_meta.ImplementationClassUID) == str(IMPLEMENTATION_CLASS_UID)


@pytest.mark.parametrize("frames", [1, 4])
@pytest.mark.parametrize("name", FORMATS)
def test_rle_pixels_come_back_from_dcmtk(tmp_path: Path, name: str, frames: int) -> None:
    fmt = FORMATS[name]
    path = made(order(fmt=fmt, transfer_syntax_uid=RLE, frame_count=frames), tmp_path / "object.dcm")
    native = tmp_path / "native.dcm"
    tool_output("dcmdrle", path, native)
    expected = b"".join(frame(fmt, n) for n in range(frames))
    assert np.stack(list(iter_pixels(native))).tobytes() == expected
    assert np.stack(list(iter_pixels(path))).tobytes() == expected


@pytest.mark.parametrize("fmt", [GREY8, YBR_422], ids=["grey", "colour"])
@pytest.mark.parametrize("frames", [1, 3])
def test_a_camera_stream_is_kept_bit_for_bit(tmp_path: Path, fmt: FrameFormat, frames: int) -> None:
    path = made(order(fmt=fmt, transfer_syntax_uid=JPEG, frame_count=frames), tmp_path / "object.dcm")
    data = dcmread(path).PixelData
    for number in range(frames):
        stream = jpeg(fmt, number)
        assert get_frame(data, number, number_of_frames=frames) == stream + b"\0" * (len(stream) % 2)
    tool_output("dcmdjpeg", path, tmp_path / "native.dcm")


def test_the_basic_offset_table_points_at_every_frame(tmp_path: Path) -> None:
    path = made(order(transfer_syntax_uid=RLE, frame_count=5), tmp_path / "object.dcm")
    data = dcmread(path).PixelData
    offsets = parse_basic_offsets(data)
    first = 8 + 4 * 5
    assert offsets[0] == 0
    assert [data[first + offset : first + offset + 4] for offset in offsets] == [b"\xfe\xff\x00\xe0"] * 5


def test_a_very_long_object_has_an_extended_offset_table(tmp_path: Path) -> None:
    large = FrameFormat(40000, 40000, 1, 8, 8, signed=False, photometric_interpretation="MONOCHROME2")
    built = build(order(fmt=large, transfer_syntax_uid=RLE, frame_count=3))
    streams = [b"first", b"second stream", b"third one"]
    path = tmp_path / "object.dcm"
    with path.open("wb") as target:
        write_object(built.dataset, RLE, streams, 3, target)
    dataset = dcmread(path)
    tables = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
    assert parse_basic_offsets(dataset.PixelData) == []
    assert np.frombuffer(tables[1], "<u8").tolist() == [5, 13, 9]
    for number, stream in enumerate(streams):
        assert get_frame(dataset.PixelData, number, extended_offsets=tables).startswith(stream)
    assert "ExtendedOffsetTable" in tool_output("dcmdump", path)
    assert "ExtendedOffsetTable" not in built.dataset


def test_frames_may_come_in_pieces() -> None:
    dataset = build(order(transfer_syntax_uid=RLE)).dataset
    (whole,) = frames_of(order(transfer_syntax_uid=RLE))
    one, two = BytesIO(), BytesIO()
    write_object(dataset, RLE, [whole], 1, one)
    write_object(dataset, RLE, [iter((whole[:10], whole[10:]))], 1, two)
    assert one.getvalue() == two.getvalue()


@pytest.mark.parametrize("syntax", [EXPLICIT, RLE])
@pytest.mark.parametrize("given", [0, 1, 3])
def test_a_wrong_number_of_frames_is_refused(syntax: str, given: int) -> None:
    dataset = build(order(frame_count=2, transfer_syntax_uid=syntax)).dataset
    with pytest.raises(InvalidObject, match=f"{given} frames"):
        write_object(dataset, syntax, [frame(RGB)] * given, 2, BytesIO())


def test_a_native_frame_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(InvalidObject, match="lengths"):
        write_object(build(order()).dataset, EXPLICIT, [frame(RGB)[:-1]], 1, BytesIO())


def test_too_many_native_bytes_are_refused_before_writing_them() -> None:
    large = FrameFormat(60000, 60000, 3, 8, 8, signed=False, photometric_interpretation="RGB")
    with pytest.raises(InvalidObject, match="more than an uncompressed object can hold"):
        write_object(build(order(fmt=large)).dataset, EXPLICIT, [], 1, BytesIO())


def test_an_object_is_described_in_lines(tmp_path: Path) -> None:
    lines = describe(made(order(), tmp_path / "object.dcm"))
    assert ("(0008,0060)", "Modality", "OT") in lines
    assert ("(0010,0020)", "Patient ID", "PAT-1") in lines
    assert ("  (0040,1001)", "Requested Procedure ID", "RP-1") in lines


@pytest.mark.parametrize("name", ["शर्मा^प्रिया", "Yamada^Tarou=山田^太郎=やまだ^たろう", "Иванова^Анна"])
def test_names_of_the_world_come_back_from_dcmtk(tmp_path: Path, name: str) -> None:
    path = made(order(subject=step(patient=Patient("PAT-2", "", name))), tmp_path / "object.dcm")
    printed = tool_output("dcmdump", "+U8", "+P", "PatientName", "+P", "SpecificCharacterSet", path)
    assert f"[{name}]" in printed
    assert "[ISO_IR 192]" in printed
