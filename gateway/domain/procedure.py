"""Patients and what is scheduled for them, in the standard's words, and what matching says about an acquisition."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


@dataclass(frozen=True, slots=True)
class Patient:
    """Identity as the worklist gave it; `birth_date` is DA text, empty parts are unknown (PS3.3 C.2.2, C.2.3)."""

    patient_id: str
    issuer: str = ""
    name: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = ""


@dataclass(frozen=True, slots=True)
class StepKey:
    """What tells Scheduled Procedure Steps apart: the provider and its own identifiers."""

    provider: str
    study_instance_uid: str
    step_id: str


@dataclass(frozen=True, slots=True)
class Step:
    """A Scheduled Procedure Step of a worklist answer, decoded to Unicode.

    `start` is aware (None when the provider gave no usable time). `identifier` is the whole answer in the DICOM JSON
    model (PS3.18 Annex F), for the objects made from it. `faults` name what was wrong with the answer, without
    patient data; a step with `usable` false is shown but never matched, a `doubtful` one (its patient or number has
    changed) only by a person.
    """

    key: StepKey
    patient: Patient
    accession_number: str
    requested_procedure_id: str
    requested_procedure_description: str
    description: str
    modality: str
    station_ae_title: str
    start: datetime | None
    priority: str = ""
    identifier: str = field(default="{}", repr=False)
    faults: tuple[str, ...] = ()
    usable: bool = True
    doubtful: bool = False


class MatchRule(Enum):
    """The ways in which an acquisition may be tied to a step, in the usual order."""

    ACCESSION_NUMBER = "accession_number"
    PATIENT_ID = "patient_id"
    ACTIVE_STEP = "active_step"
    SINGLE_IN_WINDOW = "single_in_window"
    OPERATOR = "operator"
    UNSCHEDULED = "unscheduled"


@dataclass(frozen=True, slots=True)
class Match:
    """An acquisition tied to one step, with the rule and its reason in words."""

    step: StepKey
    rule: MatchRule
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Why an acquisition waits for a person, and which steps came into question (best first)."""

    reason: str
    remedy: str
    candidates: tuple[StepKey, ...] = ()
