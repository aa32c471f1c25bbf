"""Acquisitions in the ledger: recorded once, claimed by one, moved only along the lifecycle table."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.acquisition import Acquisition, AcquisitionKind, Finding, FindingPart
from gateway.domain.errors import GatewayError
from gateway.domain.identifiers import AcquisitionId, DeviceName, display_name
from gateway.domain.lifecycle import AcquisitionEvent, AcquisitionState, next_acquisition_state
from gateway.domain.objects import LocalStudy
from gateway.domain.ports import Clock
from gateway.domain.procedure import Hold, Match, Step
from gateway.spool.database import Database
from gateway.spool.duplicates import Twin, again
from gateway.spool.journal import write_journal
from gateway.spool.moments import LONGEST_WAIT_US, from_us, from_us_or_none, to_us, zone_of
from gateway.spool.runs import Run
from gateway.spool.snapshots import (
    hints_from_text,
    hints_to_text,
    keys_to_text,
    local_study_from_text,
    local_study_to_text,
    step_from_text,
    step_to_text,
)

_FILE_CLOCK_US = 2_000_000
"""How far a file's own time may lag behind: FAT counts in steps of two seconds."""
_SUBJECT = (
    "acquisition.*, local_study.snapshot AS local_snapshot, local_study.study_instance_uid AS local_uid,"
    " opened.snapshot AS open_snapshot, opened.study_instance_uid AS open_uid"
)
_SUBJECT_JOINS = (
    "LEFT JOIN local_study ON local_study.id = acquisition.local_study"
    " LEFT JOIN local_study AS opened ON opened.id = acquisition.active_local_study"
)


@dataclass(frozen=True, slots=True)
class StoredPart:
    """One captured file as it lies in the spool."""

    part: FindingPart
    digest: str
    size: int
    path: str


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

    # -- capture ------------------------------------------------------------------------------------------------

    def same_bytes(self, device: str, finding: Finding, digest: str) -> AcquisitionId | Twin | None:
        """The acquisition these bytes already made, or of which they are the twin under another identity."""
        with self._database.read() as connection:
            return again(connection, device, finding, digest)

    def record(
        self, device: str, finding: Finding, stored: Sequence[StoredPart], *, twin: Twin | None = None
    ) -> AcquisitionId:
        """Commit a finding whose files are already safe; from here on the gateway answers for it."""
        now = to_us(self._clock.now())
        primary = stored[0]
        state = AcquisitionState.QUARANTINED if finding.fault else AcquisitionState.CAPTURED
        fault = finding.fault
        with self._database.write() as connection:
            # What was captured before the step was opened belongs to whoever came before.
            active = connection.execute(
                "UPDATE active_step SET used_us = ? WHERE device = ? AND opened_us <= ? RETURNING snapshot",
                (now, device, to_us(finding.captured_at) + _FILE_CLOCK_US),
            ).fetchone()
            local = use_active_local(connection, device, now, to_us(finding.captured_at) + _FILE_CLOCK_US)
            cursor = connection.execute(
                "INSERT INTO acquisition (device, exam_key, kind, captured_us, display_name, digest, size, path, hints,"
                " active_snapshot, active_local_study, state, since_us, recorded_us, reason, remedy, phase)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    device,
                    twin.exam_key if twin else finding.exam_key,
                    finding.kind.value,
                    to_us(finding.captured_at),
                    display_name(primary.part.name),
                    primary.digest,
                    primary.size,
                    primary.path,
                    hints_to_text(finding.hints),
                    active["snapshot"] if active else None,
                    local,
                    state.value,
                    now,
                    now,
                    fault.message if fault else "",
                    fault.remedy if fault else "",
                    fault.phase.value if fault else "",
                ),
            )
            number = AcquisitionId(cursor.lastrowid or 0)
            if twin is not None:
                connection.execute(
                    "UPDATE acquisition SET captured_exam_key = ?, twin_of = ? WHERE id = ?",
                    (twin.captured_exam_key, twin.original, number),
                )
            self._record_parts(connection, number, stored)
            self._remember(connection, device, stored, number)
            write_journal(connection, now, "capture", state.value, f"acquisition {number}", digest=primary.digest)
        return number

    def record_duplicate(self, device: str, finding: Finding, digest: str, original: AcquisitionId) -> None:
        """Remember a source file whose bytes already made `original`, so that it is let go."""
        now = to_us(self._clock.now())
        part = finding.parts[0]
        with self._database.write() as connection:
            known = connection.execute(
                "SELECT 1 FROM source_file WHERE device = ? AND name = ? AND size = ? AND mtime_ns = ? AND digest = ?",
                (device, part.name, part.size, part.mtime_ns, digest),
            ).fetchone()
            if known:  # a source that cannot let the file go offers it for ever; once is enough for the journal
                return
            self._remember(connection, device, [StoredPart(part, digest, part.size, "")], original)
            write_journal(connection, now, "capture", "seen again", f"acquisition {original}", digest=digest)

    @staticmethod
    def _record_parts(connection: sqlite3.Connection, number: int, stored: Sequence[StoredPart]) -> None:
        connection.executemany(
            "INSERT INTO part VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (number, position, s.part.role.value, s.part.name, s.digest, s.size, s.path)
                for position, s in enumerate(stored)
            ],
        )

    @staticmethod
    def _remember(connection: sqlite3.Connection, device: str, stored: Sequence[StoredPart], number: int) -> None:
        connection.executemany(
            "INSERT OR REPLACE INTO source_file VALUES (?, ?, ?, ?, ?, ?)",
            [(device, s.part.name, s.part.size, s.part.mtime_ns, s.digest, number) for s in stored],
        )

    # -- assemble -----------------------------------------------------------------------------------------------

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
                move(connection, now, number, AcquisitionEvent.HOLD, actor="assemble", reason=hold.reason)
            connection.execute(
                "UPDATE acquisition SET reason = ?, remedy = ?, phase = 'match', candidates = ?, claimed_by = NULL,"
                " unfinished_claims = 0, rematch = rematch AND ? WHERE id = ?",
                (hold.reason, hold.remedy, keys_to_text(hold.candidates), not hold.candidates, number),
            )

    def quarantined(self, number: AcquisitionId, fault: GatewayError) -> None:
        """Set an acquisition aside with its reason; its bytes stay."""
        with self._database.write() as connection:
            now = to_us(self._clock.now())
            move(connection, now, number, AcquisitionEvent.QUARANTINE, actor="assemble", reason=fault.message)
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


