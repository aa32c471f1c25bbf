"""General Series with the Request Attributes Sequence: one item per scheduled step, left out when unscheduled.

References: PS3.3 C.7.3.1, table 10-9.
"""

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from gateway.domain.acquisition import HintKind, hint_values
from gateway.domain.performed_step import PERFORMED_STEP_UID, PerformedStep
from gateway.domain.procedure import Step
from gateway.objects import coded
from gateway.objects.draft import Draft
from gateway.objects.values import da, description, identifier, person_name, tm, uid


def general_series(draft: Draft) -> None:
    """Fill in General Series (PS3.3 C.7.3.1); its anatomy is the profile's, so that all its objects agree on it."""
    order, dataset, profile = draft.order, draft.dataset, draft.order.profile
    dataset.Modality = profile.modality or draft.iod.modalities[0]
    dataset.SeriesInstanceUID = uid("SeriesInstanceUID", order.identity.series_instance_uid)
    dataset.SeriesNumber = order.identity.series_number
    _describe(draft, "SeriesDescription", profile.series_description)
    _describe(draft, "BodyPartExamined", profile.body_part.upper())
    operators = hint_values(order.hints, HintKind.OPERATOR)
    if operators:
        names = [person_name(draft, "OperatorsName", name) for name in operators]
        dataset.OperatorsName = names if len(names) > 1 else names[0]
    performer = draft.scheduled_step_item.get("ScheduledPerformingPhysicianName")
    if performer:
        first = performer[0] if isinstance(performer, MultiValue) else performer
        dataset.PerformingPhysicianName = person_name(draft, "PerformingPhysicianName", first)
    if isinstance(order.subject, Step):
        dataset.RequestAttributesSequence = [_request(draft, order.subject)]
    if order.performed is not None:
        _performed(draft, order.performed)


def _performed(draft: Draft, performed: PerformedStep) -> None:
    """The reference to the performed step and what both say alike (PS3.3 table 10-16; PS3.17 Annex J)."""
    dataset = draft.dataset
    reference = Dataset()
    reference.ReferencedSOPClassUID = PERFORMED_STEP_UID
    reference.ReferencedSOPInstanceUID = uid("ReferencedSOPInstanceUID", performed.sop_instance_uid)
    dataset.ReferencedPerformedProcedureStepSequence = [reference]
    dataset.PerformedProcedureStepID = identifier("PerformedProcedureStepID", performed.id)
    dataset.PerformedProcedureStepStartDate = da(performed.started_at)
    dataset.PerformedProcedureStepStartTime = tm(performed.started_at)
    _describe(draft, "PerformedProcedureStepDescription", performed.description)
    _describe(draft, "ProtocolName", performed.protocol_name)
    scheduled = Dataset() if performed.append else draft.scheduled_step_item
    codes = coded.usable_items(draft, scheduled, "ScheduledProtocolCodeSequence", coded.code)
    if codes:
        dataset.PerformedProtocolCodeSequence = codes


def _request(draft: Draft, step: Step) -> Dataset:
    """The item for `step`: identifiers unchanged, descriptions and codes as far as they fit.

    What was appended after the step had been completed names the Requested Procedure alone.
    """
    performed = draft.order.performed
    append = performed is not None and performed.append
    item = Dataset()
    identifiers = {
        "StudyInstanceUID": step.key.study_instance_uid and uid("StudyInstanceUID", step.key.study_instance_uid),
        "AccessionNumber": identifier("AccessionNumber", step.accession_number),
        "RequestedProcedureID": identifier("RequestedProcedureID", step.requested_procedure_id),
        "ScheduledProcedureStepID": identifier("ScheduledProcedureStepID", "" if append else step.key.step_id),
    }
    descriptions = {
        "RequestedProcedureDescription": step.requested_procedure_description,
        "ScheduledProcedureStepDescription": "" if append else step.description,
        "ReasonForTheRequestedProcedure": draft.answer.get("ReasonForTheRequestedProcedure"),
    }
    for keyword, value in identifiers.items():
        if value:
            setattr(item, keyword, value)
    for keyword, given in descriptions.items():
        text = description(draft, keyword, given)
        if text:
            setattr(item, keyword, text)
    _request_sequences(draft, item, append=append)
    return item


def _request_sequences(draft: Draft, item: Dataset, *, append: bool) -> None:
    answer = draft.answer
    coded.copied(draft, answer, item, "IssuerOfAccessionNumberSequence", coded.designator)
    coded.copied(draft, answer, item, "RequestedProcedureCodeSequence", coded.code)
    coded.copied(draft, answer, item, "ReasonForRequestedProcedureCodeSequence", coded.code)
    if not append:
        coded.copied(draft, draft.scheduled_step_item, item, "ScheduledProtocolCodeSequence", coded.code)


def _describe(draft: Draft, keyword: str, value: str) -> None:
    text = description(draft, keyword, value)
    if text:
        setattr(draft.dataset, keyword, text)
