"""The check that guards the spool: every mandatory attribute there, every value within its VR and its enumeration.

It is independent of the module builders on purpose, so that a slip in one of them or in a profile is found here and not
at the archive.
"""

import warnings
from collections.abc import Iterator

from pydicom.config import RAISE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import validate_value

from gateway.domain.errors import InvalidObject
from gateway.domain.frames import FrameFormat
from gateway.domain.identifiers import is_valid_uid
from gateway.objects.draft import Iod, Module
from gateway.objects.iods import choose_sop_class, iod_of
from gateway.objects.rules import RULES, Rule
from gateway.objects.syntaxes import syntax_fault
from gateway.objects.values import described, values_of

_TEXT_VRS = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT"})
_LONG_VRS = frozenset({"LT", "ST", "UT", "UC", "UR"})
_VALUE_FIELD_MAX_BYTES = 65534
_NAMES = {1: "type 1 and has no value", 2: "type 2 and is missing", 3: "optional"}
_DEVICE_REMEDY = "Correct the device's profile, or report this as a fault of the gateway."


def validate(dataset: Dataset, transfer_syntax_uid: str) -> None:
    """Check a dataset of one of our classes, without its Pixel Data.

    Parameters
    ----------
    dataset
        The dataset as it will be written.
    transfer_syntax_uid
        The syntax it will be written in.

    Raises
    ------
    InvalidObject
        Naming attribute, type, clause and remedy: for a missing mandatory attribute, a value outside its enumeration
        or VR, a malformed UID, or pixels that class or transfer syntax do not take.

    References
    ----------
    PS3.3 annex C; PS3.5 sections 6.2, 8.2 and 9.1.
    """
    iod = iod_of(str(dataset.get("SOPClassUID") or ""))
    if iod is None:
        raise InvalidObject("SOP Class UID (0008,0016) is not of a class that the gateway makes.")
    for module in iod.modules:
        for rule in RULES[module.name]:
            _check(dataset, module, rule)
    for element in dataset.iterall():
        for fault in _element_faults(element):
            raise InvalidObject(f"{_named(element)} {fault} (PS3.5 section 6.2).", remedy=_DEVICE_REMEDY)
    _check_pixels(dataset, iod, transfer_syntax_uid)


def _check(dataset: Dataset, module: Module, rule: Rule) -> None:
    element = dataset.get_item(rule.keyword) if rule.keyword in dataset else None
    where = f"in {module.name} (PS3.3 {module.clause})"
    name = f"{described(rule.keyword)} {_tag(rule.keyword)}"
    if rule.when is not None and not rule.when(dataset):
        if rule.forbidden and element is not None:
            raise InvalidObject(f"{name} must be absent here {where}.", remedy=_DEVICE_REMEDY)
        return
    missing = element is None if rule.type == 2 else _is_empty(dataset, rule.keyword)  # noqa: PLR2004 - type 2
    if rule.type <= 2 and missing:  # noqa: PLR2004 - types 1 and 2
        raise InvalidObject(f"{name} is {_NAMES[rule.type]} {where}.", remedy=_DEVICE_REMEDY)
    if rule.values and not _is_empty(dataset, rule.keyword):
        value = str(dataset.get(rule.keyword))
        if value not in rule.values:
            allowed = ", ".join(sorted(rule.values))
            raise InvalidObject(f"{name} must be one of {allowed} {where}.", remedy=_DEVICE_REMEDY)


def _is_empty(dataset: Dataset, keyword: str) -> bool:
    value = dataset.get(keyword)
    return value is None or (hasattr(value, "__len__") and len(value) == 0)


def _element_faults(element: DataElement) -> Iterator[str]:
    """What is wrong with the values of one element, by its VR."""
    if element.VR == "UI":
        if not all(is_valid_uid(str(value)) for value in values_of(element)):
            yield "is not a well-formed UID"
        return
    if element.VR not in _TEXT_VRS:
        return
    texts = [str(getattr(value, "original_string", value)) for value in values_of(element)]
    if element.VR not in _LONG_VRS and len("\\".join(texts).encode()) > _VALUE_FIELD_MAX_BYTES:
        yield "is longer than a value field of 65534 bytes"
    for text in texts:
        if not _fits(element.VR, text):
            yield f"has a value that its VR {element.VR} does not allow"


def _fits(vr: str, text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            validate_value(vr, text, RAISE)
        except (ValueError, UserWarning):
            return False
    return True


def _check_pixels(dataset: Dataset, iod: Iod, transfer_syntax_uid: str) -> None:
    if dataset.HighBit != dataset.BitsStored - 1:
        raise InvalidObject("High Bit (0028,0102) must be one less than Bits Stored (PS3.5 section 8.1.1).")
    shape = FrameFormat(
        rows=dataset.Rows,
        columns=dataset.Columns,
        samples_per_pixel=dataset.SamplesPerPixel,
        bits_allocated=dataset.BitsAllocated,
        bits_stored=dataset.BitsStored,
        signed=bool(dataset.PixelRepresentation),
        photometric_interpretation=dataset.PhotometricInterpretation,
    )
    if choose_sop_class(iod.name, shape, int(dataset.get("NumberOfFrames") or 1)) is not iod:
        raise InvalidObject(f"The pixels do not fit {iod.title}.", remedy=iod.remedy)
    # the Secondary Capture family, open to any modality, is the only one that takes lossy JPEG of RGB
    fault = syntax_fault(transfer_syntax_uid, shape, jpeg_in_422_only=not iod.any_modality)
    if fault:
        raise InvalidObject(fault, remedy="Decode the frames and write them without loss instead.")


def _named(element: DataElement) -> str:
    return f"{element.name} {_tag_text(element.tag)}"


def _tag(keyword: str) -> str:
    return _tag_text(Tag(keyword))


def _tag_text(tag: BaseTag) -> str:
    return f"({tag.group:04X},{tag.element:04X})"
