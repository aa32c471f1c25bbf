"""Reads what an importer brings back: the filled-in receipt, lines of UID and SHA-256, or a listing of the PACS."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.exports import Receipt, ReceiptEntry
from gateway.domain.identifiers import is_valid_uid

_SOP_INSTANCE_UID = "00080018"
_SHA256_DIGITS = 64


class NoReceipt(GatewayError):  # noqa: N818 - names what was found
    """A document that proves nothing."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message, disposition=Disposition.HOLD, phase=Phase.EXPORT, remedy=remedy)


def read_receipt(document: bytes, *, importer: str = "", destination: str = "") -> Receipt:
    """Read a receipt or a listing.

    Parameters
    ----------
    document
        A receipt as the export writes it (JSON), plain lines ``SOP-Instance-UID SHA-256`` with ``imported_by: NAME``
        before them, or what a PACS lists: DICOM JSON (QIDO-RS, PS3.18 F.2), or objects with ``SOPInstanceUID``.
    importer, destination
        Who imported and where to, where the document does not say it.

    Raises
    ------
    NoReceipt
        It is none of these, says not who imported, or was not filled in.
    """
    digest = hashlib.sha256(document).hexdigest()
    try:
        text = document.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _unreadable() from None
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, list):
        return _signed(Receipt("listing", importer, digest, _listed(body), destination=destination))
    if isinstance(body, dict):
        return _signed(_filled_in(body, digest, importer, destination))
    return _signed(_lines(text, digest, importer, destination))


def _unreadable() -> NoReceipt:
    return NoReceipt(
        "This is neither a receipt nor a listing of SOP Instance UIDs.",
        "Bring the RECEIPT.TXT of the medium, filled in, or the PACS's list of instances as JSON.",
    )


def _signed(receipt: Receipt) -> Receipt:
    if not receipt.entries:
        raise NoReceipt("The receipt names no instance.", "Look whether it is the right file.")
    if not f"{receipt.destination}{receipt.fileset_uid}".isprintable():
        raise NoReceipt("The receipt has signs in it that no name has.", "Bring the RECEIPT.TXT of the medium.")
    if not receipt.importer or not receipt.importer.isprintable():
        raise NoReceipt("The receipt does not say who imported.", "Fill in imported_by, or give --importer.")
    return receipt


def _filled_in(body: Mapping[str, object], digest: str, importer: str, destination: str) -> Receipt:
    instances = body.get("instances")
    if not isinstance(instances, list):
        raise _unreadable()
    if body.get("all_imported") is not True:
        raise NoReceipt(
            "The receipt does not say that its instances were imported.",
            "After the import set all_imported to true, and remove the instances that were not imported.",
        )
    entries = []
    for one in instances:
        if not isinstance(one, dict):
            raise _unreadable()
        entries.append(_entry(one.get("sop_instance_uid"), one.get("sha256")))
    return Receipt(
        "receipt",
        str(body.get("imported_by") or importer).strip(),
        digest,
        tuple(entries),
        fileset_uid=str(body.get("fileset_uid") or ""),
        destination=destination or str(body.get("destination") or ""),
    )


def _lines(text: str, digest: str, importer: str, destination: str) -> Receipt:
    """A receipt of plain lines; blank ones and those that begin with # say nothing."""
    entries: list[ReceiptEntry] = []
    facts = {"imported_by": importer, "destination": destination, "fileset_uid": ""}
    for line in (one.strip() for one in text.splitlines()):
        name, colon, value = line.partition(":")
        if not line or line.startswith("#"):
            continue
        if colon and name.strip() in facts:
            facts[name.strip()] = facts[name.strip()] or value.strip()
            continue
        words = line.split()
        if len(words) != 2:  # noqa: PLR2004 - UID and digest
            raise _unreadable()
        entries.append(_entry(*words))
    return Receipt(
        "receipt",
        facts["imported_by"],
        digest,
        tuple(entries),
        fileset_uid=facts["fileset_uid"],
        destination=facts["destination"],
    )


def _entry(uid: object, digest: object) -> ReceiptEntry:
    """One instance of a receipt: a receipt without digests proves nothing about the bytes."""
    named = isinstance(uid, str) and is_valid_uid(uid)
    if not named or not isinstance(digest, str) or not _is_sha256(digest):
        raise NoReceipt(
            "The receipt has an entry without a SOP Instance UID and its SHA-256.", "Bring the receipt of the medium."
        )
    return ReceiptEntry(str(uid), digest.lower())


def _is_sha256(text: str) -> bool:
    return len(text) == _SHA256_DIGITS and all(c in "0123456789abcdefABCDEF" for c in text)


def _listed(body: Sequence[object]) -> tuple[ReceiptEntry, ...]:
    found: dict[str, None] = {}
    for one in body:
        uid = _listed_uid(one)
        if not is_valid_uid(uid):
            raise _unreadable()
        found[uid] = None
    return tuple(ReceiptEntry(uid) for uid in found)


def _listed_uid(one: object) -> str:
    if isinstance(one, str):
        return one
    if not isinstance(one, dict):
        raise _unreadable()
    attribute = one.get(_SOP_INSTANCE_UID)
    values = attribute.get("Value") if isinstance(attribute, dict) else [one.get("SOPInstanceUID")]
    if not isinstance(values, list) or len(values) != 1 or not isinstance(values[0], str):
        raise _unreadable()
    return values[0]
