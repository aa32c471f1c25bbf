"""What a device delivered, before it is DICOM: findings of a source, acquisitions in the ledger, identity hints."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import BinaryIO, Protocol

from gateway.domain.errors import GatewayError
from gateway.domain.identifiers import AcquisitionId, DeviceName
from gateway.domain.lifecycle import AcquisitionState


class AcquisitionKind(Enum):
    """Shape of what was captured; decides which decoder opens it."""

    IMAGE_FILE = "image_file"


class HintKind(Enum):
    """A fact about identity or content that a device may give beside its pixels."""

    PATIENT_ID = "patient_id"
    ISSUER_OF_PATIENT_ID = "issuer_of_patient_id"
    PATIENT_NAME = "patient_name"
    BIRTH_DATE = "birth_date"
    SEX = "sex"
    ACCESSION_NUMBER = "accession_number"
    REQUESTED_PROCEDURE_ID = "requested_procedure_id"
    STUDY_INSTANCE_UID = "study_instance_uid"
    DATE = "date"
    TIME = "time"
    LATERALITY = "laterality"
    BODY_PART = "body_part"
    DESCRIPTION = "description"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Hint:
    """One such fact with where it was found, for example ``file name`` or ``sidecar exam.xml /exam/@acc``."""

    kind: HintKind
    value: str
    origin: str


def hint_values(hints: Iterable[Hint], kind: HintKind) -> tuple[str, ...]:
    """The different non-empty values that `hints` give for `kind`, in the order found."""
    return tuple(dict.fromkeys(h.value.strip() for h in hints if h.kind is kind and h.value.strip()))


class PartRole(Enum):
    """Whether a captured file is the acquisition itself or stands beside it."""

    PRIMARY = "primary"
    SIDECAR = "sidecar"


@dataclass(frozen=True, slots=True)
class FindingPart:
    """One file of a finding, as it stands at the source; `name` is the source's own name in any bytes."""

    role: PartRole
    name: bytes
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Finding:
    """An acquisition that a source offers: complete, or given up as incomplete with its `fault`.

    `parts[0]` is the primary part. `captured_at` is aware. A finding with a `fault` is taken all the same and
    quarantined with that reason, so that nothing is lost.
    """

    kind: AcquisitionKind
    exam_key: str
    captured_at: datetime
    parts: tuple[FindingPart, ...]
    hints: tuple[Hint, ...] = ()
    fault: GatewayError | None = None


class CaptureSource(Protocol):
    """Reads one device. Nothing is acknowledged to the device before the acquisition is safe."""

    def wait(self, timeout_s: float) -> None:
        """Return when the device may have something new, at the latest after `timeout_s` seconds."""
        ...

    def poll(self) -> Iterable[Finding]:
        """Findings that are ready now; a finding not acknowledged is offered again."""
        ...

    def open(self, part: FindingPart) -> BinaryIO:
        """The bytes of a part; raises `GatewayError` (RETRY) when it has gone or may not be read."""
        ...

    def acknowledge(self, finding: Finding) -> None:
        """Let the source go (keep, move or delete, as the profile says): the ledger has committed the finding."""
        ...

    def troubles(self) -> tuple[GatewayError, ...]:
        """Faults that stand now: items that cannot be read, a folder that is gone; shown as issues while they last."""
        ...

    def close(self) -> None:
        """Release the device."""
        ...


class CaptureMemory(Protocol):
    """What the ledger remembers for a source, so that a restart neither repeats nor splits an exam."""

    def is_known(self, part: FindingPart) -> bool:
        """Whether this very file (name, size, modification time) was already taken from this device."""
        ...

    def latest_exam(self) -> tuple[str, datetime] | None:
        """Exam key and capture time of the newest acquisition of this device."""
        ...


@dataclass(frozen=True, slots=True)
class Acquisition:
    """One row of the ledger: an exposure, clip or document that is safe on this box.

    `recorded_at` is when this box took it, by its own clock alone; None for those of earlier releases.
    """

    id: AcquisitionId
    device: DeviceName
    exam_key: str
    kind: AcquisitionKind
    captured_at: datetime
    display_name: str
    digest: str
    size: int
    path: str
    state: AcquisitionState
    hints: tuple[Hint, ...] = field(default=(), repr=False)
    recorded_at: datetime | None = None
