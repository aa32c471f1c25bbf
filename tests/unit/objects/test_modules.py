"""What the modules say about a picture: history, sides and regions, moments, frames, colours."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from pydicom.sr.codedict import codes

from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.errors import InvalidObject
from gateway.domain.frames import LossyStep, PictureFacts
from gateway.objects.anatomy import REGIONS
from gateway.objects.build import Built, build
from tests.unit.objects.orders import GREY8, RGB, order

OP = "ophthalmic-photography-8-bit"
FRAME_TIME, PAGE_NUMBER_VECTOR = 0x00181063, 0x00182001
ICC_RGB = bytes(16) + b"RGB " + bytes(16) + b"acsp" + bytes(101)


def side(text: str) -> tuple[Hint, ...]:
    return (Hint(HintKind.LATERALITY, text, "file name"),)


def test_every_lossy_step_is_told_in_order() -> None:
    facts = PictureFacts(lossy=(LossyStep(60.0, "ISO_14496_10"), LossyStep(11.254, "ISO_10918_1")))
    dataset = build(order(facts=facts)).dataset
    assert dataset.LossyImageCompression == "01"
    assert list(dataset.LossyImageCompressionRatio) == [60, 11.25]
    assert list(dataset.LossyImageCompressionMethod) == ["ISO_14496_10", "ISO_10918_1"]


@pytest.mark.parametrize(("sop_class", "written"), [("secondary-capture", None), ("vl-photographic", "00"), (OP, "00")])
def test_no_loss_is_claimed_only_where_a_value_is_due(sop_class: str, written: str | None) -> None:
    dataset = build(order(sop_class)).dataset
    assert dataset.get("LossyImageCompression") == written
    assert "LossyImageCompressionRatio" not in dataset


@pytest.mark.parametrize(
    ("text", "written"), [("OD", "R"), ("os", "L"), ("OU", "B"), ("left", "L"), ("R", "R"), ("both", "B")]
)
def test_sides_are_understood(text: str, written: str) -> None:
    assert build(order(OP, profile={"laterality": "R"}, hints=side(text))).dataset.ImageLaterality == written


def test_the_profile_gives_the_side_where_no_hint_does() -> None:
    assert build(order(OP, profile={"laterality": "L"})).dataset.ImageLaterality == "L"


@pytest.mark.parametrize("hints", [(), side("middle"), side("U"), side("OD") + side("OS")])
def test_an_eye_is_never_guessed(hints: tuple[Hint, ...]) -> None:
    with pytest.raises(InvalidObject, match=r"Image Laterality \(0020,0062\)") as caught:
        build(order(OP, profile={"laterality": "" if hints != side("OD") + side("OS") else "R"}, hints=hints))
    assert "laterality" in caught.value.remedy


def test_contradicting_sides_are_left_out_with_a_note() -> None:
    built = build(order(hints=side("OD") + side("OS")))
    assert "ImageLaterality" not in built.dataset
    assert any("different sides" in note for note in built.notes)


def test_an_unpaired_region_needs_no_side() -> None:
    dataset = build(order(hints=(Hint(HintKind.BODY_PART, "chest", "sidecar"),))).dataset
    assert dataset.AnatomicRegionSequence[0].CodeMeaning == "Chest"
    assert dataset.ImageLaterality == "U"
    assert "Laterality" not in dataset


def test_an_unknown_region_is_noted() -> None:
    built = build(order(hints=(Hint(HintKind.BODY_PART, "somewhere", "sidecar"),)))
    assert "AnatomicRegionSequence" not in built.dataset
    assert built.notes


def test_the_codes_of_regions_are_snomeds() -> None:
    for region in REGIONS.values():
        keyword = region.meaning.title().replace(" ", "")
        assert getattr(codes.SCT, keyword).value == region.code


@pytest.mark.parametrize(
    ("recorded", "written"),
    [
        (datetime(2026, 3, 4, 15, 0, 1), "20260304150001+0530"),  # noqa: DTZ001 - a device's clock has no zone
        (datetime(2000, 1, 1, 0, 0, 7), "20260304150607.250+0530"),  # noqa: DTZ001 - as above
        (datetime(2026, 3, 4, 15, 30), "20260304150607.250+0530"),  # noqa: DTZ001 - as above
    ],
)
def test_a_device_clock_is_believed_only_when_it_is_plausible(recorded: datetime, written: str) -> None:
    assert str(build(order(facts=PictureFacts(recorded_at=recorded))).dataset.AcquisitionDateTime) == written


@pytest.mark.parametrize(
    ("sop_class", "frames", "profile", "pointer"),
    [
        ("secondary-capture", 1, {}, None),
        ("multi-frame-true-color-sc", 1, {"frame_time_ms": 40.0}, None),
        ("secondary-capture", 3, {}, PAGE_NUMBER_VECTOR),
        ("secondary-capture", 3, {"frame_time_ms": 33.367}, FRAME_TIME),
        ("ultrasound", 1, {}, None),
        ("ultrasound", 3, {}, FRAME_TIME),
        (OP, 1, {}, FRAME_TIME),
        (OP, 2, {"frame_time_ms": 100.0}, FRAME_TIME),
    ],
)
def test_frames_are_told_apart(sop_class: str, frames: int, profile: dict[str, Any], pointer: int | None) -> None:
    dataset = build(order(sop_class, frame_count=frames, profile=profile)).dataset
    assert dataset.get("FrameIncrementPointer") == pointer
    if pointer == PAGE_NUMBER_VECTOR:
        assert list(dataset.PageNumberVector) == [1, 2, 3]
    if pointer == FRAME_TIME:
        single = 0.0 if frames == 1 else 40.0
        assert float(dataset.FrameTime) == profile.get("frame_time_ms", single)


def test_too_many_pages_ask_for_a_frame_time() -> None:
    with pytest.raises(InvalidObject, match="too many") as caught:
        build(order(frame_count=20000))
    assert "frame_time_ms" in caught.value.remedy
    assert build(order(frame_count=20000, profile={"frame_time_ms": 40.0})).dataset.NumberOfFrames == 20000


def test_an_icc_profile_for_rgb_is_kept() -> None:
    dataset = build(order("vl-photographic", facts=PictureFacts(icc_profile=ICC_RGB))).dataset
    assert dataset.ICCProfile == ICC_RGB + b"\0"


@pytest.mark.parametrize("profile", [b"", b"short", ICC_RGB.replace(b"RGB ", b"CMYK")])
def test_another_icc_profile_is_left_out(profile: bytes) -> None:
    assert "ICCProfile" not in build(order(facts=PictureFacts(icc_profile=profile))).dataset


def test_a_grey_picture_has_neither_colour_profile_nor_planes() -> None:
    dataset = build(order(fmt=GREY8, facts=PictureFacts(icc_profile=ICC_RGB))).dataset
    assert "ICCProfile" not in dataset
    assert "PlanarConfiguration" not in dataset


@pytest.mark.parametrize(("given", "written"), [(True, "YES"), (False, "NO")])
def test_burned_in_annotation_is_the_profiles_word(given: bool, written: str) -> None:
    assert build(order(profile={"burned_in_annotation": given})).dataset.BurnedInAnnotation == written


def test_a_capture_says_how_it_came_in() -> None:
    assert build(order()).dataset.ConversionType == "DI"
    assert build(order(profile={"conversion_type": "WSD"})).dataset.ConversionType == "WSD"


def test_hints_of_operator_and_description_are_used() -> None:
    hints = (Hint(HintKind.OPERATOR, "Op^One", "sidecar"), Hint(HintKind.DESCRIPTION, "after drops", "sidecar"))
    dataset = build(order(hints=hints)).dataset
    assert (str(dataset.OperatorsName), dataset.ImageComments) == ("Op^One", "after drops")


def test_ophthalmic_synchronization_is_one_per_box() -> None:
    one, two = (build(order(OP)).dataset.SynchronizationFrameOfReferenceUID for _ in range(2))
    other = order(OP)
    other = replace(other, station=replace(other.station, serial_number="GW-0002"))
    assert one == two != build(other).dataset.SynchronizationFrameOfReferenceUID


def test_an_assumed_fundus_camera_is_noted() -> None:
    code = {"AcquisitionDeviceTypeCodeSequence": ("397247004", "SCT", "Slit Lamp Biomicroscope")}
    assert any("fundus" in note for note in _notes(order(OP)))
    assert not any("fundus" in note for note in _notes(order(OP, RGB, profile={"codes": code})))


def _notes(one: Any) -> tuple[str, ...]:
    built: Built = build(one)
    return built.notes
