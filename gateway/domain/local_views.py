"""What page and command line show of patients without an order: who is open, what awaits its order, what to tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gateway.domain.views import StepView


@dataclass(frozen=True, slots=True)
class LocalStudyView:
    """A local study as it was entered; `given` says that the patient id is of this box's own making.

    `acquisitions` are the numbers of its pictures, oldest first; `settled` is empty while an order may turn up,
    ``reconciled`` or ``stays``. It has what pages show of a step, so that both are shown alike.
    """

    number: int
    study_instance_uid: str
    patient_name: str = field(repr=False)
    patient_id: str
    issuer: str
    birth_date: str = field(repr=False)
    sex: str
    age: str
    accession_number: str
    description: str
    given: bool
    created_at: datetime
    made_by: str
    settled: str
    devices: tuple[str, ...]
    acquisitions: tuple[int, ...]
    modality: str = ""
    start: datetime | None = None


@dataclass(frozen=True, slots=True)
class SuggestionView:
    """A step that may be the order of a local study."""

    number: int
    step: StepView
    ground: str
    reason: str
    suggested_at: datetime


@dataclass(frozen=True, slots=True)
class ToReconcile:
    """A local study and the steps that may be its order, best first; `why_none` says why there are none."""

    study: LocalStudyView
    suggestions: tuple[SuggestionView, ...]
    why_none: str = ""


@dataclass(frozen=True, slots=True)
class NoticeView:
    """What an archive's administrator is to change by hand; `text` says it in full, with names."""

    number: int
    destination: str
    at: datetime
    decided_by: str
    instances: int
    text: str = field(repr=False)
    done_at: datetime | None = None
    done_by: str = ""


class LocalStudyReader(Protocol):
    """Reads local studies for people."""

    def opened(self) -> Mapping[str, tuple[LocalStudyView, datetime]]:
        """The unscheduled patients that are open, by device, and since when."""
        ...

    def local_study(self, number: int) -> LocalStudyView | None:
        """One local study."""
        ...

    def of_exam(self, device: str, exam_key: str) -> LocalStudyView | None:
        """The unsettled local study to which pictures of an exam went before."""
        ...

    def to_reconcile(self) -> Sequence[ToReconcile]:
        """Local studies with pictures for which an order may turn up; those with a suggestion first."""
        ...

    def notices(self, *, done: bool = False) -> Sequence[NoticeView]:
        """Notices that wait, newest first; with `done` also those that were done."""
        ...

    def replaces(self, destination: str) -> bool:
        """Whether a destination gets new objects when an order turns up; else its administrator is told."""
        ...

    def next_id(self) -> str:
        """The patient id that is given next, as far as it can be said before."""
        ...
