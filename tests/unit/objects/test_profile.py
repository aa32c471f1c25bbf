"""What a device profile may add, and what it is told when it asks for something else."""

from typing import Any

import pytest

from gateway.domain.errors import ConfigurationError
from gateway.domain.objects import ObjectProfile
from gateway.objects.build import build
from gateway.objects.profile import profile_faults
from tests.unit.objects.orders import order


def test_defaults_are_set_by_their_vr() -> None:
    defaults = {
        "ImageComments": "Room 5",
        "ImageType": "ORIGINAL\\PRIMARY\\ABDOMINAL\\0001",
        "RecommendedDisplayFrameRate": "25",
        "PixelSpacing": "0.1\\0.1",
        "TransducerFrequency": "5",
    }
    dataset = build(order("ultrasound", profile={"defaults": defaults})).dataset
    assert dataset.ImageComments == "Room 5"
    assert dataset.ImageType == ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"]
    assert list(dataset.PixelSpacing) == [0.1, 0.1]
    assert dataset.TransducerFrequency == 5


def test_codes_are_set_as_one_item() -> None:
    codes = {"AnatomicRegionSequence": ("5665001", "SCT", "Retina")}
    (item,) = build(order(profile={"codes": codes})).dataset.AnatomicRegionSequence
    assert (item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning) == ("5665001", "SCT", "Retina")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"defaults": {"ImageComment": "x"}}, "did you mean ImageComments"),
        ({"defaults": {"PatientID": "1"}}, "fact of each object"),
        ({"defaults": {"Rows": "1"}}, "fact of each object"),
        ({"defaults": {"PixelData": "1"}}, "fact of each object"),
        ({"defaults": {"TransferSyntaxUID": "1"}}, "fact of each object"),
        ({"defaults": {"ImageLaterality": "R"}}, "key of its own in the profile: laterality"),
        ({"defaults": {"AnatomicRegionSequence": "x"}}, "cannot give as text"),
        ({"defaults": {"RecommendedDisplayFrameRate": "fast"}}, "no value for RecommendedDisplayFrameRate"),
        ({"defaults": {"HorizontalFieldOfView": "wide"}}, "no value for HorizontalFieldOfView"),
        ({"codes": {"ImageComments": ("1", "2", "3")}}, "takes no code"),
        ({"codes": {"AnatomicRegionSequence": ("1", "", "3")}}, "a value, a scheme and a meaning"),
        ({"codes": {"AnatomicRegion": ("1", "2", "3")}}, "Unknown attribute keyword"),
        ({"modality": "SC!"}, "no code string"),
        ({"laterality": "X"}, "none of R, L, B"),
        ({"body_part": "so-so"}, "body_part"),
        ({"conversion_type": "XX"}, "none of"),
    ],
)
def test_a_fault_is_told_with_its_reason(settings: dict[str, Any], said: str) -> None:
    (fault,) = profile_faults(ObjectProfile("secondary-capture", **settings))
    assert said in fault
    with pytest.raises(ConfigurationError, match="profile"):
        build(order(profile=settings))


@pytest.mark.parametrize(("sop_class", "modality"), [("vl-photographic", "ES"), ("ultrasound", "OT")])
def test_a_class_with_one_modality_takes_no_other(sop_class: str, modality: str) -> None:
    (fault,) = profile_faults(ObjectProfile(sop_class, modality=modality))
    assert modality in fault


def test_a_secondary_capture_takes_the_sources_modality() -> None:
    assert build(order(profile={"modality": "XC"})).dataset.Modality == "XC"


def test_all_faults_are_told_at_once() -> None:
    profile = ObjectProfile("ultrasound", modality="OT", laterality="X", defaults={"Nonsense": "1"})
    assert len(profile_faults(profile)) == 3
