"""Copies without compression: the same instance and pixels, as foreign decoders see them."""

import tracemalloc
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from openjpeg.utils import encode_array
from pydicom import dcmread
from pydicom.pixels.utils import iter_pixels

from gateway.domain.errors import Disposition, GatewayError
from gateway.domain.frames import FrameFormat, PictureFacts
from gateway.objects.build import build
from gateway.objects.write import write_object
from tests.conformance.objects.made import made, rle, tool_output, uncompressed, validator_findings
from tests.unit.objects.orders import (
    EXPLICIT,
    GREY8,
    GREY12,
    GREY16,
    IMPLICIT,
    JPEG,
    LOSSY_JPEG,
    RGB,
    RLE,
    YBR_422,
    frame,
    order,
)

J2K = "1.2.840.10008.1.2.4.90"


def copied(source: Path, syntax: str = EXPLICIT) -> Path:
    result = source.with_name("copy.dcm")
    with result.open("wb") as target:
        uncompressed(source, target, syntax)
    return result


def pixels(path: Path) -> NDArray[np.generic]:
    """Native pixels as they stand in a file."""
    return np.stack(list(iter_pixels(path, raw=True)))


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("fmt", [GREY8, GREY12, GREY16, RGB], ids=["grey8", "grey12", "grey16", "rgb"])
@pytest.mark.parametrize("frames", [1, 3])
def test_a_copy_of_an_rle_object_is_the_same_instance(
    tmp_path: Path, fmt: FrameFormat, frames: int, syntax: str
) -> None:
    source = made(order(fmt=fmt, transfer_syntax_uid=RLE, frame_count=frames), tmp_path / "object.dcm")
    path = copied(source, syntax)
    before, after = dcmread(source), dcmread(path)
    assert pixels(path).tobytes() == b"".join(frame(fmt, n) for n in range(frames))
    assert after.file_meta.TransferSyntaxUID == syntax
    del before.PixelData, after.PixelData
    assert before == after
    assert validator_findings("dciodvfy", path) == []
    tool_output("dcm2pnm", "+Sxf", "1", path, tmp_path / "picture.pnm")


@pytest.mark.parametrize("sop_class", ["vl-photographic", "ultrasound", "ophthalmic-photography-8-bit"])
def test_a_copy_of_a_camera_jpeg_is_rgb_and_still_lossy(tmp_path: Path, sop_class: str) -> None:
    facts = PictureFacts(lossy=LOSSY_JPEG)
    source = made(order(sop_class, YBR_422, transfer_syntax_uid=JPEG, facts=facts), tmp_path / "object.dcm")
    path = copied(source)
    after = dcmread(path)
    assert (after.PhotometricInterpretation, after.PlanarConfiguration) == ("RGB", 0)
    assert (after.LossyImageCompression, after.LossyImageCompressionMethod) == ("01", "ISO_10918_1")
    assert after.SOPInstanceUID == dcmread(source).SOPInstanceUID
    assert validator_findings("dciodvfy", path) == []
    foreign = tmp_path / "foreign.dcm"
    tool_output("dcmdjpeg", source, foreign)
    difference = np.abs(pixels(path).astype(int) - pixels(foreign).astype(int))
    # chroma is interpolated differently by decoders; the picture is smooth, so the results stay close
    assert difference.mean() < 1.5
    assert difference.max() <= 12


def test_a_copy_of_a_reversible_colour_transform_is_the_source(tmp_path: Path) -> None:
    rct = FrameFormat(96, 128, 3, 8, 8, signed=False, photometric_interpretation="YBR_RCT")
    native = np.frombuffer(frame(rct), np.uint8).reshape(96, 128, 3)
    stream = bytes(encode_array(native, photometric_interpretation=1, use_mct=True))
    source = tmp_path / "object.dcm"
    with source.open("wb") as target:
        write_object(build(order("vl-photographic", rct, transfer_syntax_uid=J2K)).dataset, J2K, [stream], 1, target)
    assert validator_findings("dciodvfy", source) == []
    path = copied(source)
    assert dcmread(path).PhotometricInterpretation == "RGB"
    assert pixels(path).tobytes() == frame(rct)


@pytest.mark.parametrize("tool", [("dcmcjpeg", "+e1"), ("dcmcjpeg", "+el"), ("dcmcjpls", "+el"), ("dcmcrle",)])
@pytest.mark.parametrize("fmt", [GREY8, GREY16, RGB], ids=["grey8", "grey16", "rgb"])
def test_what_dcmtk_compresses_without_loss_comes_back(tmp_path: Path, tool: tuple[str, ...], fmt: FrameFormat) -> None:
    native = made(order(fmt=fmt), tmp_path / "native.dcm")
    source = tmp_path / "object.dcm"
    tool_output(*tool, native, source)
    assert dcmread(source, stop_before_pixels=True).file_meta.TransferSyntaxUID.is_compressed
    assert pixels(copied(source)).tobytes() == frame(fmt)


def test_a_native_object_is_copied_too(tmp_path: Path) -> None:
    source = made(order(transfer_syntax_uid=IMPLICIT, frame_count=2), tmp_path / "object.dcm")
    assert pixels(copied(source)).tobytes() == frame(RGB) + frame(RGB, 1)


def test_a_stream_that_cannot_be_decoded_parks_the_delivery(tmp_path: Path) -> None:
    source = tmp_path / "object.dcm"
    with source.open("wb") as target:
        write_object(build(order(fmt=YBR_422, transfer_syntax_uid=JPEG)).dataset, JPEG, [b"no JPEG"], 1, target)
    with pytest.raises(GatewayError) as caught:
        uncompressed(source, BytesIO())
    assert caught.value.disposition is Disposition.PARK


def test_a_missing_file_parks_the_delivery(tmp_path: Path) -> None:
    with pytest.raises(GatewayError) as caught:
        uncompressed(tmp_path / "gone.dcm", BytesIO())
    assert caught.value.disposition is Disposition.PARK


def test_memory_holds_a_few_frames_whatever_the_length(tmp_path: Path) -> None:
    large = FrameFormat(512, 512, 3, 8, 8, signed=False, photometric_interpretation="RGB")
    count = 60
    coded = rle(large, frame(large))
    source = tmp_path / "object.dcm"
    dataset = build(order(fmt=large, transfer_syntax_uid=RLE, frame_count=count)).dataset
    tracemalloc.start()
    try:
        with source.open("wb") as target:
            write_object(dataset, RLE, (coded for _ in range(count)), count, target)
        copied(source)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * large.frame_bytes
