"""Who is expected in the demo clinic: made-up people in several scripts, as worklist answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence

from gateway.demo.home import GATEWAY_AE_TITLE
from gateway.domain.identifiers import mint_uid

_PEOPLE = (
    ("शर्मा^सुनीता", "F", "19710402"),
    ("Yamada^Tarou=山田^太郎=やまだ^たろう", "M", "19580317"),
    ("Иванова^Мария", "F", "19840923"),
    ("Okafor^Chidi", "M", "20010111"),
    ("Müller^Jürgen", "M", "19650730"),
    ("Nguyễn^Thị Hoa", "F", "19930505"),
)


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """One order of the demo worklist."""

    patient_id: str
    accession_number: str
    name: str
    modality: str


def orders(modalities: Sequence[str], count: int) -> list[DemoOrder]:
    """`count` orders, their modalities in turn; each has a patient of its own."""
    return [
        DemoOrder(
            patient_id=f"P{4711 + number}",
            accession_number=f"ACC{2026000 + number}",
            name=_PEOPLE[number % len(_PEOPLE)][0],
            modality=modalities[number % len(modalities)],
        )
        for number in range(count)
    ]


def worklist_answers(made: Sequence[DemoOrder], now: datetime) -> list[Dataset]:
    """The orders as a worklist provider answers them (PS3.4 Annex K.6.1.2)."""
    return [_answer(order, number, now) for number, order in enumerate(made)]


def _answer(order: DemoOrder, number: int, now: datetime) -> Dataset:
    _, sex, birth_date = _PEOPLE[number % len(_PEOPLE)]
    step = Dataset()
    step.ScheduledStationAETitle = GATEWAY_AE_TITLE
    step.ScheduledProcedureStepStartDate = f"{now:%Y%m%d}"
    step.ScheduledProcedureStepStartTime = f"{now:%H%M%S}"
    step.Modality = order.modality
    step.ScheduledPerformingPhysicianName = ""
    step.ScheduledProcedureStepDescription = f"Demo {order.modality} examination"
    step.ScheduledProcedureStepID = f"S{number + 1}"
    answer = Dataset()
    answer.SpecificCharacterSet = "ISO_IR 192"
    answer.ScheduledProcedureStepSequence = DicomSequence([step])
    answer.RequestedProcedureID = f"R{number + 1}"
    answer.RequestedProcedureDescription = f"Demo {order.modality} examination"
    answer.StudyInstanceUID = mint_uid()
    answer.AccessionNumber = order.accession_number
    answer.RequestedProcedurePriority = "ROUTINE"
    answer.ReferringPhysicianName = "Demo^Doctor"
    answer.PatientName = order.name
    answer.PatientID = order.patient_id
    answer.PatientBirthDate = birth_date
    answer.PatientSex = sex
    return answer
