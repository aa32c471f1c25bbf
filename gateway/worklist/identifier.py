"""A worklist identifier of any quality as the DICOM JSON model in Unicode, with a note for each thing wrong."""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pydicom import Dataset
from pydicom.datadict import dictionary_description, dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from gateway.domain.identifiers import is_valid_uid
from gateway.worklist import values
from gateway.worklist.charsets import UTF_8, TextDecoder, normalised

Model = dict[str, dict[str, Any]]
_TEXT_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_SINGLE_VALUED = frozenset({"LT", "ST", "UR", "UT"})
_ASCII_VRS = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"})
_NUMBERS: Mapping[str, str] = MappingProxyType({"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d"})
_MAX_DEPTH = 8
_READ_FAULTS = (
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


def tag_key(keyword: str) -> str:
    """The key of an attribute in the DICOM JSON model."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"{keyword} is no attribute of the standard")
    return f"{tag:08X}"


CHARACTER_SET = tag_key("SpecificCharacterSet")
IDENTITY_KEYS = frozenset(
    tag_key(keyword)
    for keyword in (
        "PatientID",
        "IssuerOfPatientID",
        "PatientName",
        "AccessionNumber",
        "StudyInstanceUID",
        "RequestedProcedureID",
        "ScheduledProcedureStepID",
    )
)
"""Attributes that are never cut or repaired: a fault in one of them makes the step unusable."""
_KEEP_WHOLE = IDENTITY_KEYS - {tag_key("PatientName")}


@dataclass(slots=True)
class Identifier:
    """A worklist answer as read.

    `damaged` holds keys of `IDENTITY_KEYS` whose value cannot be trusted (not decodable, too long, several values).
    """

    model: Model = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)

    def note(self, text: str) -> None:
        """Note a fault once; never with patient data."""
        if text not in self.faults:
            self.faults.append(text)


def read_identifier(dataset: Dataset, assumed_character_set: str | None) -> Identifier:
    """Read a whole answer.

    Parameters
    ----------
    dataset
        The answer, its values still in bytes as they were received (values already decoded are taken as they are).
    assumed_character_set
        The defined term to use where the provider names none. If it is ``ISO_IR 192``, an answer labelled with one
        single-byte set in which every non-ASCII value is well-formed UTF-8 is read as UTF-8: text of those sets
        practically never is, and the site has said that its provider means UTF-8.

    Returns
    -------
    Identifier
        Total: whatever the provider sent gives a model, perhaps an empty one, and notes.

    References
    ----------
    PS3.3 C.12.1.1.2 (Specific Character Set), PS3.18 Annex F (DICOM JSON model).
    """
    identifier = Identifier()
    reader = _Reader(identifier, normalised(assumed_character_set or ""))
    declared = reader.declared(dataset)
    decoder = reader.decoder(declared)
    if decoder.is_single_byte and declared and reader.assumed == UTF_8 and _is_utf8(dataset):
        identifier.note(f"Its text is labelled {decoder.terms[0]} but is UTF-8; it was read as UTF-8.")
        reader.relabelled = True
    identifier.model = reader.items_of(dataset, decoder, 0)
    return identifier


class _Reader:
    """Walks a data set and its items; each item may have a character set of its own."""

    def __init__(self, identifier: Identifier, assumed: str | None) -> None:
        self._identifier = identifier
        self.assumed = assumed
        self.relabelled = False

    def declared(self, dataset: Dataset) -> list[str]:
        """The terms of (0008,0005), normalised; unknown ones are noted and left out."""
        try:
            raw = _raw(dataset, BaseTag(int(CHARACTER_SET, 16)))
        except _READ_FAULTS:
            self._identifier.note("Its Specific Character Set cannot be read.")
            return []
        text = _ascii(raw[1]) if raw else ""
        terms = []
        for term in text.split("\\"):
            found = normalised(term)
            if found is None:
                self._identifier.note("It names a character set that the standard does not have.")
            else:
                terms.append(found)
        return terms if any(terms) else []

    def decoder(self, declared: list[str]) -> TextDecoder:
        """The decoder for declared terms, or for the assumed set where none is declared."""
        if self.relabelled:
            return TextDecoder([UTF_8])
        return TextDecoder(declared or [self.assumed or ""])

    def items_of(self, dataset: Dataset, decoder: TextDecoder, depth: int) -> Model:
        """The model of one data set or item."""
        declared = self.declared(dataset)
        decoder = self.decoder(declared) if declared or self.relabelled else decoder
        model: Model = {}
        for tag in sorted(dataset.keys()):
            key = f"{tag:08X}"
            if tag.is_private or tag.element == 0 or key == CHARACTER_SET or not dictionary_has_tag(tag):
                continue
            try:
                entry = self._element(dataset, tag, decoder, bool(declared), depth)
            except _READ_FAULTS:
                self._fault(key, "cannot be read")
                continue
            if entry is not None:
                model[key] = entry
        return model

    def _element(
        self, dataset: Dataset, tag: BaseTag, decoder: TextDecoder, declared: bool, depth: int
    ) -> dict[str, Any] | None:
        if _vr_of(dataset, tag) == "SQ":
            return self._sequence(dataset, tag, decoder, depth)
        raw = _raw(dataset, tag)
        if raw is None:
            return None
        vr, value = raw
        key = f"{tag:08X}"
        if vr in _TEXT_VRS:
            text = value if isinstance(value, str) else self._text(key, vr, value, decoder, declared)
            entries = self._texts(key, vr, text)
        elif vr in _ASCII_VRS:
            entries = self._plain(key, vr, _ascii(value))
        elif vr in _NUMBERS and isinstance(value, bytes):
            entries = list(struct.unpack(f"<{len(value) // struct.calcsize(_NUMBERS[vr])}{_NUMBERS[vr]}", value))
        else:
            return None
        return {"vr": vr, "Value": entries} if any(entry not in ("", {}) for entry in entries) else None

    def _sequence(self, dataset: Dataset, tag: BaseTag, decoder: TextDecoder, depth: int) -> dict[str, Any] | None:
        if depth >= _MAX_DEPTH:
            self._fault(f"{tag:08X}", "is nested too deeply and left out")
            return None
        items = [self.items_of(item, decoder, depth + 1) for item in dataset[tag].value or ()]
        return {"vr": "SQ", "Value": items} if items else None

    def _text(self, key: str, vr: str, value: bytes, decoder: TextDecoder, declared: bool) -> str:
        if not value.isascii() and not declared and decoder.terms != ("",) and not self.relabelled:
            self._identifier.note(f"It names no character set; its text was read as {decoder.terms[0]}, as assumed.")
        try:
            return decoder.decode(value, delimiters=b"\\^=" if vr == "PN" else b"\\")
        except UnicodeDecodeError:
            set_name = "\\".join(decoder.terms) or "ASCII, because it names no character set and none is assumed"
            self._fault(key, f"cannot be read as {set_name}")
            # Shown to people as far as it goes; anything but identity is left out of the objects.
            return value.decode("ascii", errors="replace") if key in IDENTITY_KEYS else ""

    def _texts(self, key: str, vr: str, text: str) -> list[Any]:
        parts = [text] if vr in _SINGLE_VALUED else text.split("\\")
        cleaned = [self._fitted(key, vr, values.clean(part, vr)) for part in parts]
        if key in IDENTITY_KEYS and len(cleaned) > 1:
            self._fault(key, "has several values")
        return [values.name_groups(part) for part in cleaned] if vr == "PN" else cleaned

    def _fitted(self, key: str, vr: str, text: str) -> str:
        """`text` within the limit of its VR: cut where that is harmless, faulted where it is not."""
        limit = values.MAX_LENGTHS.get(vr, len(text))
        cut = "=".join(group[:limit] for group in text.split("=")) if vr == "PN" else text[:limit]
        if cut == text:
            return text
        if key in _KEEP_WHOLE:
            self._fault(key, f"is longer than the {limit} characters that the standard allows")
            return text
        self._identifier.note(f"{_name(key)} was longer than {limit} characters and is shortened.")
        return cut

    def _plain(self, key: str, vr: str, text: str) -> list[Any]:
        parts = [text] if vr in _SINGLE_VALUED else text.split("\\")
        convert = _CONVERTERS.get(vr)
        entries: list[Any] = []
        for part in parts:
            cleaned = values.clean(part, vr)
            if key == tag_key("PatientSex"):
                converted: Any = values.normalised_sex(cleaned)
            else:
                converted = convert(cleaned) if convert and cleaned else self._fitted(key, vr, cleaned)
            if converted is None or (cleaned and converted == ""):
                self._fault(key, "has an invalid value, which is left out")
                continue
            entries.append(converted)
        if key in IDENTITY_KEYS and len(entries) > 1:
            self._fault(key, "has several values")
        return entries

    def _fault(self, key: str, what: str) -> None:
        self._identifier.note(f"{_name(key)} {what}.")
        if key in IDENTITY_KEYS:
            self._identifier.damaged.add(key)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) != float("inf") and value == value else None  # noqa: PLR0124 - NaN is not itself


def _whole_number(text: str) -> int | None:
    return int(text) if text.lstrip("+-").isdecimal() and text.isascii() else None


def _date_text(text: str) -> str:
    day = values.parse_date(text)
    return "" if day is None else f"{day:%Y%m%d}".rjust(8, "0")


def _uid(text: str) -> str:
    return text if is_valid_uid(text) else ""


_CONVERTERS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {"DA": _date_text, "TM": values.time_text, "UI": _uid, "DS": _number, "IS": _whole_number, "CS": str.upper}
)


def _name(key: str) -> str:
    return dictionary_description(int(key, 16))


def _vr_of(dataset: Dataset, tag: BaseTag) -> str:
    """The VR that the standard gives the attribute; a sender's own word counts only where the standard has a choice."""
    sent = str(getattr(dataset.get_item(tag), "VR", None) or "UN")
    known = dictionary_VR(tag)
    if " or " in known:
        return sent
    if sent != "UN" and (sent == "SQ") != (known == "SQ"):
        raise ValueError("a sequence where none belongs, or none where one belongs")
    return known


def _raw(dataset: Dataset, tag: BaseTag) -> tuple[str, Any] | None:
    """VR and value of an element: bytes as received, or text and numbers where it was already decoded."""
    element: Any = dataset.get_item(tag) if tag in dataset else None
    if element is None or element.value in (None, b"", ""):
        return None
    vr = _vr_of(dataset, tag)
    if isinstance(element, RawDataElement):
        return vr, element.value
    value = element.value
    many = isinstance(value, list) or (hasattr(value, "__iter__") and not hasattr(value, "encode") and vr != "PN")
    if vr in _NUMBERS:
        numbers = list(value) if many else [value]
        return vr, struct.pack(f"<{len(numbers)}{_NUMBERS[vr]}", *numbers)
    return vr, "\\".join(str(part) for part in value) if many else str(value)


def _ascii(value: bytes | str) -> str:
    return value.decode("ascii", errors="replace") if isinstance(value, bytes) else value


def _is_utf8(dataset: Dataset) -> bool:
    """Whether some text of the answer is beyond ASCII and all of it is well-formed UTF-8."""
    found = False
    try:
        for value in _text_bytes(dataset, 0):
            if not value.isascii():
                value.decode("utf-8")
                found = True
    except _READ_FAULTS:
        return False
    return found


def _text_bytes(dataset: Dataset, depth: int) -> Iterator[bytes]:
    for tag in dataset.keys():  # noqa: SIM118 - iterating a data set itself would decode its elements
        if tag.is_private or not dictionary_has_tag(tag):
            continue
        vr = _vr_of(dataset, tag)
        element: Any = dataset.get_item(tag)
        if vr == "SQ" and depth < _MAX_DEPTH:
            for item in dataset[tag].value or ():
                yield from _text_bytes(item, depth + 1)
        elif vr in _TEXT_VRS and isinstance(element.value, bytes):
            yield element.value
