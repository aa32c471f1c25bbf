"""What a device profile adds to an object: further attributes by keyword and coded ones, put in last.

A profile speaks about the device and what it shows. It cannot set identity, pixels or history: those are facts.
"""

import difflib
from collections.abc import Iterator
from dataclasses import replace

from pydicom.config import RAISE
from pydicom.datadict import dictionary_VM, dictionary_VR, keyword_dict, tag_for_keyword
from pydicom.dataelem import DataElement

from gateway.domain.errors import ConfigurationError
from gateway.domain.objects import ObjectProfile
from gateway.objects.anatomy import laterality_of
from gateway.objects.coded import code_item
from gateway.objects.draft import Draft
from gateway.objects.iods import iod_named, iod_of
from gateway.objects.values import code_string

_WHOLE = frozenset({"US", "SS", "UL", "SL", "SV", "UV"})
_REAL = frozenset({"FL", "FD"})
_TEXT = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
)
_SINGLE_TEXT = frozenset({"LT", "ST", "UT", "UR"})
_OWN_KEYS = {
    "Modality": "modality", "ImageLaterality": "laterality", "Laterality": "laterality",
    "BodyPartExamined": "body_part", "BurnedInAnnotation": "burned_in_annotation", "FrameTime": "frame_time_ms",
    "SeriesDescription": "series_description", "ConversionType": "conversion_type", "Manufacturer": "equipment",
    "ManufacturerModelName": "equipment", "DeviceSerialNumber": "equipment", "SoftwareVersions": "equipment",
}  # fmt: skip
_FACTS = frozenset({
    "SpecificCharacterSet", "TimezoneOffsetFromUTC", "AccessionNumber", "StudyID", "StudyDate", "StudyTime",
    "ContentDate", "ContentTime", "AcquisitionDateTime", "SeriesNumber", "InstanceNumber", "NumberOfFrames",
    "FrameIncrementPointer", "ICCProfile", "LossyImageCompression", "LossyImageCompressionRatio",
    "LossyImageCompressionMethod", "RequestAttributesSequence", "ContributingEquipmentSequence", "IssuerOfPatientID",
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID",
    "SeriesInstanceUID", "ProcedureCodeSequence", "ReferencedStudySequence", "ReferencedPatientSequence",
})  # fmt: skip
_PIXEL_GROUPS = range(0x7F00, 0x8000)
_IMAGE_PIXEL = range(0x00280002, 0x00280103 + 1)
_MAY_BE_SET = frozenset({"PixelAspectRatio", "PixelSpacing", "PixelSpacingCalibrationType"})
_CONVERSIONS = frozenset({"DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "SYN"})


def profile_faults(profile: ObjectProfile) -> tuple[str, ...]:
    """Everything in a profile that no object could be made with, as sentences; empty when it is fine.

    Raises
    ------
    ConfigurationError
        When the profile's `sop_class` is no row of the table of classes.
    """
    return tuple(_faults(profile))


def check_profile(profile: ObjectProfile) -> None:
    """Raise `ConfigurationError` with all faults of a profile, when it has any."""
    faults = profile_faults(profile)
    if faults:
        raise ConfigurationError(" ".join(faults), remedy="Correct the device's profile.")


def as_class(profile: ObjectProfile, sop_class_uid: str) -> ObjectProfile:
    """The profile for objects of another class: the same, but for a modality that this class does not have.

    Raises
    ------
    ConfigurationError
        When the gateway does not make such a class, or not with what the profile asks for.
    """
    iod = iod_of(sop_class_uid)
    if iod is None:
        raise ConfigurationError(f"The gateway makes no objects of SOP class {sop_class_uid}.")
    keeps_modality = iod.any_modality or profile.modality in iod.modalities
    other = replace(profile, sop_class=iod.name, modality=profile.modality if keeps_modality else "")
    check_profile(other)
    return other


def apply_profile(draft: Draft) -> None:
    """Set `defaults` and `codes` of the profile, already checked, over what the modules put into the dataset."""
    profile = draft.order.profile
    for keyword, text in profile.defaults.items():
        setattr(draft.dataset, keyword, _value(keyword, text))
    for keyword, (value, scheme, meaning) in profile.codes.items():
        setattr(draft.dataset, keyword, [code_item(value, scheme, meaning)])


def _faults(profile: ObjectProfile) -> Iterator[str]:
    iod = iod_named(profile.sop_class)
    if profile.modality and not iod.any_modality and profile.modality not in iod.modalities:
        yield f'{iod.title} has modality "{iod.modalities[0]}" and no other, not "{profile.modality}".'
    if profile.modality and not code_string(profile.modality):
        yield f'modality "{profile.modality}" is no code string (capitals, digits, at most 16).'
    if profile.laterality and not laterality_of(profile.laterality):
        yield f'laterality "{profile.laterality}" is none of R, L, B, U.'
    if profile.body_part and not code_string(profile.body_part.upper()):
        yield f'body_part "{profile.body_part}" is no code string (capitals, digits, at most 16).'
    if profile.conversion_type and profile.conversion_type not in _CONVERSIONS:
        yield f'conversion_type "{profile.conversion_type}" is none of {", ".join(sorted(_CONVERSIONS))}.'
    for keyword, text in profile.defaults.items():
        yield from _default_faults(keyword, text)
    for keyword, triplet in profile.codes.items():
        yield from _code_faults(keyword, triplet)


def _default_faults(keyword: str, text: str) -> Iterator[str]:
    fault = _keyword_fault(keyword)
    if fault:
        yield fault
        return
    vr = dictionary_VR(keyword)
    if vr not in _WHOLE | _REAL | _TEXT:
        yield f'"{keyword}" has VR {vr}, which a profile cannot give as text.'
        return
    try:
        DataElement(keyword, vr, _value(keyword, text), validation_mode=RAISE)
    except ValueError:
        yield f'"{text}" is no value for {keyword} (VR {vr}).'


def _code_faults(keyword: str, triplet: tuple[str, str, str]) -> Iterator[str]:
    fault = _keyword_fault(keyword)
    if fault:
        yield fault
    elif dictionary_VR(keyword) != "SQ":
        yield f'"{keyword}" is no sequence and takes no code.'
    elif not all(part.strip() for part in triplet):
        yield f'The code for "{keyword}" needs a value, a scheme and a meaning.'


def _keyword_fault(keyword: str) -> str:
    """Why a profile may not set `keyword`; empty when it may."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        near = difflib.get_close_matches(keyword, keyword_dict, n=1)
        return f'Unknown attribute keyword "{keyword}"' + (f"; did you mean {near[0]}?" if near else ".")
    if keyword in _OWN_KEYS:
        return f'"{keyword}" has a key of its own in the profile: {_OWN_KEYS[keyword]}.'
    is_pixel = (tag in _IMAGE_PIXEL and keyword not in _MAY_BE_SET) or tag >> 16 in _PIXEL_GROUPS
    if keyword in _FACTS or is_pixel or tag >> 16 == 0x0002:  # noqa: PLR2004 - the file meta group
        return f'"{keyword}" is a fact of each object and not a profile\'s to set.'
    return ""


def _value(keyword: str, text: str) -> object:
    vr = dictionary_VR(keyword)
    several = dictionary_VM(keyword) != "1" and vr not in _SINGLE_TEXT
    parts = text.split("\\") if several else [text]
    if vr in _WHOLE:
        values: list[object] = [int(part) for part in parts]
    elif vr in _REAL:
        values = [float(part) for part in parts]
    else:
        values = list(parts)
    return values if len(values) > 1 else values[0]
