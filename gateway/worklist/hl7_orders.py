"""HL7 v2 orders and patient updates as news for the worklist: pure, and no message is too broken for an answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from types import MappingProxyType

from gateway.domain.orders import HeardMessage, News, OrderCancelled, OrderPlaced, PatientChanged, PatientMerged
from gateway.worklist.hl7_message import Segment, UnreadableMessage, read_segments
from gateway.worklist.orders import step_of

_PLACED = frozenset({"NW", "XO", "RO", "RP", "SN", "NA", "PA", "CH", "RU"})
_ENDED = frozenset({"CA", "DC", "OC", "OD", "CR", "DR", "UA"})
_ENDED_STATES = frozenset({"CA", "CM", "DC"})
_ORDERS = frozenset({"ORM^O01", "OMI^O23"})
_CHANGES = frozenset({"ADT^A08", "ADT^A31"})
_MERGES = frozenset({"ADT^A18", "ADT^A34", "ADT^A39", "ADT^A40"})
_PRIORITIES: Mapping[str, str] = MappingProxyType({"S": "STAT", "A": "HIGH", "R": "ROUTINE", "T": "MEDIUM"})
_SEXES: Mapping[str, str] = MappingProxyType({"A": "O", "N": "O", "U": ""})
_OWN_IDS = ("PI", "MR")
_MOMENT = re.compile(r"(\d{8})(\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,4})?)?)?)?([+-]\d{4})?")
_REPRESENTATIONS = ("A", "I", "P")


@dataclass(frozen=True, slots=True)
class FeedRules:
    """What the configuration says about one feed, and what its steps hang on; see `step_of`."""

    provider: str
    zone: tzinfo
    seed: bytes
    assumed_character_set: str = ""
    sending_application: str = ""


def read_message(data: bytes, rules: FeedRules) -> HeardMessage:
    """What a message says about the worklist.

    Parameters
    ----------
    data
        The message without its frame.
    rules
        Of the feed on which it came.

    Returns
    -------
    HeardMessage
        Total: a message that cannot be used says so in `fault` and earns AE (another try may help) or AR (it will
        not). An order whose identity cannot be trusted gives an unusable step. Other ADT events earn AA and no news.

    References
    ----------
    HL7 v2.5.1 chapters 3 (ADT) and 4 (ORM, OMI); IHE Radiology TF-2 4.2, 4.4 (fields of DICOM identifiers).
    """
    kind = control_id = ""
    try:
        segments = read_segments(data, rules.assumed_character_set)
        header = segments[0]
        kind = "^".join(part for part in (header.text(9), header.text(9, 2)) if part)
        control_id = header.text(10)
        _accepted(header, rules)
        return HeardMessage(data, kind, control_id, _news(kind, segments, rules))
    except UnreadableMessage as fault:
        return HeardMessage(data, kind, control_id, (), fault.answer, fault.why)


def _accepted(header: Segment, rules: FeedRules) -> None:
    if not header.text(10):
        raise UnreadableMessage("It has no control ID.", "AR")
    if header.text(11) not in ("", "P"):
        raise UnreadableMessage("It is marked as training or test.", "AR")
    if rules.sending_application and header.text(3) != rules.sending_application:
        raise UnreadableMessage("Its sending application is not the one of this feed.", "AR")


def _news(kind: str, segments: Sequence[Segment], rules: FeedRules) -> tuple[News, ...]:
    if kind in _ORDERS:
        return _orders(segments, rules)
    if not kind.startswith("ADT"):
        raise UnreadableMessage("Messages of this type are not taken here.", "AR")
    if kind in _CHANGES:
        patient = _patient_values(_one(segments, "PID"))
        step = step_of(patient, provider=rules.provider, zone=rules.zone, seed=rules.seed)
        if not step.usable:
            raise UnreadableMessage("The identity of its patient cannot be trusted.")
        return (PatientChanged(step.patient),)
    if kind in _MERGES:
        prior = [found.text(1) for found in segments if found.name == "MRG"]
        if not prior or not all(prior):
            raise UnreadableMessage("It does not name the patient ID that was merged.")
        return tuple(PatientMerged(one) for one in prior)
    return ()


def _one(segments: Sequence[Segment], name: str) -> Segment:
    found = [segment for segment in segments if segment.name == name]
    if len(found) != 1:
        raise UnreadableMessage(f"It does not have exactly one {name} segment.")
    return found[0]


def _orders(segments: Sequence[Segment], rules: FeedRules) -> tuple[News, ...]:
    patient = _patient_values(_one(segments, "PID"))
    visit = next((_visit_values(found) for found in segments if found.name == "PV1"), {})
    study = next((found.text(1) for found in segments if found.name == "ZDS"), "")
    groups = _groups(segments)
    if not groups:
        raise UnreadableMessage("It has no order.")
    if study and len({_order_values(group).get("AccessionNumber") for group in groups}) > 1:
        raise UnreadableMessage("It gives one study to several orders.")
    return tuple(news for group in groups for news in _of_group(group, {**patient, **visit}, study, rules))


def _groups(segments: Sequence[Segment]) -> list[dict[str, Segment]]:
    """The segments of each order: ORC begins one, and so does a second OBR."""
    groups: list[dict[str, Segment]] = []
    for segment in segments:
        if segment.name == "ORC" or (segment.name == "OBR" and (not groups or "OBR" in groups[-1])):
            groups.append({})
        if groups and segment.name in ("ORC", "OBR", "TQ1", "IPC"):
            groups[-1].setdefault(segment.name, segment)
    return groups


def _of_group(group: Mapping[str, Segment], common: Mapping[str, str], study: str, rules: FeedRules) -> list[News]:
    if "ORC" not in group:
        raise UnreadableMessage("An order has no ORC segment.")
    control, state = group["ORC"].text(1).upper(), group["ORC"].text(5).upper()
    values = {**common, **_order_values(group)}
    if study:
        values.setdefault("StudyInstanceUID", study)
    if control in _ENDED or (control == "SC" and state in _ENDED_STATES):
        named = values.get("AccessionNumber", ""), values.get("StudyInstanceUID", "")
        if not any(named) or not values.get("PatientID"):
            raise UnreadableMessage("It does not say which order of which patient is cancelled.")
        return [OrderCancelled(values["PatientID"], *named)]
    if control == "SC":
        return []
    if control not in _PLACED:
        raise UnreadableMessage("Its order control code is not taken here.", "AR")
    if "OBR" not in group:
        raise UnreadableMessage("An order has no OBR segment; the message may be cut off.")
    step = step_of(values, provider=rules.provider, zone=rules.zone, seed=rules.seed)
    return [OrderPlaced(step)]


def _patient_values(pid: Segment) -> dict[str, str]:
    """Identity of the patient; of several ids the one marked as the sender's own, or none."""
    numbers = list(zip(pid.texts(3), pid.texts(3, 4), pid.texts(3, 5), strict=True))
    for own in _OWN_IDS:
        if len(numbers) > 1 and sum(kind == own for _, _, kind in numbers) == 1:
            numbers = [one for one in numbers if one[2] == own]
    number, issuer = numbers[0][:2] if len(numbers) == 1 else ("", "")
    sex = pid.text(8).upper()
    return {
        "PatientID": number,
        "IssuerOfPatientID": issuer,
        "PatientName": _name(pid, 5),
        "PatientBirthDate": pid.text(7)[:8],
        "PatientSex": _SEXES.get(sex, sex),
    }


