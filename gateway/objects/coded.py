"""Code sequences and the other small sequences that are copied from a worklist answer, item by item.

A provider's item that could not stand in an object (a code without value, a reference without a valid UID) is left out
with a note: it says nothing that a receiver could use.
"""

from collections.abc import Callable, Iterable

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from gateway.domain.identifiers import is_valid_uid
from gateway.objects.notes import Notes
from gateway.objects.values import LIMITS, code_string, described, description, spare_identifier

ItemCopier = Callable[[Notes, Dataset], Dataset | None]


def code_item(value: str, scheme: str, meaning: str, version: str = "") -> Dataset:
    """One item of the Code Sequence Macro (PS3.3 table 8.8-1); a value above 16 characters is a Long Code Value."""
    item = Dataset()
    if len(value) > LIMITS["SH"]:
        item.LongCodeValue = value
    else:
        item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    if version:
        item.CodingSchemeVersion = version
    item.CodeMeaning = meaning
    return item


def usable_items(notes: Notes, source: Dataset, keyword: str, copy_item: ItemCopier) -> list[Dataset]:
    """Copies of the usable items of sequence `keyword`, possibly none."""
    given = list(source.get(keyword) or [])
    items = [item for item in (copy_item(notes, one) for one in given) if item is not None]
    if len(items) < len(given):
        notes.note(f"An unusable item of {described(keyword)} was left out.")
    return items


def copied(notes: Notes, source: Dataset, target: Dataset, keyword: str, copy_item: ItemCopier) -> None:
    """Copy the usable items of sequence `keyword`; nothing is set when there is none."""
    items = usable_items(notes, source, keyword, copy_item)
    if items:
        setattr(target, keyword, Sequence(items))


def code(notes: Notes, item: Dataset) -> Dataset | None:
    """A copy of a code item; None without value or scheme, and the value stands in for a missing meaning."""
    value = description(notes, "LongCodeValue", item.get("CodeValue") or item.get("LongCodeValue"))
    scheme = description(notes, "CodingSchemeDesignator", item.get("CodingSchemeDesignator"))
    if not value or not scheme:
        return None
    meaning = description(notes, "CodeMeaning", item.get("CodeMeaning") or value)
    version = description(notes, "CodingSchemeVersion", item.get("CodingSchemeVersion"))
    return code_item(value, scheme, meaning, version)


def reference(_notes: Notes, item: Dataset) -> Dataset | None:
    """A copy of a SOP Instance reference; None unless both UIDs are well-formed."""
    uids = tuple(str(item.get(k) or "").strip(" \0") for k in ("ReferencedSOPClassUID", "ReferencedSOPInstanceUID"))
    if not all(is_valid_uid(uid) for uid in uids):
        return None
    result = Dataset()
    result.ReferencedSOPClassUID, result.ReferencedSOPInstanceUID = uids
    return result


def designator(notes: Notes, item: Dataset) -> Dataset | None:
    """A copy of an HL7v2 Hierarchic Designator (PS3.3 table 10-17); None when it names no entity."""
    return _entity(notes, item, ("LocalNamespaceEntityID",))


def issuer_qualifiers(notes: Notes, item: Dataset) -> Dataset | None:
    """A copy of an item of Issuer of Patient ID Qualifiers Sequence (PS3.3 table 10-18)."""
    result = _entity(notes, item, ()) or Dataset()
    kind = str(item.get("IdentifierTypeCode") or "").strip()
    if code_string(kind):
        result.IdentifierTypeCode = kind
    return result if len(result) else None


def other_patient_id(notes: Notes, item: Dataset) -> Dataset | None:
    """A copy of an item of Other Patient IDs Sequence; None without an identifier."""
    value = spare_identifier(notes, "PatientID", item.get("PatientID"))
    if not value:
        return None
    result = Dataset()
    result.PatientID = value
    _set_texts(notes, item, result, ("IssuerOfPatientID",))
    kind = str(item.get("TypeOfPatientID") or "").strip()
    # type 1 here (PS3.3 C.7.1.1), which worklist providers rarely send
    result.TypeOfPatientID = kind if kind in {"TEXT", "RFID", "BARCODE"} else "TEXT"
    copied(notes, item, result, "IssuerOfPatientIDQualifiersSequence", issuer_qualifiers)
    return result


def _entity(notes: Notes, item: Dataset, keywords: Iterable[str]) -> Dataset | None:
    result = Dataset()
    _set_texts(notes, item, result, keywords)
    universal = description(notes, "UniversalEntityID", item.get("UniversalEntityID"))
    kind = str(item.get("UniversalEntityIDType") or "").strip()
    if universal and code_string(kind):
        result.UniversalEntityID = universal
        result.UniversalEntityIDType = kind
    return result if len(result) else None


def _set_texts(notes: Notes, item: Dataset, result: Dataset, keywords: Iterable[str]) -> None:
    for keyword in keywords:
        text = description(notes, keyword, item.get(keyword))
        if text:
            setattr(result, keyword, text)
