"""The guard of the spool: whatever is cut out of a good object is missed, by attribute, type and clause."""

import re
from collections.abc import Callable

import pytest
from pydicom.dataset import Dataset

from gateway.domain.errors import InvalidObject
from gateway.objects.build import build
from gateway.objects.iods import IODS, iod_of
from gateway.objects.rules import RULES
from gateway.objects.validate import validate
from gateway.objects.values import described
from tests.unit.objects.orders import EXPLICIT, GREY8, JPEG, RGB, RLE, order


def good(name: str) -> Dataset:
    row = IODS[name]
    fmt = RGB if any("RGB" in rule.photometric for rule in row.pixels) else GREY8
    if name == "multi-frame-grayscale-word-sc":
        fmt = type(GREY8)(24, 36, 1, 16, 12, signed=False, photometric_interpretation="MONOCHROME2")
    return build(order(name, fmt, frame_count=2 if row.multi_frame else 1)).dataset


def required(name: str) -> list[str]:
    """Keywords that a plain object of the class must have."""
    dataset = good(name)
    return sorted(
        {
            rule.keyword
            for module in IODS[name].modules
            for rule in RULES[module.name]
            if rule.type <= 2 and rule.when is None and rule.keyword in dataset
        }
    )


@pytest.mark.parametrize("name", IODS)
def test_every_required_attribute_is_missed(name: str) -> None:
    for keyword in required(name):
        dataset = good(name)
        del dataset[keyword]
        with pytest.raises(InvalidObject):
            validate(dataset, EXPLICIT)


@pytest.mark.parametrize("name", IODS)
def test_a_fault_names_attribute_type_clause_and_remedy(name: str) -> None:
    dataset = good(name)
    dataset.Modality = ""
    with pytest.raises(InvalidObject, match=r"Modality \(0008,0060\) is type 1 .*PS3\.3 C\.7\.3\.1") as caught:
        validate(dataset, EXPLICIT)
    assert caught.value.remedy


@pytest.mark.parametrize("name", IODS)
def test_every_enumeration_is_held(name: str) -> None:
    iod = iod_of(IODS[name].sop_class_uid)
    assert iod is not None
    checked = 0
    for module in iod.modules:
        for rule in RULES[module.name]:
            dataset = good(name)
            if not rule.values or rule.keyword not in dataset or isinstance(dataset[rule.keyword].value, int):
                continue
            dataset[rule.keyword].value = "9"
            checked += 1
            with pytest.raises(InvalidObject, match=re.escape(described(rule.keyword))):
                validate(dataset, EXPLICIT)
    assert checked >= 3


def _set(keyword: str, value: object) -> Callable[[Dataset], None]:
    return lambda dataset: setattr(dataset, keyword, value)


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom notices the spoiling, too
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_set("SOPInstanceUID", "1.02.3"), "not a well-formed UID"),
        (_set("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2"), "not of a class"),
        (_set("StudyDescription", "x" * 65), "VR LO does not allow"),
        (_set("BodyPartExamined", "lower case"), "VR CS does not allow"),
        (_set("PatientBirthDate", "19700231x"), "VR DA does not allow"),
        (_set("FrameIncrementPointer", 0x00181063), "Frame Time"),
        (_set("LossyImageCompressionRatio", "4"), "must be absent"),
        (_set("ReferencedStudySequence", []), "type 1 and has no value"),
        (_set("PixelAspectRatio", ["1", "1"]), "must be absent"),
        (_set("HighBit", 15), "High Bit"),
        (_set("BitsAllocated", 32), "does not take"),
        (_set("PhotometricInterpretation", "YBR_FULL"), "does not take"),
        (_set("PlanarConfiguration", 1), "must be one of 0"),
    ],
)
def test_a_spoilt_object_is_refused(spoil: Callable[[Dataset], None], said: str) -> None:
    dataset = good("ophthalmic-photography-8-bit" if "Frame" in said else "vl-photographic")
    if "Frame" in said:
        del dataset.FrameTime
    spoil(dataset)
    with pytest.raises(InvalidObject, match=said):
        validate(dataset, EXPLICIT)


@pytest.mark.parametrize(
    ("sop_class", "syntax", "photometric"),
    [
        ("vl-photographic", JPEG, "RGB"),
        ("ultrasound", JPEG, "RGB"),
        ("secondary-capture", EXPLICIT, "YBR_FULL_422"),
        ("secondary-capture", RLE, "YBR_RCT"),
        ("secondary-capture", "1.2.840.10008.1.2.4.102", "RGB"),
    ],
)
def test_pixels_that_a_syntax_cannot_carry_are_refused(sop_class: str, syntax: str, photometric: str) -> None:
    dataset = good(sop_class)
    dataset.PhotometricInterpretation = photometric
    with pytest.raises(InvalidObject):
        validate(dataset, syntax)


def test_rgb_in_jpeg_is_allowed_in_secondary_capture() -> None:
    validate(good("secondary-capture"), JPEG)