def _name(segment: Segment, field: int, first: int = 1) -> str:
    """A name as PN: of each representation the first that stands there; prefix and suffix change their order."""
    groups: dict[str, str] = {}
    for number in range(segment.repeats(field)):
        parts = [segment.text(field, first + place, repetition=number) for place in (0, 1, 2, 4, 3)]
        if any("^" in part or "=" in part for part in parts):
            raise UnreadableMessage("A part of a name has a sign that separates parts of names.")
        groups.setdefault(segment.text(field, first + 7, repetition=number) or "A", "^".join(parts).rstrip("^"))
    return "=".join(groups.get(kind, "") for kind in _REPRESENTATIONS).rstrip("=")


def _visit_values(pv1: Segment) -> dict[str, str]:
    place = "-".join(part for part in (pv1.text(3, number) for number in (1, 2, 3)) if part)
    return {"AdmissionID": pv1.text(19), "CurrentPatientLocation": place, "ReferringPhysicianName": _name(pv1, 8, 2)}


def _order_values(group: Mapping[str, Segment]) -> dict[str, str]:
    """What ORC, OBR, TQ1 and IPC say, each where the others leave it to them."""
    orc, obr, tq1, ipc = (group.get(name) for name in ("ORC", "OBR", "TQ1", "IPC"))

    def said(*places: tuple[Segment | None, int, int]) -> str:
        texts = (found.text(field, component) for found, field, component in places if found is not None)
        return next((text for text in texts if text), "")

    placer, filler = said((orc, 2, 1), (obr, 2, 1)), said((orc, 3, 1), (obr, 3, 1))
    priority = said((tq1, 9, 1), (obr, 27, 6), (orc, 7, 6), (obr, 5, 1)).upper()[:1]
    values = {
        "AccessionNumber": said((ipc, 1, 1), (obr, 18, 1)) or filler or placer,
        "RequestedProcedureID": said((ipc, 2, 1), (obr, 19, 1)),
        "StudyInstanceUID": said((ipc, 3, 1)),
        "ScheduledProcedureStepID": said((ipc, 4, 1), (obr, 20, 1)),
        "Modality": said((ipc, 5, 1), (obr, 24, 1)),
        "ScheduledStationName": said((ipc, 7, 1)),
        "ScheduledProcedureStepLocation": said((ipc, 8, 1)),
        "ScheduledStationAETitle": said((ipc, 9, 1)),
        "RequestedProcedureDescription": said((obr, 44, 2), (obr, 4, 2)),
        "ScheduledProcedureStepDescription": said((ipc, 6, 2), (obr, 4, 5), (obr, 4, 2)),
        "PlacerOrderNumberImagingServiceRequest": placer,
        "FillerOrderNumberImagingServiceRequest": filler,
        "RequestedProcedurePriority": _PRIORITIES.get(priority, ""),
        "RequestingPhysician": _name(obr, 16, 2) if obr is not None else "",
        **_moment(said((tq1, 7, 1), (obr, 36, 1), (obr, 27, 4), (orc, 7, 4))),
    }
    return {keyword: text for keyword, text in values.items() if text}


def _moment(text: str) -> dict[str, str]:
    """A scheduled moment; what is none stays as it is, for the reader of steps to name."""
    found = _MOMENT.fullmatch(text)
    day, clock, offset = found.groups() if found else (text, "", "")
    return {
        "ScheduledProcedureStepStartDate": day,
        "ScheduledProcedureStepStartTime": clock or "",
        "TimezoneOffsetFromUTC": offset or "",
    }
