"""Local studies as the page sees them, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.domain.local_views import LocalStudyView, NoticeView, SuggestionView, ToReconcile
from gateway.domain.views import StepView
from tests.support.fake_reader import MORNING


@dataclass
class FakeLocals:
    """Rows that tests put in."""

    open_on: dict[str, tuple[LocalStudyView, datetime]] = field(default_factory=dict)
    waiting: list[ToReconcile] = field(default_factory=list)
    notice_rows: list[NoticeView] = field(default_factory=list)
    replacing: set[str] = field(default_factory=set)
    exams: dict[tuple[str, str], LocalStudyView] = field(default_factory=dict)

    def opened(self) -> Mapping[str, tuple[LocalStudyView, datetime]]:
        return self.open_on

    def local_study(self, number: int) -> LocalStudyView | None:
        return next((one.study for one in self.waiting if one.study.number == number), None)

    def of_exam(self, device: str, exam_key: str) -> LocalStudyView | None:
        return self.exams.get((device, exam_key))

    def to_reconcile(self) -> Sequence[ToReconcile]:
        return self.waiting

    def notices(self, *, done: bool = False) -> Sequence[NoticeView]:
        return [row for row in self.notice_rows if done or row.done_at is None]

    def replaces(self, destination: str) -> bool:
        return destination in self.replacing

    def next_id(self) -> str:
        return "ER7-0042"


def local_study(number: int = 1, **changes: Any) -> LocalStudyView:
    """An unknown woman of about fifty, whose two pictures were sent this morning."""
    facts: dict[str, Any] = {
        "number": number,
        "study_instance_uid": "2.25.1",
        "patient_name": "Unknown^Patient",
        "patient_id": "ER7-0041",
        "issuer": "BOX",
        "birth_date": "",
        "sex": "F",
        "age": "050Y",
        "accession_number": "2026-8891",
        "description": "",
        "given": True,
        "created_at": MORNING,
        "made_by": "page",
        "settled": "",
        "devices": ("fundus",),
        "acquisitions": (1, 2),
    }
    return LocalStudyView(**{**facts, **changes})


def suggestion(step: StepView, number: int = 7) -> SuggestionView:
    """A step that the accession number suggests."""
    return SuggestionView(number, step, "order", "The same accession number (typed by a person).", MORNING)


def notice(number: int = 3, **changes: Any) -> NoticeView:
    """What an archive is to be told."""
    facts: dict[str, Any] = {
        "number": number,
        "destination": "Main PACS",
        "at": MORNING,
        "decided_by": "Nurse A",
        "instances": 2,
        "text": "Patient ID (0010,0020): ER7-0041 -> 4711",
    }
    return NoticeView(**{**facts, **changes})
