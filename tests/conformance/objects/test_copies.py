"""Copies for destinations that refuse the stored syntax: the same instance and pixels, judged by foreign decoders."""

import itertools
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.utils import iter_pixels

from gateway.codec.errors import VerificationFailed
from gateway.domain.frames import FrameFormat, PictureFacts
from gateway.stages import copies
from gateway.stages.sender import CopyRules
from tests.conformance.objects.made import made, tool_output, validator_findings
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

JPEG_LS, J2K, SV1 = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.70"
BOTH = (EXPLICIT, IMPLICIT)
FOREIGN = {RLE: "dcmdrle", SV1: "dcmdjpeg", JPEG_LS: "dcmdjpls"}
"""DCMTK's decoders, which have no part in making or proving a copy."""


def copy_of(
    source: Path,
    accepted: Sequence[str],
    candidates: Sequence[str],
    rate: float | None = None,
    ticks: Sequence[float] = (0.0,),
) -> tuple[Dataset, Path, str]:
    stream = BytesIO()
    rules = CopyRules(candidates, lambda: rate, itertools.cycle(ticks).__next__)
    syntax = copies.write_copy(source, stream, accepted, rules)
    path = source.with_name("copy.dcm")
    path.write_bytes(stream.getvalue())
    dataset = dcmread(path)
    assert str(dataset.file_meta.TransferSyntaxUID) == syntax
    return dataset, path, syntax


def native(path: Path, folder: Path, syntax: str) -> bytes:
    """The pixels of a copy, decoded by somebody else."""
    plain = folder / "plain.dcm"
    if syntax in FOREIGN:
        tool_output(FOREIGN[syntax], path, plain)
    return np.stack(list(iter_pixels(plain if syntax in FOREIGN else path, raw=True))).tobytes()


@pytest.mark.parametrize("syntax", [RLE, SV1, JPEG_LS])
@pytest.mark.parametrize("fmt", [GREY8, GREY12, GREY16, RGB], ids=["grey8", "grey12", "grey16", "rgb"])
@pytest.mark.parametrize("frames", [1, 3])
def test_a_copy_in_another_lossless_syntax_is_the_same_instance(
    tmp_path: Path, fmt: FrameFormat, frames: int, syntax: str
) -> None:
    stored = EXPLICIT if syntax == RLE else RLE
    source = made(order(fmt=fmt, transfer_syntax_uid=stored, frame_count=frames), tmp_path / "object.dcm")
    after, path, used = copy_of(source, [syntax, *BOTH], [syntax])
    assert used == syntax
    assert native(path, tmp_path, syntax) == b"".join(frame(fmt, n) for n in range(frames))
    assert validator_findings("dciodvfy", path) == []
    before = dcmread(source)
    for one in (before, after):
        del one.PixelData, one.PhotometricInterpretation
        for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
            one.pop(keyword, None)
    assert before == after


def test_a_camera_jpeg_that_is_refused_goes_lossless_and_keeps_its_history(tmp_path: Path) -> None:
    facts = PictureFacts(lossy=LOSSY_JPEG)
    source = made(order("vl-photographic", YBR_422, transfer_syntax_uid=JPEG, facts=facts), tmp_path / "object.dcm")
    after, path, used = copy_of(source, [JPEG_LS, *BOTH], [RLE, JPEG_LS])
    assert (used, after.PhotometricInterpretation) == (JPEG_LS, "RGB")
    assert (after.LossyImageCompression, after.LossyImageCompressionMethod) == ("01", "ISO_10918_1")
    assert after.SOPInstanceUID == dcmread(source).SOPInstanceUID
    assert validator_findings("dciodvfy", path) == []


@pytest.mark.parametrize(
    ("accepted", "candidates", "expected"),
    [
        ([*BOTH], [RLE, JPEG_LS], EXPLICIT),
        ([IMPLICIT], [RLE], IMPLICIT),
        ([JPEG_LS, *BOTH], [RLE], EXPLICIT),
        ([JPEG_LS, SV1, *BOTH], [SV1, JPEG_LS], SV1),
        ([JPEG, *BOTH], [JPEG], EXPLICIT),
        ([J2K, JPEG_LS, *BOTH], [J2K, JPEG_LS], JPEG_LS),
    ],
    ids=[
        "takes none",
        "takes implicit alone",
        "policy has none of it",
        "the policy's order",
        "never with loss",
        "too small a frame for the first encoder",
    ],
)
def test_only_what_policy_and_destination_have_in_common_is_used(
    tmp_path: Path, accepted: list[str], candidates: list[str], expected: str
) -> None:
    source = made(order(fmt=GREY8, transfer_syntax_uid=RLE), tmp_path / "object.dcm")
    assert copy_of(source, accepted, candidates)[2] == expected


def test_the_link_decides_between_small_and_quick(tmp_path: Path) -> None:
    """Each encoder takes a second by this clock: on a fast link none is worth that, on a slow one the smallest is."""
    source = made(order(fmt=GREY16, transfer_syntax_uid=RLE), tmp_path / "object.dcm")
    clock = [float(n) for n in range(100)]
    sizes = {syntax: copy_of(source, [syntax, *BOTH], [syntax])[1].stat().st_size for syntax in (SV1, JPEG_LS)}
    slow = copy_of(source, [SV1, JPEG_LS, *BOTH], [SV1, JPEG_LS], rate=10.0, ticks=clock)[2]
    assert slow == min(sizes, key=lambda syntax: sizes[syntax])
    assert copy_of(source, [SV1, JPEG_LS, *BOTH], [SV1, JPEG_LS], rate=1e9, ticks=clock)[2] == EXPLICIT


def test_a_stream_that_cannot_be_proven_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise VerificationFailed("it does not come back", clause="PS3.5 section 8.2")

    source = made(order(fmt=GREY8, transfer_syntax_uid=RLE, frame_count=3), tmp_path / "object.dcm")
    monkeypatch.setattr(copies, "verify", refuse)
    _, path, used = copy_of(source, [JPEG_LS, *BOTH], [JPEG_LS])
    assert used == EXPLICIT
    assert native(path, tmp_path, used) == b"".join(frame(GREY8, n) for n in range(3))
