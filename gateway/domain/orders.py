"""Orders that are heard rather than asked for: what a message or a list says about the worklist."""

from dataclasses import dataclass, field

from gateway.domain.procedure import Patient, Step

LOCAL_LIST = "local"
"""The name, as a worklist provider, of the list that people of this place keep themselves."""


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """A step is scheduled, or an order of before says something else now."""

    step: Step


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """An order is cancelled, discontinued or done; empty parts do not restrict, but one of the last two is given."""

    patient_id: str
    accession_number: str = ""
    study_instance_uid: str = ""


@dataclass(frozen=True, slots=True)
class PatientChanged:
    """The data of a patient are these now."""

    patient: Patient


@dataclass(frozen=True, slots=True)
class PatientMerged:
    """What was of this patient id belongs to another one from now on; which orders is for the sender to say anew."""

    patient_id: str


News = OrderPlaced | OrderCancelled | PatientChanged | PatientMerged


@dataclass(frozen=True, slots=True)
class HeardMessage:
    """A message as it came; `fault` says why it could not be used, without patient data; empty if it could.

    `answer` is the acknowledgement code that it earns by itself: AA, AE or AR (HL7 table 0008).
    """

    body: bytes = field(repr=False)
    kind: str = ""
    control_id: str = ""
    news: tuple[News, ...] = field(default=(), repr=False)
    answer: str = "AA"
    fault: str = ""
