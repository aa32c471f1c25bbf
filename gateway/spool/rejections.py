"""Rejection notes in the ledger: identity minted with the correction, made once, frozen, owed like any instance.

A note names rejected instances of one study, exactly those that its destinations may hold: no destination gets a note
about an object that it cannot have seen.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.corrections import KEY_OBJECT_SELECTION, RejectedSeries
from gateway.domain.errors import GatewayError
from gateway.domain.identifiers import AcquisitionId, Uid, mint_uid
from gateway.domain.instance import InstanceIdentity, SpooledObject
from gateway.domain.lanes import Lane
from gateway.domain.objects import LocalStudy
from gateway.domain.ports import Clock
from gateway.domain.procedure import Step
from gateway.spool.database import Database
from gateway.spool.instance_rows import freeze, identity_of, owe
from gateway.spool.journal import write_journal
from gateway.spool.moments import from_us, to_us, zone_of
from gateway.spool.snapshots import local_study_from_text, step_from_text

_NOTE = (
    "SELECT rejection_note.*, correction.at_us, instance.sop_instance_uid, instance.instance_number, instance.kept,"
    " series.study_instance_uid, series.series_instance_uid, series.series_number, study.started_us,"
    " acquisition.step_snapshot, local_study.snapshot AS local_snapshot FROM rejection_note"
    " JOIN correction ON correction.id = rejection_note.correction"
    " JOIN instance ON instance.id = rejection_note.instance JOIN series ON series.id = instance.series"
    " JOIN study USING (study_instance_uid) JOIN acquisition ON acquisition.id = rejection_note.acquisition"
    " LEFT JOIN local_study ON local_study.id = acquisition.local_study"
)


@dataclass(frozen=True, slots=True)
class OwedNote:
    """A rejection note: its identity, whom the rejected objects name, what it rejects, and to whom it is owed."""

    identity: InstanceIdentity
    acquisition: AcquisitionId
    subject: Step | LocalStudy
    study_started_at: datetime
    made_at: datetime
    rejected: tuple[RejectedSeries, ...]
    destinations: tuple[str, ...]


def owe_notes(
    connection: sqlite3.Connection,
    correction: int,
    now_us: int,
    rows: Sequence[sqlite3.Row],
    told: Mapping[int, Sequence[str]],
) -> tuple[str, ...]:
    """Mint a note for each study and each set of its objects that some destination may hold; who is owed one.

    `rows` are the rejected acquisitions with their `instance`; `told` says by instance which destinations may hold it
    and are to be told.
    """
    groups: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    studies = {row["instance"]: _study_of(connection, row["instance"]) for row in rows}
    for study in dict.fromkeys(studies.values()):
        here = [row["instance"] for row in rows if studies[row["instance"]] == study]
        for name in sorted({name for number in here for name in told[number]}):
            groups.setdefault((study, tuple(n for n in here if name in told[n])), []).append(name)
    first = {row["instance"]: row["id"] for row in rows}
    for (study, instances), names in groups.items():
        note = _mint(connection, first[instances[0]], study)
        connection.execute(
            "INSERT INTO rejection_note (instance, correction, acquisition, rejected, destinations, state)"
            " VALUES (?, ?, ?, ?, ?, 'owed')",
            (note, correction, first[instances[0]], json.dumps(instances), json.dumps(names)),
        )
        write_journal(
            connection, now_us, "assemble", "rejection note owed", f"acquisition {first[instances[0]]}",
            to=", ".join(names), objects=len(instances),
        )  # fmt: skip
    return tuple(dict.fromkeys(name for names in groups.values() for name in names))


def _study_of(connection: sqlite3.Connection, instance: int) -> str:
    row = connection.execute(
        "SELECT study_instance_uid FROM series JOIN instance ON instance.series = series.id WHERE instance.id = ?",
        (instance,),
    ).fetchone()
    return str(row["study_instance_uid"])


def _mint(connection: sqlite3.Connection, acquisition: int, study: str) -> int:
    """Reserve series and instance of a note: a series of its own, because no two kinds of documents share one."""
    series_uid = mint_uid()
    series = connection.execute(
        "INSERT INTO series (device, exam_key, study_instance_uid, sop_class_uid, series_instance_uid, series_number,"
        " instances) SELECT device, 'rejection note ' || ?, ?, ?, ?,"
        " (SELECT coalesce(max(series_number), 0) + 1 FROM series WHERE study_instance_uid = ?), 1"
        " FROM acquisition WHERE id = ?",
        (series_uid, study, KEY_OBJECT_SELECTION, series_uid, study, acquisition),
    ).lastrowid
    return (
        connection.execute(
            "INSERT INTO instance (acquisition, part, series, sop_class_uid, sop_instance_uid, instance_number)"
            " SELECT ?, 1 + max(part), ?, ?, ?, 1 FROM instance WHERE acquisition = ?",
            (acquisition, series, KEY_OBJECT_SELECTION, mint_uid(), acquisition),
        ).lastrowid
        or 0
    )


class RejectionLedger:
    """Rejection notes, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def next_owed(self) -> OwedNote | None:
        """The oldest note that is to be made; None when there is none."""
        with self._database.read() as connection:
            owed = f"{_NOTE} WHERE rejection_note.state = 'owed' ORDER BY rejection_note.instance LIMIT 1"
            row = connection.execute(owed).fetchone()
            return None if row is None else self._note(connection, row)

    def of_instance(self, instance: int) -> OwedNote | None:
        """The note that is this instance; None when it is no note."""
        with self._database.read() as connection:
            row = connection.execute(f"{_NOTE} WHERE rejection_note.instance = ?", (instance,)).fetchone()
            return None if row is None else self._note(connection, row)

    def _note(self, connection: sqlite3.Connection, row: sqlite3.Row) -> OwedNote:
        zone = zone_of(self._clock)
        step = row["step_snapshot"]
        return OwedNote(
            identity=identity_of(row, key="instance"),
            acquisition=AcquisitionId(row["acquisition"]),
            subject=step_from_text(step) if step else local_study_from_text(row["local_snapshot"]),
            study_started_at=from_us(row["started_us"], zone),
            made_at=from_us(row["at_us"], zone),
            rejected=_rejected(connection, row["rejected"]),
            destinations=tuple(json.loads(row["destinations"])),
        )

    def made(self, note: OwedNote, spooled: SpooledObject) -> None:
        """Freeze a note and owe it to its destinations before anything else that waits, in one transaction."""
        now, number = to_us(self._clock.now()), note.identity.instance_id
        with self._database.write() as connection:
            freeze(connection, number, spooled, now)
            owe(connection, number, note.acquisition, [(name, Lane.STAT) for name in note.destinations], now)
            connection.execute("UPDATE rejection_note SET state = 'made', error = '' WHERE instance = ?", (number,))
            write_journal(
                connection, now, "assemble", "rejection note made", f"acquisition {note.acquisition}",
                sop_instance=note.identity.sop_instance_uid, to=", ".join(note.destinations),
            )  # fmt: skip

    def failed(self, note: OwedNote, fault: GatewayError) -> None:
        """Keep why a note cannot be made; an issue says it until somebody has helped."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            connection.execute(
                "UPDATE rejection_note SET state = 'failed', error = ? WHERE instance = ?",
                (str(fault), note.identity.instance_id),
            )
            write_journal(
                connection, now, "assemble", "rejection note failed", f"acquisition {note.acquisition}",
                reason=fault.message,
            )  # fmt: skip

    def try_failed_again(self) -> None:
        """Owe notes again that could not be made: the role has started anew, perhaps a newer release."""
        with self._database.write() as connection:
            connection.execute("UPDATE rejection_note SET state = 'owed' WHERE state = 'failed'")

    def failures(self) -> int:
        """How many notes could not be made."""
        with self._database.read() as connection:
            row = connection.execute("SELECT count(*) FROM rejection_note WHERE state = 'failed'").fetchone()
        return int(row[0])


def _rejected(connection: sqlite3.Connection, numbers: str) -> tuple[RejectedSeries, ...]:
    rows = connection.execute(
        "SELECT series.series_instance_uid, instance.sop_class_uid, instance.sop_instance_uid FROM instance"
        " JOIN series ON series.id = instance.series WHERE instance.id IN (SELECT value FROM json_each(?))"
        " ORDER BY series.series_number, instance.instance_number",
        (numbers,),
    ).fetchall()
    by_series: dict[str, list[tuple[Uid, Uid]]] = {}
    for row in rows:
        pair = (Uid(row["sop_class_uid"]), Uid(row["sop_instance_uid"]))
        by_series.setdefault(row["series_instance_uid"], []).append(pair)
    return tuple(RejectedSeries(Uid(uid), tuple(pairs)) for uid, pairs in by_series.items())
