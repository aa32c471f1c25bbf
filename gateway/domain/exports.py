"""Deliveries that leave on a medium: what an export holds, and what a receipt says of it."""

from dataclasses import dataclass

from gateway.domain.identifiers import DeliveryId, InstanceId, Uid


@dataclass(frozen=True, slots=True)
class UnsentObject:
    """One delivery that is not at its destination yet, with the frozen object that it owes; `path` as in the spool."""

    delivery: DeliveryId
    instance: InstanceId
    destination: str
    sop_instance_uid: Uid
    path: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class ExportItem:
    """One delivery of an export and the File ID that its object has on the medium."""

    owed: UnsentObject
    file_id: str


@dataclass(frozen=True, slots=True)
class Export:
    """An export as the ledger knows it: planned before the first byte is written, finished after all were read back."""

    number: int
    fileset_uid: Uid
    items: tuple[ExportItem, ...]
    finished: bool


@dataclass(frozen=True, slots=True)
class ReceiptEntry:
    """One instance that an importer says it has; the digest is empty where a listing names only UIDs."""

    sop_instance_uid: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A document that says what was imported: by whom, of which file-set and into which destination, if it says so."""

    kind: str
    importer: str
    document_digest: str
    entries: tuple[ReceiptEntry, ...]
    fileset_uid: str = ""
    destination: str = ""


@dataclass(frozen=True, slots=True)
class ReceiptOutcome:
    """What came of a receipt: how many deliveries are stored by it, how many were before, and what was refused."""

    accepted: int
    stored_before: int
    refused: tuple[tuple[str, str], ...]
