"""All that is told of a performed step at its start: its identity, whom it is about, where it is done."""

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.objects import LocalStudy, Station
from gateway.domain.performed_step import PerformedStep
from gateway.domain.procedure import Step, StepKey


@dataclass(frozen=True, slots=True)
class PerformedCase:
    """What N-CREATE says of a performed step; kept as it was, so that a later change of settings alters nothing.

    `study_started_at` is aware and the same for all objects of the study from this box.
    """

    performed: PerformedStep
    subject: Step | LocalStudy
    study_instance_uid: str
    study_started_at: datetime
    station: Station
    modality: str
    series_description: str = ""

    @property
    def key(self) -> StepKey:
        """What tells the performed steps of a device apart; an unscheduled one has its study alone."""
        return self.subject.key if isinstance(self.subject, Step) else StepKey("", self.study_instance_uid, "")