def move(
    connection: sqlite3.Connection, now_us: int, number: int, event: AcquisitionEvent, *, actor: str, reason: str = ""
) -> None:
    """Move an acquisition along the lifecycle table and journal it, inside the caller's transaction."""
    row = connection.execute("SELECT state FROM acquisition WHERE id = ?", (number,)).fetchone()
    state = next_acquisition_state(AcquisitionState(row["state"]), event)
    connection.execute("UPDATE acquisition SET state = ?, since_us = ? WHERE id = ?", (state.value, now_us, number))
    write_journal(connection, now_us, actor, state.value, f"acquisition {number}", move=event.value, reason=reason)


def tie_to_step(
    connection: sqlite3.Connection, now_us: int, number: int, match: Match, step: Step, *, actor: str
) -> None:
    """Tie an acquisition to `step` inside the caller's transaction; a held one is thereby assigned."""
    held = _is_held(connection, number)
    move(connection, now_us, number, AcquisitionEvent.ASSIGN if held else AcquisitionEvent.MATCH, actor=actor)
    connection.execute(
        "UPDATE acquisition SET step_snapshot = ?, local_study = NULL, rule = ?, reason = ?, remedy = '', phase = '',"
        " candidates = '[]', unfinished_claims = 0, due_us = 0, rematch = 0, step ="
        " (SELECT id FROM step WHERE provider = ? AND study_instance_uid = ? AND step_id = ?) WHERE id = ?",
        (
            step_to_text(step),
            match.rule.value,
            match.reason,
            step.key.provider,
            step.key.study_instance_uid,
            step.key.step_id,
            number,
        ),
    )


def tie_to_local_study(
    connection: sqlite3.Connection, now_us: int, number: int, study: LocalStudy, study_uid: str, *, actor: str
) -> None:
    """Send an acquisition without an order, under a local study, inside the caller's transaction."""
    held = _is_held(connection, number)
    move(connection, now_us, number, AcquisitionEvent.ASSIGN if held else AcquisitionEvent.MATCH, actor=actor)
    connection.execute(
        "INSERT OR IGNORE INTO local_study (study_instance_uid, snapshot, created_us) VALUES (?, ?, ?)",
        (study_uid, local_study_to_text(study), now_us),
    )
    connection.execute(
        "UPDATE acquisition SET step_snapshot = NULL, step = NULL, rematch = 0, rule = 'unscheduled', reason = ?,"
        " remedy = '', phase = '', candidates = '[]', unfinished_claims = 0, due_us = 0,"
        " local_study = (SELECT id FROM local_study WHERE study_instance_uid = ?) WHERE id = ?",
        (f"sent without an order by {actor}", study_uid, number),
    )


def use_active_local(connection: sqlite3.Connection, device: str, now_us: int, opened_by_us: int) -> int | None:
    """The unscheduled patient who is open on a device since `opened_by_us` at the latest; she is used now."""
    row = connection.execute(
        "UPDATE active_local_study SET used_us = ? WHERE device = ? AND opened_us <= ? RETURNING local_study",
        (now_us, device, opened_by_us),
    ).fetchone()
    return row["local_study"] if row else None


def _is_held(connection: sqlite3.Connection, number: int) -> bool:
    row = connection.execute("SELECT state FROM acquisition WHERE id = ?", (number,)).fetchone()
    return row is not None and row["state"] == AcquisitionState.HELD.value


class DeviceMemory:
    """What the ledger remembers of one device; the `CaptureMemory` that its source asks."""

    def __init__(self, database: Database, device: str, clock: Clock) -> None:
        self._database = database
        self._device = device
        self._clock = clock

    def is_known(self, part: FindingPart) -> bool:
        """Whether this very file was already taken from this device."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT 1 FROM source_file WHERE device = ? AND name = ? AND size = ? AND mtime_ns = ?",
                (self._device, part.name, part.size, part.mtime_ns),
            ).fetchone()
        return row is not None

    def latest_exam(self) -> tuple[str, datetime] | None:
        """Exam key and capture time of the newest acquisition of this device."""
        zone = zone_of(self._clock)
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT coalesce(captured_exam_key, exam_key) AS exam_key, captured_us FROM acquisition"
                " WHERE device = ? ORDER BY captured_us DESC LIMIT 1",
                (self._device,),
            ).fetchone()
        return (row["exam_key"], from_us(row["captured_us"], zone)) if row else None
