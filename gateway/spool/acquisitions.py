"""Acquisitions on their way to an object: claimed by one role, tied to a step, held, put off or set aside."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.acquisition import Acquisition, AcquisitionKind
from gateway.domain.errors import GatewayError
from gateway.domain.identifiers import AcquisitionId, DeviceName
from gateway.domain.lifecycle import AcquisitionEvent, AcquisitionState
from gateway.domain.objects import LocalStudy
from gateway.domain.ports import Clock
from gateway.domain.procedure import Hold, Match, Step
from gateway.spool.acquisition_moves import move_acquisition, tie_to_local_study, tie_to_step
from gateway.spool.database import Database
from gateway.spool.moments import LONGEST_WAIT_US, from_us, from_us_or_none, to_us, zone_of
from gateway.spool.runs import Run
from gateway.spool.snapshots import hints_from_text, keys_to_text, local_study_from_text, step_from_text

_SUBJECT = (
    "acquisition.*, local_study.snapshot AS local_snapshot, local_study.study_instance_uid AS local_uid,"
    " opened.snapshot AS open_snapshot, opened.study_instance_uid AS open_uid"
)
_SUBJECT_JOINS = (
    "LEFT JOIN local_study ON local_study.id = acquisition.local_study"
    " LEFT JOIN local_study AS opened ON opened.id = acquisition.active_local_study"
)


@dataclass(frozen=True, slots=True)
class ClaimedAcquisition:
    """An acquisition that this run may work on, with what is known about it.

    `not_to` are destinations that keep another object instead, `twin_of` an acquisition with the same bytes under
    another identity; `was_decided` when a person had it before, so that it is no longer matched by circumstance.
    `open_local` is the unscheduled patient who was open on its device, with the Study Instance UID.
    """

    acquisition: Acquisition
    unfinished_claims: int
    active: Step | None
    step: Step | None
    local: tuple[LocalStudy, str] | None
    thumbnail: str | None
    not_to: frozenset[str] = frozenset()
    twin_of: int | None = None
    was_decided: bool = False
    open_local: tuple[LocalStudy, str] | None = None


class AcquisitionLedger:
    """Acquisitions, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def claim_next(self, run: Run) -> ClaimedAcquisition | None:
        """Claim the oldest acquisition that can be matched or built now; the claim is counted before the work.

        A run holds one claim: what it still holds when it asks again came to no outcome and is claimed again.
        """
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            row = connection.execute(
                f"SELECT {_SUBJECT} FROM acquisition INDEXED BY acquisition_open {_SUBJECT_JOINS}"  # noqa: S608 - constants are inserted
                " WHERE state IN ('captured', 'matched', 'held') AND (claimed_by IS NULL OR claimed_by = :run)"
                " AND (state <> 'held' OR rematch = 1 OR claimed_by = :run)"
                " AND (due_us <= :now OR due_us > :now + :longest) ORDER BY acquisition.id LIMIT 1",
                {"run": run.id, "now": now, "longest": LONGEST_WAIT_US},
            ).fetchone()
            if row is None:
                return None
            connection.execute(
                "UPDATE acquisition SET claimed_by = ?, unfinished_claims = unfinished_claims + 1, rematch = 0"
                " WHERE id = ?",
                (run.id, row["id"]),
            )
        return self._claimed(row)

    def known(self, number: AcquisitionId) -> ClaimedAcquisition | None:
        """One acquisition as it stands, claimed by nobody; None if there is none of that number."""
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT {_SUBJECT} FROM acquisition {_SUBJECT_JOINS} WHERE acquisition.id = ?",  # noqa: S608 - as above
                (number,),
            ).fetchone()
        return None if row is None else self._claimed(row)

    def _claimed(self, row: sqlite3.Row) -> ClaimedAcquisition:
        zone = zone_of(self._clock)
        active, step, local = row["active_snapshot"], row["step_snapshot"], row["local_snapshot"]
        return ClaimedAcquisition(
            acquisition=Acquisition(
                id=AcquisitionId(row["id"]),
                device=DeviceName(row["device"]),
                exam_key=row["exam_key"],
                kind=AcquisitionKind(row["kind"]),
                captured_at=from_us(row["captured_us"], zone),
                display_name=row["display_name"],
                digest=row["digest"],
                size=row["size"],
                path=row["path"],
                state=AcquisitionState(row["state"]),
                hints=hints_from_text(row["hints"]),
                recorded_at=from_us_or_none(row["recorded_us"], zone),
            ),
            unfinished_claims=row["unfinished_claims"],
            active=step_from_text(active) if active else None,
            step=step_from_text(step) if step else None,
            local=(local_study_from_text(local), row["local_uid"]) if local else None,
            thumbnail=row["thumbnail"],
            not_to=frozenset(json.loads(row["not_to"])),
            twin_of=row["twin_of"],
            was_decided=bool(row["discarded_by"]),
            open_local=(local_study_from_text(row["open_snapshot"]), row["open_uid"]) if row["open_snapshot"] else None,
        )

    def set_thumbnail(self, number: AcquisitionId, path: str) -> None:
        """Remember where the thumbnail lies."""
        with self._database.write() as connection:
            connection.execute("UPDATE acquisition SET thumbnail = ? WHERE id = ?", (path, number))

    def matched(self, number: AcquisitionId, match: Match, step: Step, *, actor: str) -> None:
        """Tie an acquisition to a step as it was known now; the claim stays with the run that holds it."""
        with self._database.write() as connection:
            tie_to_step(connection, to_us(self._clock.now()), number, match, step, actor=actor)

    def matched_locally(self, number: AcquisitionId, study: LocalStudy, study_uid: str, reason: str) -> None:
        """Tie an acquisition to the unscheduled patient who was open when it was captured."""
        with self._database.write() as connection:
            now = to_us(self._clock.now())
            tie_to_local_study(connection, now, number, study, study_uid, actor="assemble")
            connection.execute("UPDATE acquisition SET reason = ? WHERE id = ?", (reason, number))

    def held(self, number: AcquisitionId, hold: Hold) -> None:
        """Let an acquisition wait for a person."""
        with self._database.write() as connection:
            now = to_us(self._clock.now())
            row = connection.execute("SELECT state FROM acquisition WHERE id = ?", (number,)).fetchone()
            if row["state"] != AcquisitionState.HELD.value:
                move_acquisition(connection, now, number, AcquisitionEvent.HOLD, actor="assemble", reason=hold.reason)
            connection.execute(
                "UPDATE acquisition SET reason = ?, remedy = ?, phase = 'match', candidates = ?, claimed_by = NULL,"
                " unfinished_claims = 0, rematch = rematch AND ? WHERE id = ?",
                (hold.reason, hold.remedy, keys_to_text(hold.candidates), not hold.candidates, number),
            )

    def quarantined(self, number: AcquisitionId, fault: GatewayError) -> None:
        """Set an acquisition aside with its reason; its bytes stay."""
        with self._database.write() as connection:
            now = to_us(self._clock.now())
            move_acquisition(
                connection, now, number, AcquisitionEvent.QUARANTINE, actor="assemble", reason=fault.message
            )
            connection.execute(
                "UPDATE acquisition SET reason = ?, remedy = ?, phase = ?, claimed_by = NULL, unfinished_claims = 0"
                " WHERE id = ?",
                (fault.message, fault.remedy, fault.phase.value, number),
            )

    def postponed(self, number: AcquisitionId, fault: GatewayError, due: datetime) -> None:
        """Give a claim back after a fault that passes; the acquisition is due again at `due`."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE acquisition SET claimed_by = NULL, unfinished_claims = 0, due_us = ?, reason = ?, remedy = ?,"
                " phase = ?, rematch = (state = 'held') WHERE id = ?",
                (to_us(due), fault.message, fault.remedy, fault.phase.value, number),
            )

    def look_again_at_holds(self) -> int:
        """Have acquisitions that no step fitted matched again: the worklist has changed. Returns how many.

        One that is being matched at this moment may be looking at the old answer, so it is looked at again as well.
        """
        with self._database.write() as connection:
            cursor = connection.execute(
                "UPDATE acquisition SET rematch = 1 WHERE state IN ('captured', 'matched', 'held')"
                " AND ((state = 'held' AND candidates = '[]') OR (state = 'captured' AND claimed_by IS NOT NULL))"
            )
            return cursor.rowcount
