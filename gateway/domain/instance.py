"""SOP Instances and their deliveries: what is owed to whom, and with which proof."""

from dataclasses import dataclass

from gateway.domain.identifiers import AcquisitionId, DeliveryId, DestinationName, InstanceId, Uid
from gateway.domain.lifecycle import DeliveryState


@dataclass(frozen=True, slots=True)
class InstanceIdentity:
    """UIDs and numbers of an instance, minted once in the ledger before it is built."""

    instance_id: InstanceId
    study_instance_uid: Uid
    series_instance_uid: Uid
    sop_instance_uid: Uid
    series_number: int
    instance_number: int


@dataclass(frozen=True, slots=True)
class SpooledObject:
    """A finished Part 10 file in the spool: frozen, with its SHA-256 in hex; `path` is relative to the spool."""

    path: str
    digest: str
    size: int
    sop_class_uid: Uid
    transfer_syntax_uid: Uid


@dataclass(frozen=True, slots=True)
class Delivery:
    """One instance owed to one destination, as claimed for sending."""

    id: DeliveryId
    instance_id: InstanceId
    acquisition_id: AcquisitionId
    destination: DestinationName
    state: DeliveryState
    attempts: int
    sop_instance_uid: Uid
    spooled: SpooledObject


@dataclass(frozen=True, slots=True)
class StoreOutcome:
    """A peer's answer to one C-STORE: the status that counts as stored, kept as proof (PS3.4 Annex B.2.3).

    `copy_bytes` is the length of the copy that was sent in another transfer syntax than the stored one; None when the
    stored file itself was sent.
    """

    status: int
    comment: str = ""
    transfer_syntax_uid: str = ""
    copy_bytes: int | None = None
