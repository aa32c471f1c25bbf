"""A worklist identifier of any quality as the DICOM JSON model in Unicode, with a note for each thing wrong."""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pydicom import Dataset
from pydicom.datadict import dictionary_description, dictionary_has_tag, tag_for_keyword
from pydicom.tag import BaseTag

from gateway.domain.identifiers import is_valid_uid
from gateway.worklist import values
from gateway.worklist.charsets import UTF_8, TextDecoder, normalised
from gateway.worklist.elements import MAX_DEPTH, NUMBERS, READ_FAULTS, TEXT_VRS, ascii_text, is_utf8, raw_value, vr_of

Model = dict[str, dict[str, Any]]
_SINGLE_VALUED = frozenset({"LT", "ST", "UR", "UT"})
_ASCII_VRS = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"})


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
_STEP_SEQUENCE = tag_key("ScheduledProcedureStepSequence")
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
    if decoder.is_single_byte and declared and reader.assumed == UTF_8 and is_utf8(dataset):
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
        self._of_this_step = True
        self._is_declared = False

    def declared(self, dataset: Dataset) -> list[str]:
        """The terms of (0008,0005), normalised; unknown ones are noted and left out."""
        try:
            raw = raw_value(dataset, BaseTag(int(CHARACTER_SET, 16)))
        except READ_FAULTS:
            self._identifier.note("Its Specific Character Set cannot be read.")
            return []
        text = ascii_text(raw[1]) if raw else ""
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
        # An item without a character set of its own has that of the data set around it (PS3.5 section 7.5.3).
        outside, self._is_declared = self._is_declared, self._is_declared or bool(declared)
        try:
            return self._elements(dataset, decoder, depth)
        finally:
            self._is_declared = outside

    def _elements(self, dataset: Dataset, decoder: TextDecoder, depth: int) -> Model:
        model: Model = {}
        for tag in sorted(dataset.keys()):
            key = f"{tag:08X}"
            if tag.is_private or tag.element == 0 or key == CHARACTER_SET or not dictionary_has_tag(tag):
                continue
            try:
                entry = self._element(dataset, tag, decoder, depth)
            except READ_FAULTS:
                self._fault(key, "cannot be read")
                continue
            if entry is not None:
                model[key] = entry
        return model

    def _element(self, dataset: Dataset, tag: BaseTag, decoder: TextDecoder, depth: int) -> dict[str, Any] | None:
        if vr_of(dataset, tag) == "SQ":
            return self._sequence(dataset, tag, decoder, depth)
        raw = raw_value(dataset, tag)
        if raw is None:
            return None
        vr, value = raw
        key = f"{tag:08X}"
        if vr in TEXT_VRS:
            text = value if isinstance(value, str) else self._text(key, vr, value, decoder)
            entries = self._texts(key, vr, text)
        elif vr in _ASCII_VRS:
            entries = self._plain(key, vr, ascii_text(value))
        elif vr in NUMBERS and isinstance(value, bytes):
            entries = list(struct.unpack(f"<{len(value) // struct.calcsize(NUMBERS[vr])}{NUMBERS[vr]}", value))
        else:
            return None
        return {"vr": vr, "Value": entries} if any(entry not in ("", {}) for entry in entries) else None

    def _sequence(self, dataset: Dataset, tag: BaseTag, decoder: TextDecoder, depth: int) -> dict[str, Any] | None:
        if depth >= MAX_DEPTH:
            self._fault(f"{tag:08X}", "is nested too deeply and left out")
            return None
        # Ids inside other sequences, such as the patient's other ids, do not identify this patient or order.
        outside, self._of_this_step = self._of_this_step, self._of_this_step and f"{tag:08X}" == _STEP_SEQUENCE
        try:
            items = [self.items_of(item, decoder, depth + 1) for item in dataset[tag].value or ()]
        finally:
            self._of_this_step = outside
        return {"vr": "SQ", "Value": items} if items else None

    def _text(self, key: str, vr: str, value: bytes, decoder: TextDecoder) -> str:
        if not value.isascii() and not self._is_declared and decoder.terms != ("",) and not self.relabelled:
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
            return text if self._of_this_step else ""
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
        if key in IDENTITY_KEYS and self._of_this_step:
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
