"""Worklist steps and answers, as tests of several rooms need them."""

from datetime import UTC, datetime
from io import BytesIO

from pydicom import Dataset, Sequence
from pynetdicom.dsutils import decode, encode

from gateway.domain.procedure import Patient, Step, StepKey

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def step(
    number: int = 1,
    *,
    patient_id: str = "P1",
    issuer: str = "",
    name: str = "Doe^Jane",
    birth_date: str = "19700102",
    accession_number: str = "A1",
    start: datetime | None = NOON,
    modality: str = "OP",
    station: str = "FC1",
    usable: bool = True,
) -> Step:
    return Step(
        key=StepKey("HIS", f"1.2.{number}", f"S{number}"),
        patient=Patient(patient_id, issuer, name, birth_date, "F"),
        accession_number=accession_number,
        requested_procedure_id=f"R{number}",
        requested_procedure_description="",
        description="",
        modality=modality,
        station_ae_title=station,
        start=start,
        usable=usable,
        faults=() if usable else ("It has no Patient ID.",),
    )


def answer(**changes: object) -> Dataset:
    """A good worklist answer as a provider holds it; `changes` by keyword, ``sps_...`` for the step's own."""
    sps = Dataset()
    sps.Modality, sps.ScheduledStationAETitle = "OP", "FC1"
    sps.ScheduledProcedureStepStartDate, sps.ScheduledProcedureStepStartTime = "20261121", "093000"
    sps.ScheduledProcedureStepID, sps.ScheduledProcedureStepDescription = "SPS1", "Fundus"
    dataset = Dataset()
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "4711"
    dataset.PatientBirthDate, dataset.PatientSex = "19700102", "F"
    dataset.StudyInstanceUID, dataset.AccessionNumber = "1.2.3", "A1"
    dataset.RequestedProcedureID, dataset.RequestedProcedureDescription = "RP1", "Fundus both eyes"
    for keyword, value in changes.items():
        if keyword.startswith("sps_"):
            setattr(sps, keyword.removeprefix("sps_"), value)
        else:
            setattr(dataset, keyword, value)
    if "ScheduledProcedureStepSequence" not in changes:
        dataset.ScheduledProcedureStepSequence = Sequence([sps])
    return dataset


def received(dataset: Dataset, replacements: dict[bytes, bytes] | None = None) -> Dataset:
    """The data set as it comes off the wire (Implicit VR), with placeholder bytes replaced by others as long."""
    data = encode(dataset, is_implicit_vr=True, is_little_endian=True)
    assert data is not None
    raw = bytes(data)
    for old, new in (replacements or {}).items():
        assert len(old) == len(new)
        assert old in raw
        raw = raw.replace(old, new)
    return decode(BytesIO(raw), is_implicit_vr=True, is_little_endian=True)
