"""What a person may do for a patient whom no order names: send held pictures, and open the patient on a device."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.domain.local_identity import LocalIdentities
from gateway.domain.objects import LocalStudy
from gateway.domain.ports import Clock
from gateway.domain.procedure import Patient
from gateway.domain.requests import Request, RequestKind
from gateway.spool.acquisition_moves import tie_to_local_study
from gateway.spool.hold_verbs import held_numbers
from gateway.spool.local_studies import make_local_study, open_local_study
from gateway.spool.moments import to_us
from gateway.spool.opening import OPENING_LIFE_US, STILL_BUSY, TOO_LATE, OpeningRules
from gateway.spool.recent_patient import another_recently
from gateway.spool.request_fields import RequestRefused, number_of, text_of
from gateway.spool.snapshots import local_study_from_text
from gateway.spool.typed_identity import local_study_of


@dataclass(frozen=True, slots=True)
class UnscheduledRules:
    """How ids are given, and which destinations get new objects when an order turns up; the others get a notice."""

    identities: LocalIdentities = field(default_factory=LocalIdentities)
    replacing: frozenset[str] = frozenset()


class UnscheduledVerbs:
    """The verbs, with the rules by which ids are given."""

    def __init__(self, clock: Clock, rules: UnscheduledRules, opening: OpeningRules) -> None:
        self._clock = clock
        self._rules = rules
        self._opening = opening

    def table(self) -> Mapping[RequestKind, Callable[[sqlite3.Connection, Request], str]]:
        """The verbs by their kinds."""
        return {RequestKind.UNSCHEDULED: self._send, RequestKind.OPEN_UNSCHEDULED: self._open}

    def _send(self, connection: sqlite3.Connection, request: Request) -> str:
        """Tie held acquisitions to a local study, a new one or one that is known."""
        numbers = held_numbers(connection, request)
        _, study, uid = self.study(connection, request)
        now = to_us(self._clock.now())
        for number in numbers:
            tie_to_local_study(connection, now, number, study, uid, actor=request.filed_by)
        return f"{len(numbers)} sent without an order, as patient ID {study.patient.patient_id}"

    def _open(self, connection: sqlite3.Connection, request: Request) -> str:
        """Open an unscheduled patient on a device: what it captures from now on belongs to that patient."""
        device, now = text_of(request, "device"), to_us(self._clock.now())
        self._opening.refuse(device)
        if now - to_us(request.filed_at) > OPENING_LIFE_US:
            raise RequestRefused(TOO_LATE)
        patient = _patient(connection, request)
        if request.payload.get("confirmed") != "yes" and another_recently(connection, device, patient, now):
            raise RequestRefused(STILL_BUSY)
        number, study, _ = self.study(connection, request)
        open_local_study(connection, now, device, number, actor=request.filed_by)
        return f"opened without an order, as patient ID {study.patient.patient_id}"

    def study(self, connection: sqlite3.Connection, request: Request) -> tuple[int, LocalStudy, str]:
        """The local study that is meant, with its Study Instance UID: the one that is named, else a new one."""
        if request.payload.get("local_study", "").strip():
            return _known(connection, number_of(request, "local_study"))
        moment = self._clock.now()
        return make_local_study(
            connection,
            to_us(moment),
            moment,
            local_study_of(request),
            identities=self._rules.identities,
            actor=request.filed_by,
        )


def _known(connection: sqlite3.Connection, number: int) -> tuple[int, LocalStudy, str]:
    row = connection.execute("SELECT * FROM local_study WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise RequestRefused(f"There is no local study {number}.")
    if row["settled"] == "reconciled":
        raise RequestRefused(f"Local study {number} was reconciled with its order; choose the order.")
    return number, local_study_from_text(row["snapshot"]), row["study_instance_uid"]


def _patient(connection: sqlite3.Connection, request: Request) -> Patient | None:
    """Who is meant, as far as it can be said before an id is given; None for somebody new."""
    if request.payload.get("local_study", "").strip():
        return _known(connection, number_of(request, "local_study"))[1].patient
    typed = local_study_of(request).patient
    return typed if typed.patient_id else None
