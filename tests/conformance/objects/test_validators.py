"""Every class in every form passes dciodvfy without an error line, and dcentvfy within its study."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.frames import FrameFormat, LossyStep, PictureFacts
from gateway.domain.objects import Equipment, LocalStudy
from gateway.domain.procedure import Patient, Step
from tests.conformance.objects.made import made, series, validator_findings
from tests.unit.objects.orders import (
    GREY8,
    GREY12,
    GREY16,
    JPEG,
    LOSSY_JPEG,
    PATIENT,
    RGB,
    RLE,
    YBR_422,
    order,
    step,
    unscheduled,
)

FORMS: dict[str, tuple[FrameFormat, dict[str, Any]]] = {
    "grey8": (GREY8, {}),
    "grey12": (GREY12, {}),
    "grey16": (GREY16, {}),
    "rgb": (RGB, {}),
    "rgb-rle": (RGB, {"transfer_syntax_uid": RLE, "planar_configuration": 0}),
    "grey8-rle": (GREY8, {"transfer_syntax_uid": RLE}),
    "grey-jpeg": (GREY8, {"transfer_syntax_uid": JPEG, "facts": PictureFacts(lossy=LOSSY_JPEG)}),
    "colour-jpeg": (YBR_422, {"transfer_syntax_uid": JPEG, "facts": PictureFacts(lossy=LOSSY_JPEG)}),
}
EIGHT_BITS = [name for name in FORMS if name not in {"grey12", "grey16"}]
CASES = [
    *[("secondary-capture", form, frames) for form in FORMS for frames in (1, 3)],
    *[("multi-frame-grayscale-byte-sc", form, frames) for form in ("grey8", "grey8-rle") for frames in (1, 3)],
    *[("multi-frame-grayscale-word-sc", form, frames) for form in ("grey12", "grey16") for frames in (1, 3)],
    *[("multi-frame-true-color-sc", form, frames) for form in ("rgb", "rgb-rle", "colour-jpeg") for frames in (1, 3)],
    *[("vl-photographic", form, 1) for form in EIGHT_BITS],
    *[("vl-endoscopic", form, 1) for form in EIGHT_BITS],
    *[("ultrasound", form, frames) for form in EIGHT_BITS for frames in (1, 3)],
    *[("ultrasound-multi-frame", form, 1) for form in EIGHT_BITS],
    *[("ophthalmic-photography-8-bit", form, frames) for form in EIGHT_BITS for frames in (1, 3)],
]
HINDI = Patient("PAT-2", "", "शर्मा^प्रिया", "19800101", "F")
JAPANESE = Patient("PAT-3", "", "Yamada^Tarou=山田^太郎=やまだ^たろう", "", "M")
SUBJECTS: dict[str, Step | LocalStudy] = {
    "scheduled": step(),
    "scheduled-bare": step({}),
    "scheduled-japanese": step(patient=JAPANESE),
    "unscheduled": unscheduled(),
    "unscheduled-hindi": unscheduled(HINDI, "आँख"),
    "unscheduled-unknown": unscheduled(Patient("")),
}


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize(("sop_class", "form", "frames"), CASES)
def test_an_object_of_every_class_has_no_error(
    tmp_path: Path, sop_class: str, form: str, frames: int, subject: str
) -> None:
    fmt, changes = FORMS[form]
    path = made(order(sop_class, fmt, SUBJECTS[subject], frame_count=frames, **changes), tmp_path / "object.dcm")
    assert validator_findings("dciodvfy", path) == []


CLASSES = ("secondary-capture", "vl-photographic", "vl-endoscopic", "ultrasound", "ophthalmic-photography-8-bit")
VARIATIONS: dict[str, dict[str, Any]] = {
    "bare device": {"profile": {"equipment": Equipment()}},
    "left eye by hint": {"hints": (Hint(HintKind.LATERALITY, "OS", "file name"),)},
    "chest by hint": {"hints": (Hint(HintKind.BODY_PART, "chest", "file name"),)},
    "hand by hint": {"hints": (Hint(HintKind.BODY_PART, "HAND", "file name"),)},
    "body part of the profile": {"profile": {"body_part": "skin"}},
    "operators and comment": {
        "hints": (
            Hint(HintKind.OPERATOR, "Op^One", "sidecar"),
            Hint(HintKind.OPERATOR, "Op^Two", "sidecar"),
            Hint(HintKind.DESCRIPTION, "second visit\\left", "sidecar"),
        )
    },
    "two lossy steps": {"facts": PictureFacts(lossy=(LossyStep(60, "ISO_14496_10"), LossyStep(12, "ISO_10918_1")))},
    "burned in": {"profile": {"burned_in_annotation": True, "laterality": "B"}},
    "defaults and codes": {
        "profile": {
            "laterality": "R",
            "defaults": {"ImageComments": "Zimmer 5", "PixelAspectRatio": "4\\3", "ProtocolName": "Übersicht"},
            "codes": {"AnatomicRegionSequence": ("5665001", "SCT", "Retina")},
        }
    },
}


@pytest.mark.parametrize("variation", VARIATIONS)
@pytest.mark.parametrize("sop_class", CLASSES)
def test_a_variation_of_profile_or_hints_has_no_error(tmp_path: Path, sop_class: str, variation: str) -> None:
    path = made(order(sop_class, RGB, **VARIATIONS[variation]), tmp_path / "object.dcm")
    assert validator_findings("dciodvfy", path) == []


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("sop_class", CLASSES)
def test_the_objects_of_a_study_agree(tmp_path: Path, sop_class: str, subject: str) -> None:
    base = order(sop_class, RGB, SUBJECTS[subject])
    hints = {
        "plain": (),
        "right": (Hint(HintKind.LATERALITY, "OD", "file name"),),
        "left": (Hint(HintKind.LATERALITY, "OS", "file name"), Hint(HintKind.DESCRIPTION, "again", "sidecar")),
        "chest": (Hint(HintKind.BODY_PART, "CHEST", "file name"),),
    }
    orders = [replace(base, identity=order(subject=unscheduled()).identity, hints=given) for given in hints.values()]
    study = base.identity.study_instance_uid
    orders = [replace(o, identity=replace(o.identity, study_instance_uid=study)) for o in orders]
    paths = series(orders, tmp_path)
    findings = validator_findings("dcentvfy", *paths)
    # the study and patient objects that a worklist refers to are no files here
    assert [line for line in findings if "Missing SOPInstanceUID that was referenced - 1.2.3." not in line] == []
    for path in paths:
        assert validator_findings("dciodvfy", path) == []


def test_the_validator_does_find_errors(tmp_path: Path) -> None:
    """A guard of the guard: an object with a value cut out must be complained about."""
    path = made(order("vl-photographic", RGB, replace(unscheduled(), patient=PATIENT)), tmp_path / "object.dcm")
    path.write_bytes(path.read_bytes().replace(b"CS\x02\x00XC", b"CS\x02\x00ZZ", 1))
    assert validator_findings("dciodvfy", path)
