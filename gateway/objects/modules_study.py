"""General Study: the study an object belongs to, from the worklist or local to this box.

References: PS3.3 C.7.2.1.
"""

from datetime import datetime, timedelta, timezone

from gateway.domain.errors import InvalidObject
from gateway.domain.procedure import Step
from gateway.objects import coded
from gateway.objects.draft import Draft
from gateway.objects.values import da, date_text, description, identifier, offset, person_name, time_text, tm, uid

_OFFSET_LENGTH = 5


def general_study(draft: Draft) -> None:
    """Fill in General Study (PS3.3 C.7.2.1); date and time are the worklist's, else those of the start at this box."""
    order, dataset, answer = draft.order, draft.dataset, draft.answer
    dataset.StudyInstanceUID = uid("StudyInstanceUID", order.identity.study_instance_uid)
    dataset.StudyDate, dataset.StudyTime = _study_moment(draft)
    dataset.ReferringPhysicianName = person_name(
        draft, "ReferringPhysicianName", answer.get("ReferringPhysicianName") or ""
    )
    subject = order.subject
    if isinstance(subject, Step):
        _scheduled(draft, subject)
        return
    dataset.AccessionNumber = ""
    # a local Study ID keeps studies apart on media; it is the same for all objects of the study
    dataset.StudyID = draft.local(order.study_started_at).strftime("%Y%m%d%H%M%S")
    _set(draft, "StudyDescription", subject.description)


def _scheduled(draft: Draft, step: Step) -> None:
    dataset, answer = draft.dataset, draft.answer
    own_uid = step.key.study_instance_uid
    if own_uid and own_uid != dataset.StudyInstanceUID:
        raise InvalidObject(
            "The instance was given another Study Instance UID than the step it was matched to.",
            remedy="Assign the acquisition to its step again.",
        )
    dataset.AccessionNumber = identifier("AccessionNumber", step.accession_number)
    dataset.StudyID = identifier("RequestedProcedureID", step.requested_procedure_id)
    _set(draft, "StudyDescription", step.requested_procedure_description)
    _set(draft, "RequestingService", answer.get("RequestingService"))
    coded.copied(draft, answer, dataset, "IssuerOfAccessionNumberSequence", coded.designator)
    coded.copied(draft, answer, dataset, "ReferencedStudySequence", coded.reference)
    _procedure_codes(draft)


def _procedure_codes(draft: Draft) -> None:
    """Procedure Code Sequence: what was requested is taken as what was done."""
    requested = [coded.code(draft, item) for item in draft.answer.get("RequestedProcedureCodeSequence") or []]
    items = [item for item in requested if item is not None]
    if items:
        draft.dataset.ProcedureCodeSequence = items


def _study_moment(draft: Draft) -> tuple[str, str]:
    given_date = date_text(draft.answer.get("StudyDate"))
    given_time = time_text(draft.answer.get("StudyTime"))
    if not given_date:
        started = draft.local(draft.order.study_started_at)
        return da(started), tm(started)
    return _in_own_zone(draft, given_date, given_time)


def _in_own_zone(draft: Draft, date: str, time: str) -> tuple[str, str]:
    """A worklist moment on this station's clock, when the provider named another offset and gave a whole time."""
    zone = str(draft.answer.get("TimezoneOffsetFromUTC") or "").strip()
    whole = len(time.partition(".")[0]) == len("HHMMSS")
    if len(zone) != _OFFSET_LENGTH or zone == offset(draft.order.captured_at) or not whole:
        return date, time
    minutes = int(zone[1:3]) * 60 + int(zone[3:]) if zone[1:].isdecimal() else 0
    theirs = timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes))
    moment = datetime.strptime(date + time[: len("HHMMSS")], "%Y%m%d%H%M%S").replace(tzinfo=theirs)
    ours = draft.local(moment)
    return da(ours), tm(ours)


def _set(draft: Draft, keyword: str, value: object) -> None:
    text = description(draft, keyword, value)
    if text:
        setattr(draft.dataset, keyword, text)
