"""Elements of a received data set as they were sent: bytes, not yet decoded, each with the VR of the standard."""

import struct
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

TEXT_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""VRs whose text is in the Specific Character Set (PS3.5 section 6.1.2.3)."""
NUMBERS: Mapping[str, str] = MappingProxyType({"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d"})
"""Binary numbers: VR to the code of `struct`."""
MAX_DEPTH = 8
READ_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    struct.error,
    TypeError,
    ValueError,
)
"""What the library raises on bytes that are not what they claim to be."""


def vr_of(dataset: Dataset, tag: BaseTag) -> str:
    """The VR that the standard gives the attribute; a sender's own word counts only where the standard has a choice."""
    sent = str(getattr(dataset.get_item(tag), "VR", None) or "UN")
    known = dictionary_VR(tag)
    if " or " in known:
        return sent
    if sent != "UN" and (sent == "SQ") != (known == "SQ"):
        raise ValueError("a sequence where none belongs, or none where one belongs")
    return known


def raw_value(dataset: Dataset, tag: BaseTag) -> tuple[str, Any] | None:
    """VR and value of an element: bytes as received, or text and numbers where it was already decoded."""
    element: Any = dataset.get_item(tag) if tag in dataset else None
    if element is None or element.value in (None, b"", ""):
        return None
    vr = vr_of(dataset, tag)
    if isinstance(element, RawDataElement):
        return vr, element.value
    value = element.value
    many = isinstance(value, list) or (hasattr(value, "__iter__") and not hasattr(value, "encode") and vr != "PN")
    if vr in NUMBERS:
        numbers = list(value) if many else [value]
        return vr, struct.pack(f"<{len(numbers)}{NUMBERS[vr]}", *numbers)
    return vr, "\\".join(str(part) for part in value) if many else str(value)


def ascii_text(value: bytes | str) -> str:
    """Text of a VR that knows only ASCII; other bytes become replacement characters."""
    return value.decode("ascii", errors="replace") if isinstance(value, bytes) else value


def is_utf8(dataset: Dataset) -> bool:
    """Whether some text of the answer is beyond ASCII and all of it is well-formed UTF-8."""
    found = False
    try:
        for value in _text_bytes(dataset, 0):
            if not value.isascii():
                value.decode("utf-8")
                found = True
    except READ_FAULTS:
        return False
    return found


def _text_bytes(dataset: Dataset, depth: int) -> Iterator[bytes]:
    for tag in dataset.keys():  # noqa: SIM118 - iterating a data set itself would decode its elements
        if tag.is_private or not dictionary_has_tag(tag):
            continue
        vr = vr_of(dataset, tag)
        element: Any = dataset.get_item(tag)
        if vr == "SQ" and depth < MAX_DEPTH:
            for item in dataset[tag].value or ():
                yield from _text_bytes(item, depth + 1)
        elif vr in TEXT_VRS and isinstance(element.value, bytes):
            yield element.value
