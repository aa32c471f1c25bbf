"""Which class an acquisition becomes, and what is said when it can become none."""

from dataclasses import replace

import pytest

from gateway.domain.errors import ConfigurationError, InvalidObject
from gateway.domain.frames import FrameFormat
from gateway.objects.build import build
from gateway.objects.iods import IODS, choose_sop_class, iod_of
from gateway.objects.rules import RULES
from tests.unit.objects.orders import GREY8, GREY12, GREY16, RGB, YBR_422, order

RGB16 = FrameFormat(24, 36, 3, 16, 16, signed=False, photometric_interpretation="RGB")
INVERSE = FrameFormat(24, 36, 1, 8, 8, signed=False, photometric_interpretation="MONOCHROME1")


@pytest.mark.parametrize(
    ("wanted", "fmt", "frames", "chosen"),
    [
        ("secondary-capture", GREY8, 1, "secondary-capture"),
        ("secondary-capture", RGB16, 1, "secondary-capture"),
        ("secondary-capture", INVERSE, 1, "secondary-capture"),
        ("secondary-capture", GREY8, 2, "multi-frame-grayscale-byte-sc"),
        ("secondary-capture", GREY12, 2, "multi-frame-grayscale-word-sc"),
        ("secondary-capture", GREY16, 2, "multi-frame-grayscale-word-sc"),
        ("secondary-capture", YBR_422, 2, "multi-frame-true-color-sc"),
        ("multi-frame-true-color-sc", GREY8, 1, "multi-frame-grayscale-byte-sc"),
        ("ultrasound", RGB, 1, "ultrasound"),
        ("ultrasound", RGB, 2, "ultrasound-multi-frame"),
        ("ultrasound-multi-frame", RGB, 1, "ultrasound-multi-frame"),
        ("ophthalmic-photography-8-bit", GREY8, 4, "ophthalmic-photography-8-bit"),
    ],
)
def test_the_class_follows_frames_and_format(wanted: str, fmt: FrameFormat, frames: int, chosen: str) -> None:
    assert choose_sop_class(wanted, fmt, frames).name == chosen


@pytest.mark.parametrize(
    ("wanted", "fmt", "frames"),
    [
        ("vl-photographic", GREY16, 1),
        ("vl-photographic", RGB, 2),
        ("vl-endoscopic", replace(RGB, photometric_interpretation="YBR_FULL"), 1),
        ("ultrasound", GREY12, 1),
        ("ultrasound", GREY16, 3),
        ("ophthalmic-photography-8-bit", GREY16, 1),
        ("secondary-capture", RGB16, 2),
        ("secondary-capture", replace(GREY8, photometric_interpretation="PALETTE COLOR"), 1),
        ("multi-frame-grayscale-byte-sc", replace(GREY8, signed=True), 1),
    ],
)
def test_frames_that_a_class_forbids_are_refused_with_a_remedy(wanted: str, fmt: FrameFormat, frames: int) -> None:
    with pytest.raises(InvalidObject, match=IODS[wanted].title) as caught:
        choose_sop_class(wanted, fmt, frames)
    assert caught.value.remedy


def test_an_unknown_class_is_a_fault_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="vl-photo") as caught:
        choose_sop_class("vl-photo", RGB, 1)
    assert "vl-photographic" in caught.value.remedy


def test_every_module_of_the_table_has_rules_and_no_rule_is_idle() -> None:
    assert {module.name for row in IODS.values() for module in row.modules} == set(RULES)


def test_rows_are_found_by_uid_and_fallbacks_exist() -> None:
    for row in IODS.values():
        assert iod_of(row.sop_class_uid) is row
        assert set(row.fallbacks) <= set(IODS)
    assert iod_of("1.2.840.10008.5.1.4.1.1.2") is None


def test_an_object_of_a_fallback_class_says_so() -> None:
    built = build(order(frame_count=3))
    assert built.sop_class_uid == IODS["multi-frame-true-color-sc"].sop_class_uid
    assert any("multi-frame-true-color-sc" in note for note in built.notes)
