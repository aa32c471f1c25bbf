"""What the status page and the command line show: flat rows, read from the ledger in one go."""

from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.opening import takes_patients
from gateway.domain.procedure import MatchRule, StepKey


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One delivery of an acquisition's instance, or of the note that rejects it."""

    id: int
    destination: str
    state: str
    since: datetime
    attempts: int
    due_at: datetime | None
    phase: str
    error: str
    remedy: str
    status: str
    bytes: int
    decision: str = ""
    is_note: bool = False


@dataclass(frozen=True, slots=True)
class AcquisitionView:
    """One acquisition with everything a person asks about it; numbers are 0 where there is no such acquisition."""

    id: int
    device: str
    display_name: str
    captured_at: datetime
    state: str
    since: datetime
    has_thumbnail: bool
    exam_key: str
    source_bytes: int
    patient_name: str = field(repr=False)
    patient_id: str
    step_description: str
    accession_number: str
    rule: str
    reason: str
    remedy: str
    sop_instance_uid: str
    sop_class: str
    transfer_syntax: str
    object_bytes: int
    hints: tuple[tuple[str, str, str], ...]
    candidates: tuple[StepKey, ...]
    deliveries: tuple[DeliveryView, ...]
    source_kept: bool = True
    correction_of: int = 0
    corrected_by: int = 0
    rejected_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StepView:
    """One cached worklist step; `steps` are named by `number` on page and command line."""

    number: int
    key: StepKey
    patient_name: str = field(repr=False)
    patient_id: str
    birth_date: str = field(repr=False)
    sex: str
    accession_number: str
    description: str
    modality: str
    station_ae_title: str
    start: datetime | None
    priority: str
    seen_at: datetime
    vanished: bool
    usable: bool
    faults: tuple[str, ...]
    open_on: tuple[str, ...]
    doubtful: bool = False
    looked_up: bool = False


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A worklist provider and the age of what it said; `kind` is query, hl7 or local: only the first can be asked."""

    name: str
    answered_at: datetime | None
    items: int
    error: str
    remedy: str
    since: datetime | None
    kind: str = "query"


@dataclass(frozen=True, slots=True)
class DestinationView:
    """A destination with its counts and the last thing it said."""

    name: str
    pending: int
    sending: int
    stored: int
    committed: int
    parked: int
    last_stored_at: datetime | None
    error: str
    phase: str
    remedy: str
    error_at: datetime | None


@dataclass(frozen=True, slots=True)
class AcceptedView:
    """What a destination answered to one transfer syntax of one SOP class, and since when; PDU bytes 0: no limit."""

    destination: str
    sop_class: str
    transfer_syntax: str
    accepted: bool
    max_pdu_bytes: int | None
    learnt_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class AcceptingView:
    """What one destination accepts, and what it cost that it refuses something: copies sent, and their extra bytes."""

    answers: tuple[AcceptedView, ...]
    copies: int
    extra_bytes: int


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device with its newest acquisition and who is open on it: by whom, until when, how many came since.

    `active_since` stands for a patient without an order as well, who has no `active_step`. `closes_at` is when the
    patient is closed by itself if nothing more is captured. `rules` are those by which its pictures find their patient.
    """

    name: str
    captured_today: int
    last_captured_at: datetime | None
    active_step: StepView | None
    active_since: datetime | None
    active_by: str = ""
    closes_at: datetime | None = None
    captured_since: int = 0
    rules: tuple[str, ...] = (MatchRule.ACTIVE_STEP.value,)

    @property
    def takes_patients(self) -> bool:
        """Whether a patient who is opened here gets the pictures."""
        return takes_patients(self.rules)


@dataclass(frozen=True, slots=True)
class RecentPatientView:
    """Whose pictures came from a device within the last minutes, and when the newest did."""

    patient_name: str = field(repr=False)
    patient_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReportView:
    """One report of a performed step to a peer: `kind` is create or set, `status` the peer's answer."""

    number: int
    peer: str
    kind: str
    state: str
    since: datetime
    attempts: int
    status: str
    error: str
    remedy: str


@dataclass(frozen=True, slots=True)
class PerformedStepView:
    """One performed step; `reason` is the code of a discontinuation, `instances` how many were made until now."""

    number: int
    device: str
    state: str
    outcome: str
    reason: str
    sop_instance_uid: str
    id: str
    started_at: datetime
    ended_at: datetime | None
    patient_name: str = field(repr=False)
    patient_id: str
    accession_number: str
    description: str
    append: bool
    instances: int
    reports: tuple[ReportView, ...]


@dataclass(frozen=True, slots=True)
class IssueView:
    """A named fault of the box that stands now."""

    key: str
    severity: str
    since: datetime
    text: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class BeatView:
    """The last sign of progress of one loop and the bound it promised."""

    role: str
    loop: str
    at: datetime
    bound_s: float


@dataclass(frozen=True, slots=True)
class CountsView:
    """How many acquisitions stand in each state, and what is not yet at every destination."""

    by_state: dict[str, int]
    undelivered: int
    captured_today: int
    delivered_today: int


@dataclass(frozen=True, slots=True)
class RequestView:
    """What became of a filed request; `outcome` is empty while it waits."""

    id: str
    kind: str
    filed_at: datetime
    done: bool
    ok: bool
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One delivery in the list of the queue."""

    delivery: DeliveryView
    acquisition: int
    device: str
    display_name: str
    captured_at: datetime
    sop_instance_uid: str
    exported: bool


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One try of a delivery as it was recorded."""

    started_at: datetime
    ended_at: datetime
    phase: str
    disposition: str
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One line of the journal; `detail` is its JSON."""

    at: datetime
    actor: str
    event: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class DeliveryDossier:
    """All that the ledger knows of one delivery: facts as name and value, its tries, and its journal."""

    facts: tuple[tuple[str, str], ...]
    attempts: tuple[AttemptLine, ...]
    journal: tuple[JournalLine, ...]
