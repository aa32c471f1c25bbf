"""A strict MPPS SCP on loopback: the state machine of PS3.4 Annex F.7, and faults on demand.

It refuses what the standard refuses and keeps every message, so that tests read what a RIS would have believed.
"""

import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, evt

PERFORMED_STEP = "1.2.840.10008.3.1.2.3.3"
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
TYPE_1 = (
    "ScheduledStepAttributesSequence",
    "PerformedProcedureStepID",
    "PerformedStationAETitle",
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
    "PerformedProcedureStepStatus",
    "Modality",
)
TYPE_2 = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "ReferencedPatientSequence",
    "PerformedStationName",
    "PerformedLocation",
    "PerformedProcedureStepDescription",
    "PerformedProcedureTypeDescription",
    "ProcedureCodeSequence",
    "PerformedProcedureStepEndDate",
    "PerformedProcedureStepEndTime",
    "StudyID",
    "PerformedProtocolCodeSequence",
    "PerformedSeriesSequence",
)
NEVER_SET = frozenset({*TYPE_1, *TYPE_2[:7], "StudyID"} - {"PerformedProcedureStepStatus"})
"""What N-SET may not touch (PS3.4 table F.7.2-1)."""


@dataclass
class StrictMpps:
    """Steps by UID as they stand, and everything that was said, in order.

    `plan` takes words for the messages to come: ``lose`` (take it, then abort), ``abort`` (abort untaken), a status
    number (answer that untaken), or ``take``; when it is empty, everything is judged and taken.
    """

    steps: dict[str, Dataset] = field(default_factory=dict)
    said: list[tuple[str, str, int]] = field(default_factory=list)
    plan: deque[str | int] = field(default_factory=deque)
    associations: int = 0
    error_ids: bool = True

    def on_create(self, event: Any) -> tuple[Any, Dataset | None]:
        uid = str(event.request.AffectedSOPInstanceUID)
        attributes = event.attribute_list
        return self._answer(event, "N-CREATE", uid, self._judge_create(uid, attributes), attributes)

    def on_set(self, event: Any) -> tuple[Any, Dataset | None]:
        uid = str(event.request.RequestedSOPInstanceUID)
        changes = event.modification_list
        return self._answer(event, "N-SET", uid, self._judge_set(uid, changes), changes)

    def _judge_create(self, uid: str, attributes: Dataset) -> int:
        if uid in self.steps:
            return 0x0111
        if any(keyword not in attributes for keyword in (*TYPE_1, *TYPE_2)):
            return 0x0120
        if any(not attributes.get(keyword) for keyword in TYPE_1):
            return 0x0121
        return 0 if attributes.PerformedProcedureStepStatus == "IN PROGRESS" else 0x0106

    def _judge_set(self, uid: str, changes: Dataset) -> int:
        step = self.steps.get(uid)
        if step is None:
            return 0x0112
        if step.PerformedProcedureStepStatus != "IN PROGRESS":
            return 0x0110
        if any(element.keyword not in step and element.keyword != "SpecificCharacterSet" for element in changes):
            return 0x0105  # N-SET may set nothing that N-CREATE did not create
        if NEVER_SET & {element.keyword for element in changes}:
            return 0x0106
        if step.get("SpecificCharacterSet") != changes.get("SpecificCharacterSet"):
            return 0x0106
        return 0x0121 if changes.PerformedProcedureStepStatus != "IN PROGRESS" and _unfinished(changes) else 0

    def _answer(self, event: Any, what: str, uid: str, judged: int, data: Dataset) -> tuple[Any, Dataset | None]:
        word = self.plan.popleft() if self.plan else "take"
        status = word if isinstance(word, int) else judged
        if word == "abort":
            event.assoc.abort()
            return 0x0110, None
        self.said.append((what, uid, status))
        if status == 0:
            self.steps.setdefault(uid, Dataset()).update(data)
        if word == "lose":
            event.assoc.abort()
        response = Dataset()
        response.Status = status
        if status == 0x0110 and judged == 0x0110 and self.error_ids:
            response.ErrorID = 0xA710
        return response, None

    def on_open(self, _: Any) -> None:
        self.associations += 1


def _unfinished(changes: Dataset) -> bool:
    """Whether the final state lacks what PS3.4 table F.7.2-1 wants of it."""
    if not changes.get("PerformedProcedureStepEndDate") or not changes.get("PerformedProcedureStepEndTime"):
        return True
    series = changes.get("PerformedSeriesSequence") or []
    if not series or any(not one.get("SeriesInstanceUID") or not one.get("ProtocolName") for one in series):
        return True
    two = (
        "PerformingPhysicianName",
        "OperatorsName",
        "SeriesDescription",
        "RetrieveAETitle",
        "ReferencedImageSequence",
    )
    return any(keyword not in one for one in series for keyword in two)


@contextlib.contextmanager
def strict_mpps(port: int = 0, *, syntaxes: tuple[str, ...] = (EXPLICIT, IMPLICIT)) -> Iterator[tuple[StrictMpps, int]]:
    """The SCP and its port, listening until the block ends."""
    scp = StrictMpps()
    entity = AE("RIS")
    entity.add_supported_context(PERFORMED_STEP, list(syntaxes))
    handlers: list[Any] = [
        (evt.EVT_N_CREATE, scp.on_create),
        (evt.EVT_N_SET, scp.on_set),
        (evt.EVT_ACCEPTED, scp.on_open),
    ]
    server: Any = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    try:
        yield scp, server.socket.getsockname()[1]
    finally:
        server.shutdown()
