"""Worklist entries with everything in them, and where each value must stand in an object.

The table is written from the standard's mapping (PS3.17 Annex J, IHE RAD TF-2 Appendix A), not from the gateway.
"""

from pydicom import Dataset

from tests.peers.chain.box import now

HINDI = "शर्मा^सुनीता"
JAPANESE = "Yamada^Tarou=山田^太郎=やまだ^たろう"
CYRILLIC = "Иванов^Пётр"
PLAIN = "Doe^Jane^^Dr"

COPIED = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence", "OtherPatientIDsSequence", "PatientSize", "PatientWeight", "MedicalAlerts",
    "Allergies", "PregnancyStatus", "AdmissionID", "IssuerOfAdmissionIDSequence", "ReferencedPatientSequence",
    "StudyInstanceUID", "ReferencedStudySequence", "AccessionNumber", "IssuerOfAccessionNumberSequence",
    "ReferringPhysicianName", "RequestingService", "StudyDate", "StudyTime",
)  # fmt: skip
RENAMED = {
    "RequestedProcedureID": "StudyID",
    "RequestedProcedureDescription": "StudyDescription",
    "RequestedProcedureCodeSequence": "ProcedureCodeSequence",
}
REQUESTED = (
    "StudyInstanceUID", "AccessionNumber", "IssuerOfAccessionNumberSequence", "RequestedProcedureID",
    "RequestedProcedureDescription", "RequestedProcedureCodeSequence", "ReasonForTheRequestedProcedure",
    "ReasonForRequestedProcedureCodeSequence",
)  # fmt: skip
SCHEDULED = ("ScheduledProcedureStepID", "ScheduledProcedureStepDescription", "ScheduledProtocolCodeSequence")


def entry(number: int, name: str, modality: str = "XC") -> Dataset:
    """A plain worklist entry of today: patient ``P<number>``, accession number ``ACC<number>``."""
    step = Dataset()
    step.Modality, step.ScheduledStationAETitle = modality, "FC1"
    step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime = f"{now():%Y%m%d}", f"{now():%H%M}00"
    step.ScheduledProcedureStepID, step.ScheduledProcedureStepDescription = f"SPS{number}", "Both eyes"
    step.ScheduledPerformingPhysicianName = "Perf^Physician"
    item = Dataset()
    item.SpecificCharacterSet = "ISO_IR 192"
    item.PatientName, item.PatientID = name, f"P{number}"
    item.PatientBirthDate, item.PatientSex = "19700102", "F"
    item.StudyInstanceUID, item.AccessionNumber = f"1.2.826.0.1.3680043.8.498.77.{number}", f"ACC{number}"
    item.RequestedProcedureID, item.RequestedProcedureDescription = f"RP{number}", "Photographs, जाँच"
    item.ReferringPhysicianName = "Refer^Doctor"
    item.ScheduledProcedureStepSequence = [step]
    return item


def full_entry(number: int, name: str) -> Dataset:
    """An entry in which every attribute of the mapping table has a value."""
    item = entry(number, name)
    item.IssuerOfPatientID = "RAMPUR"
    item.IssuerOfPatientIDQualifiersSequence = [_entity("1.2.3.4", "ISO")]
    other = Dataset()
    other.PatientID, other.IssuerOfPatientID, other.TypeOfPatientID = "NATIONAL-77", "STATE", "TEXT"
    item.OtherPatientIDsSequence = [other]
    item.PatientSize, item.PatientWeight, item.PregnancyStatus = "1.63", "58.5", 1
    item.MedicalAlerts, item.Allergies = "Пейсмейкер", "Latex"
    item.AdmissionID, item.IssuerOfAdmissionIDSequence = "ADM9", [_entity("ADT", None)]
    item.IssuerOfAccessionNumberSequence = [_entity("RIS", None)]
    item.ReferencedPatientSequence = [_reference("1.2.840.10008.3.1.2.1.1", "1.2.3.77.1")]
    item.ReferencedStudySequence = [_reference("1.2.840.10008.3.1.2.3.1", "1.2.3.77.2")]
    item.RequestingService = "Augenklinik"
    item.StudyDate, item.StudyTime = "20260102", "030405"
    item.RequestedProcedureCodeSequence = [_code("F100", "99RAMPUR", "Fundus photography")]
    item.ReasonForTheRequestedProcedure = "Диабет"
    item.ReasonForRequestedProcedureCodeSequence = [_code("44054006", "SCT", "Diabetes mellitus type 2")]
    item.ScheduledProcedureStepSequence[0].ScheduledProtocolCodeSequence = [_code("P1", "99RAMPUR", "Seven fields")]
    return item


def misplaced(item: Dataset, found: Dataset) -> list[str]:
    """What of a worklist entry does not stand in an object where the mapping wants it; only what has a value."""
    step = item.ScheduledProcedureStepSequence[0]
    (request,) = found.RequestAttributesSequence
    pairs = [(item, keyword, found, keyword) for keyword in COPIED]
    pairs += [(item, keyword, found, there) for keyword, there in RENAMED.items()]
    pairs += [(item, keyword, request, keyword) for keyword in REQUESTED]
    pairs += [(step, keyword, request, keyword) for keyword in SCHEDULED]
    pairs += [(step, "ScheduledPerformingPhysicianName", found, "PerformingPhysicianName")]
    return [
        f"{there}: {_value(target, there)!r} is not {keyword} {_value(source, keyword)!r}"
        for source, keyword, target, there in pairs
        if keyword in source and _value(source, keyword) != _value(target, there)
    ]


def _value(dataset: Dataset, keyword: str) -> object:
    return dataset[keyword].to_json_dict(None, 0).get("Value") if keyword in dataset else None


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _entity(universal: str, kind: str | None) -> Dataset:
    item = Dataset()
    if kind:
        item.UniversalEntityID, item.UniversalEntityIDType = universal, kind
    else:
        item.LocalNamespaceEntityID = universal
    return item


def _reference(sop_class: str, sop_instance: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_instance
    return item
