"""What was captured, in the ledger: recorded once, with who was open on the device, and known when it comes again."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.acquisition import Finding, FindingPart
from gateway.domain.identifiers import AcquisitionId, display_name
from gateway.domain.lifecycle import AcquisitionState
from gateway.domain.ports import Clock
from gateway.spool.database import Database
from gateway.spool.duplicates import Twin, again
from gateway.spool.journal import write_journal
from gateway.spool.moments import FILE_CLOCK_US, from_us, to_us, zone_of
from gateway.spool.snapshots import hints_to_text


@dataclass(frozen=True, slots=True)
class StoredPart:
    """One captured file as it lies in the spool."""

    part: FindingPart
    digest: str
    size: int
    path: str


class CaptureLedger:
    """Acquisitions as they are captured, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def same_bytes(self, device: str, finding: Finding, digest: str) -> AcquisitionId | Twin | None:
        """The acquisition these bytes already made, or of which they are the twin under another identity."""
        with self._database.read() as connection:
            return again(connection, device, finding, digest)

    def record(
        self, device: str, finding: Finding, stored: Sequence[StoredPart], *, twin: Twin | None = None
    ) -> AcquisitionId:
        """Commit a finding whose files are already safe; from here on the gateway answers for it."""
        now, state = to_us(self._clock.now()), _state_of(finding)
        with self._database.write() as connection:
            number = _insert(connection, now, device, finding, stored[0], twin=twin)
            if twin is not None:
                connection.execute(
                    "UPDATE acquisition SET captured_exam_key = ?, twin_of = ? WHERE id = ?",
                    (twin.captured_exam_key, twin.original, number),
                )
            self._record_parts(connection, number, stored)
            self._remember(connection, device, stored, number)
            write_journal(connection, now, "capture", state.value, f"acquisition {number}", digest=stored[0].digest)
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


def _state_of(finding: Finding) -> AcquisitionState:
    return AcquisitionState.QUARANTINED if finding.fault else AcquisitionState.CAPTURED


def _insert(
    connection: sqlite3.Connection, now: int, device: str, finding: Finding, primary: StoredPart, *, twin: Twin | None
) -> AcquisitionId:
    """The acquisition's row, with the step or unscheduled patient who was open when it was captured."""
    fault, step, local = finding.fault, *_use_open(connection, now, device, finding)
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
            step,
            local,
            _state_of(finding).value,
            now,
            now,
            fault.message if fault else "",
            fault.remedy if fault else "",
            fault.phase.value if fault else "",
        ),
    )
    return AcquisitionId(cursor.lastrowid or 0)


def _use_open(connection: sqlite3.Connection, now: int, device: str, finding: Finding) -> tuple[str | None, int | None]:
    """Snapshot of the step, or number of the local study, that was open on the device; whichever it is is used now.

    What was captured before it was opened belongs to whoever came before.
    """
    bounds = (now, device, to_us(finding.captured_at) + FILE_CLOCK_US)
    step = connection.execute(
        "UPDATE active_step SET used_us = ? WHERE device = ? AND opened_us <= ? RETURNING snapshot", bounds
    ).fetchone()
    local = connection.execute(
        "UPDATE active_local_study SET used_us = ? WHERE device = ? AND opened_us <= ? RETURNING local_study", bounds
    ).fetchone()
    return (step["snapshot"] if step else None), (local["local_study"] if local else None)


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
