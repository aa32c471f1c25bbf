"""Objects built as the assembling role builds them: clips on all cores, lossy only when asked, never twice."""

import io
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.uid import JPEGBaseline8Bit, JPEGLosslessSV1

from gateway.capture.image_files import open_picture
from gateway.codec.options import EncodeOptions
from gateway.domain.identifiers import InstanceId, mint_uid
from gateway.domain.instance import InstanceIdentity
from gateway.domain.objects import LocalStudy, ObjectProfile, Station
from gateway.domain.procedure import Patient
from gateway.stages.build import ObjectBuilder, Plan, Subject
from gateway.stages.encoding import EncodingPolicy, LossyChoice
from tests.support.ledger import SetClock

_STATION = Station("room", "BOX", "hospital", "1")
_SV1 = EncodingPolicy("list", (str(JPEGLosslessSV1),))
_LOSSY = LossyChoice(str(JPEGBaseline8Bit), EncodeOptions(quality=80))


def _build(
    picture_file: Path, out: Path, sop_class: str = "vl-photographic", lossy: LossyChoice | None = None
) -> tuple[Plan, Path]:
    builder = ObjectBuilder(_STATION, SetClock(), lambda: None)
    picture = open_picture(picture_file)
    profile = ObjectProfile(sop_class, laterality="R")
    plan = builder.plan(picture, profile, _SV1, None, lossy=lossy)
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    identity = InstanceIdentity(InstanceId(1), mint_uid(), mint_uid(), mint_uid(), 1, 1)
    about = Subject(LocalStudy(Patient("P1", name="Test^Patient")), moment, moment, ())
    with out.open("w+b") as target:
        builder.write(plan, picture, profile=profile, identity=identity, about=about, target=target)
    return plan, out


def _faults(path: Path) -> list[str]:
    tool = Path(sys.executable).with_name("dciodvfy")
    said = subprocess.run([tool, str(path)], capture_output=True, text=True, check=False).stderr
    return [line for line in said.splitlines() if line.startswith(("Error", "Abort"))]


def _smooth(edge: int) -> np.ndarray:
    ramp = np.linspace(0, 255, edge, dtype=np.uint8)
    return np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], np.uint8(90)), axis=-1)


def test_clip_is_encoded_by_all_cores_and_comes_back_exactly(tmp_path: Path) -> None:
    frames = [np.random.default_rng(n).integers(0, 60, (2048, 2048), dtype=np.uint8) for n in range(20)]
    pages = [Image.fromarray(frame) for frame in frames]
    pages[0].save(tmp_path / "clip.tif", save_all=True, append_images=pages[1:])
    plan, out = _build(tmp_path / "clip.tif", tmp_path / "out.dcm", "secondary-capture")
    assert plan.frame_count == 20
    assert np.array_equal(dcmread(out).pixel_array, np.stack(frames))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.tif", "out.dcm"], "no scratch is left"


@pytest.mark.parametrize(
    "sop_class", ["vl-photographic", "secondary-capture", "ultrasound", "ophthalmic-photography-8-bit"]
)
def test_lossy_is_recorded_as_the_standard_wants_it(tmp_path: Path, sop_class: str) -> None:
    Image.fromarray(_smooth(256)).save(tmp_path / "raw.png")
    _, out = _build(tmp_path / "raw.png", tmp_path / "out.dcm", sop_class, _LOSSY)
    dataset = dcmread(out)
    assert dataset.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
    assert dataset.PhotometricInterpretation == "YBR_FULL_422"
    assert (dataset.LossyImageCompression, dataset.LossyImageCompressionMethod) == ("01", "ISO_10918_1")
    assert float(dataset.LossyImageCompressionRatio) == pytest.approx(256 * 256 * 3 / _stream_bytes(out), rel=0.01)
    # DERIVED ophthalmic images must be montages (PS3.3 C.8.17.2.1.4), which this is not
    assert dataset.ImageType[0] == ("ORIGINAL" if sop_class.startswith("ophthalmic") else "DERIVED")
    assert dataset.DerivationCodeSequence[0].CodeValue == "113040"
    assert _faults(out) == []


def _stream_bytes(path: Path) -> int:
    return len(dcmread(path).PixelData) - 24


def test_pixels_that_were_lossy_once_are_never_compressed_with_loss_again(tmp_path: Path) -> None:
    jpeg = io.BytesIO()
    Image.fromarray(_smooth(64)).save(jpeg, "JPEG", progressive=True)
    (tmp_path / "camera.jpg").write_bytes(jpeg.getvalue())
    plan, out = _build(tmp_path / "camera.jpg", tmp_path / "out.dcm", lossy=_LOSSY)
    assert "never are twice" in plan.reason
    dataset = dcmread(out)
    assert dataset.file_meta.TransferSyntaxUID == JPEGLosslessSV1
    assert dataset.LossyImageCompressionMethod == "ISO_10918_1"


def test_pixels_that_the_lossy_syntax_may_not_carry_stay_lossless(tmp_path: Path) -> None:
    deep = (np.arange(64 * 64, dtype=np.uint16) * 16).reshape(64, 64)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    plan, out = _build(tmp_path / "deep.png", tmp_path / "out.dcm", "secondary-capture", _LOSSY)
    assert "may not carry" in plan.reason
    assert np.array_equal(dcmread(out).pixel_array, deep)


def test_without_a_lossy_table_nothing_is_lossy(tmp_path: Path) -> None:
    Image.fromarray(_smooth(64)).save(tmp_path / "raw.png")
    plan, out = _build(tmp_path / "raw.png", tmp_path / "out.dcm")
    assert plan == replace(plan, lossy=None)
    assert dcmread(out).LossyImageCompression == "00"
