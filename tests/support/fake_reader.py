"""The ledger as the page sees it, in memory: fakes of `StatusReader`, `RequestDesk` and `Clock`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from gateway.domain.procedure import StepKey
from gateway.domain.requests import RequestKind
from gateway.domain.views import (
    AcceptingView,
    AcquisitionView,
    BeatView,
    CountsView,
    DeliveryView,
    DestinationView,
    DeviceView,
    IssueView,
    PerformedStepView,
    ProviderView,
    RecentPatientView,
    ReportView,
    RequestView,
    StepView,
)

MORNING = datetime(2026, 11, 21, 10, 42, tzinfo=timezone(timedelta(hours=5, minutes=30)))


@dataclass
class FakeClock:
    """A clock that tests set."""

    moment: datetime = MORNING
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.seconds

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self.moment += timedelta(seconds=seconds)
        self.seconds += seconds


@dataclass
class FakeDesk:
    """Keeps what was filed, in order."""

    filed: list[tuple[RequestKind, dict[str, str], str]] = field(default_factory=list)

    def file(self, kind: RequestKind, payload: Mapping[str, str], *, by: str) -> str:
        self.filed.append((kind, dict(payload), by))
        return f"request-{len(self.filed)}"


@dataclass
class FakeReader:
    """Rows that tests put in; answers as the ledger does: newest first, bounded, filtered."""

    rows: list[AcquisitionView] = field(default_factory=list)
    worklist: list[StepView] = field(default_factory=list)
    provider_rows: list[ProviderView] = field(default_factory=list)
    destination_rows: list[DestinationView] = field(default_factory=list)
    accepting: dict[str, AcceptingView] = field(default_factory=dict)
    device_rows: list[DeviceView] = field(default_factory=list)
    performed_rows: list[PerformedStepView] = field(default_factory=list)
    issue_rows: list[IssueView] = field(default_factory=list)
    beat_rows: list[BeatView] = field(default_factory=list)
    requests: dict[str, RequestView] = field(default_factory=dict)
    thumbnails: dict[int, Path] = field(default_factory=dict)
    recent: dict[str, RecentPatientView] = field(default_factory=dict)

    def counts(self) -> CountsView:
        by_state: dict[str, int] = {}
        for row in self.rows:
            by_state[row.state] = by_state.get(row.state, 0) + 1
        delivered = sum(1 for row in self.rows if row.state == "assembled" and not _is_undelivered(row))
        return CountsView(by_state, sum(map(_is_undelivered, self.rows)), len(self.rows), delivered)

    def acquisitions(self, *, state: str = "", limit: int = 50, before: int = 0) -> Sequence[AcquisitionView]:
        rows = sorted(self.rows, key=lambda row: -row.id)
        rows = [row for row in rows if not before or row.id < before]
        if state == "undelivered":
            rows = [row for row in rows if _is_undelivered(row)]
        elif state:
            rows = [row for row in rows if row.state == state]
        return rows[:limit]

    def acquisition(self, number: int) -> AcquisitionView | None:
        return next((row for row in self.rows if row.id == number), None)

    def thumbnail(self, number: int) -> Path | None:
        return self.thumbnails.get(number)

    def steps(self, *, search: str = "", limit: int = 200) -> Sequence[StepView]:
        rows = sorted(self.worklist, key=lambda step: step.start or datetime.max.replace(tzinfo=UTC))
        wanted = search.casefold()
        found = [
            step
            for step in rows
            if wanted in f"{step.patient_name} {step.patient_id} {step.accession_number}".casefold()
        ]
        return found[:limit]

    def step(self, number: int) -> StepView | None:
        return next((step for step in self.worklist if step.number == number), None)

    def step_of(self, keys: Sequence[StepKey]) -> Sequence[StepView]:
        by_key = {step.key: step for step in self.worklist}
        return [by_key[key] for key in keys if key in by_key]

    def providers(self) -> Sequence[ProviderView]:
        return self.provider_rows

    def destinations(self) -> Sequence[DestinationView]:
        return self.destination_rows

    def accepted(self, destination: str) -> AcceptingView:
        return self.accepting.get(destination, AcceptingView((), 0, 0))

    def devices(self) -> Sequence[DeviceView]:
        return self.device_rows

    def recent_patient(
        self, device: str, *, step: int | None = None, local_study: int | None = None, patient_id: str = ""
    ) -> RecentPatientView | None:
        del local_study
        chosen = None if step is None else self.step(step)
        recent = self.recent.get(device)
        same = recent is not None and recent.patient_id == (chosen.patient_id if chosen else patient_id)
        return None if same else recent

    def performed_steps(self, *, unfinished: bool = False, limit: int = 100) -> Sequence[PerformedStepView]:
        rows = sorted(self.performed_rows, key=lambda row: -row.number)
        return [row for row in rows if not unfinished or _is_unfinished(row)][:limit]

    def issues(self) -> Sequence[IssueView]:
        return self.issue_rows

    def beats(self) -> Sequence[BeatView]:
        return self.beat_rows

    def request(self, request_id: str) -> RequestView | None:
        return self.requests.get(request_id)

    def change(self, number: int, **changes: object) -> None:
        """Replace fields of one acquisition, as another role would."""
        self.rows = [replace(row, **changes) if row.id == number else row for row in self.rows]  # type: ignore[arg-type]  # the caller names fields of the view

    def answer(self, request_id: str, kind: str, *, ok: bool, outcome: str, detail: str = "") -> None:
        """Carry a request out."""
        self.requests[request_id] = RequestView(request_id, kind, MORNING, True, ok, outcome, detail)


def _is_undelivered(row: AcquisitionView) -> bool:
    return any(delivery.state not in {"stored", "committed"} for delivery in row.deliveries)


def _is_unfinished(row: PerformedStepView) -> bool:
    return row.state != "closed" or any(report.state != "done" for report in row.reports)


_DELIVERY = DeliveryView(
    id=1,
    destination="Main PACS",
    state="committed",
    since=MORNING - timedelta(minutes=5),
    attempts=1,
    due_at=None,
    phase="",
    error="",
    remedy="",
    status="",
    bytes=2_400_000,
)
_ACQUISITION = AcquisitionView(
    id=1,
    device="fundus",
    display_name="4711_20261121_R_001.jpg",
    captured_at=MORNING - timedelta(minutes=6),
    state="assembled",
    since=MORNING - timedelta(minutes=5),
    has_thumbnail=False,
    exam_key="exam-1",
    source_bytes=1_850_000,
    patient_name="शर्मा^सुनीता",
    patient_id="4711",
    step_description="Fundus both eyes",
    accession_number="2026-8891",
    rule="patient_id",
    reason="The file name gives patient ID 4711.",
    remedy="",
    sop_instance_uid="2.25.329800735698586629295641978511506172918",
    sop_class="1.2.840.10008.5.1.4.1.1.77.1.5.1",
    transfer_syntax="1.2.840.10008.1.2.4.50",
    object_bytes=1_852_000,
    hints=(("patient_id", "4711", "file name"), ("laterality", "R", "file name")),
    candidates=(),
    deliveries=(_DELIVERY,),
)
_STEP = StepView(
    number=1,
    key=StepKey("HIS", "1.2.3.1", "SPS1"),
    patient_name="शर्मा^सुनीता",
    patient_id="4711",
    birth_date="19710402",
    sex="F",
    accession_number="2026-8891",
    description="Fundus both eyes",
    modality="OP",
    station_ae_title="RAMPUR_FC1",
    start=MORNING - timedelta(minutes=12),
    priority="ROUTINE",
    seen_at=MORNING - timedelta(minutes=1),
    vanished=False,
    usable=True,
    faults=(),
    open_on=(),
)


def delivery(**changes: object) -> DeliveryView:
    """A delivery that Main PACS has confirmed, with `changes`."""
    return replace(_DELIVERY, **changes)  # type: ignore[arg-type]  # the caller names fields of the view


def acquisition(number: int = 1, **changes: object) -> AcquisitionView:
    """A delivered fundus picture, with `changes`."""
    return replace(_ACQUISITION, id=number, **changes)  # type: ignore[arg-type]  # as above


def held(number: int = 1, **changes: object) -> AcquisitionView:
    """A picture that waits for a patient."""
    fields: dict[str, object] = {
        "state": "held",
        "patient_name": "",
        "patient_id": "",
        "step_description": "",
        "accession_number": "",
        "rule": "",
        "reason": "Two steps fit patient ID 4711.",
        "remedy": "Choose the right one.",
        "sop_instance_uid": "",
        "deliveries": (),
    }
    return acquisition(number, **(fields | changes))


def step(number: int = 1, **changes: object) -> StepView:
    """A planned fundus examination, with `changes`; each number has its own key."""
    return replace(_STEP, number=number, key=StepKey("HIS", f"1.2.3.{number}", f"SPS{number}"), **changes)  # type: ignore[arg-type]  # as above


def device(name: str = "fundus", active: StepView | None = None, **changes: object) -> DeviceView:
    """A device whose last picture came six minutes ago."""
    since = MORNING - timedelta(minutes=8) if active else None
    view = DeviceView(name, 6, MORNING - timedelta(minutes=6), active, since)
    return replace(view, **changes)  # type: ignore[arg-type]  # as above


def recent(name: str = "शर्मा^सुनीता", patient_id: str = "4711", *, ago_s: float = 100) -> RecentPatientView:
    """Whose picture came a moment ago."""
    return RecentPatientView(name, patient_id, MORNING - timedelta(seconds=ago_s))


def report(number: int = 1, **changes: object) -> ReportView:
    """A report of the start that the RIS took, with `changes`."""
    view = ReportView(number, "RIS", "create", "done", MORNING - timedelta(minutes=6), 1, "0000", "", "")
    return replace(view, **changes)  # type: ignore[arg-type]  # as above


def performed(number: int = 1, **changes: object) -> PerformedStepView:
    """A performed step in progress, of which the RIS was told, with `changes`."""
    view = PerformedStepView(
        number=number,
        device="fundus",
        state="open",
        outcome="",
        reason="",
        sop_instance_uid=f"2.25.77{number}",
        id="261121103600-777",
        started_at=MORNING - timedelta(minutes=6),
        ended_at=None,
        patient_name="शर्मा^सुनीता",
        patient_id="4711",
        accession_number="2026-8891",
        description="Fundus both eyes",
        append=False,
        instances=2,
        reports=(report(),),
    )
    return replace(view, **changes)  # type: ignore[arg-type]  # as above


def destination(name: str = "Main PACS", **changes: object) -> DestinationView:
    """A destination that has everything."""
    view = DestinationView(name, 0, 0, 3, 211, 0, MORNING - timedelta(minutes=5), "", "", "", None)
    return replace(view, **changes)  # type: ignore[arg-type]  # as above


def provider(name: str = "HIS", **changes: object) -> ProviderView:
    """A worklist that answered a minute ago."""
    view = ProviderView(name, MORNING - timedelta(minutes=1), 12, "", "", None)
    return replace(view, **changes)  # type: ignore[arg-type]  # as above


def beat(role: str = "forward", loop: str = "deliver Main PACS", age_s: float = 3.0, bound_s: float = 60.0) -> BeatView:
    """A beat `age_s` old."""
    return BeatView(role, loop, MORNING - timedelta(seconds=age_s), bound_s)


def issue(text: str = "The certificate of Main PACS ends in 12 days.", severity: str = "warning") -> IssueView:
    """A standing issue."""
    return IssueView("certificate-ends", severity, MORNING - timedelta(hours=3), text, "Ask for a new one.")
