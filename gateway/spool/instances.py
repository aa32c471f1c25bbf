"""SOP Instances in the ledger: identity minted once and committed before the object is built, then frozen."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from gateway.domain.identifiers import AcquisitionId, mint_uid
from gateway.domain.instance import InstanceIdentity, SpooledObject
from gateway.domain.lanes import Lane
from gateway.domain.lifecycle import AcquisitionEvent
from gateway.domain.ports import Clock
from gateway.spool.acquisition_moves import move_acquisition
from gateway.spool.database import Database
from gateway.spool.instance_rows import freeze, identity_of, owe
from gateway.spool.journal import write_journal
from gateway.spool.moments import from_us, to_us, zone_of


class InstanceLedger:
    """Instances, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def reserve(
        self,
        acquisition: AcquisitionId,
        *,
        sop_class_uid: str,
        study_instance_uid: str,
        started_at: datetime,
        performed_step: int | None = None,
    ) -> tuple[InstanceIdentity, datetime]:
        """Mint the identity of an acquisition's instance, or return the one minted before a crash.

        Returns the identity and the moment the study was started on this box, which all its objects share. A series
        belongs to one performed step (PS3.3 C.7.3.1), so a later one of the same exam has series of its own.
        """
        part_of_exam = "" if performed_step is None else f"\x1fperformed step {performed_step}"
        with self._database.write() as connection:
            connection.execute("INSERT OR IGNORE INTO study VALUES (?, ?)", (study_instance_uid, to_us(started_at)))
            series = self._series(connection, acquisition, sop_class_uid, study_instance_uid, part_of_exam)
            row = connection.execute(
                "SELECT * FROM instance WHERE acquisition = ? AND part = 0", (acquisition,)
            ).fetchone()
            if row is None or row["series"] != series["id"]:
                self._number_in_series(connection, acquisition, series["id"], sop_class_uid)
            return self._identity(connection, acquisition)

    @staticmethod
    def _series(
        connection: sqlite3.Connection, acquisition: int, sop_class_uid: str, study_uid: str, part_of_exam: str
    ) -> sqlite3.Row:
        """The series of this device, exam (or part of it), study and class, made when it is the first of them."""
        connection.execute(
            "INSERT OR IGNORE INTO series"
            " (device, exam_key, study_instance_uid, sop_class_uid, series_instance_uid, series_number)"
            " SELECT device, exam_key || ?, ?, ?, ?,"
            " (SELECT coalesce(max(series_number), 0) + 1 FROM series WHERE study_instance_uid = ?)"
            " FROM acquisition WHERE id = ?",
            (part_of_exam, study_uid, sop_class_uid, mint_uid(), study_uid, acquisition),
        )
        row: sqlite3.Row = connection.execute(
            "SELECT series.* FROM acquisition JOIN series ON series.device = acquisition.device"
            " AND series.exam_key = acquisition.exam_key || ?"
            " WHERE acquisition.id = ? AND study_instance_uid = ? AND sop_class_uid = ?",
            (part_of_exam, acquisition, study_uid, sop_class_uid),
        ).fetchone()
        return row

    @staticmethod
    def _number_in_series(connection: sqlite3.Connection, acquisition: int, series: int, sop_class_uid: str) -> None:
        """Give the instance its number; an identity reserved under another class or study was never used."""
        connection.execute("UPDATE series SET instances = instances + 1 WHERE id = ?", (series,))
        connection.execute("DELETE FROM instance WHERE acquisition = ? AND built_us IS NULL", (acquisition,))
        connection.execute(
            "INSERT INTO instance (acquisition, part, series, sop_class_uid, sop_instance_uid, instance_number)"
            " SELECT ?, 0, id, ?, ?, instances FROM series WHERE id = ?",
            (acquisition, sop_class_uid, mint_uid(), series),
        )

    def _identity(self, connection: sqlite3.Connection, acquisition: int) -> tuple[InstanceIdentity, datetime]:
        row = connection.execute(
            "SELECT instance.*, series.study_instance_uid, series.series_instance_uid, series.series_number,"
            " study.started_us FROM instance JOIN series ON series.id = instance.series"
            " JOIN study USING (study_instance_uid) WHERE acquisition = ? AND part = 0",
            (acquisition,),
        ).fetchone()
        return identity_of(row), from_us(row["started_us"], zone_of(self._clock))

    def complete(
        self,
        acquisition: AcquisitionId,
        identity: InstanceIdentity,
        spooled: SpooledObject,
        destinations: Sequence[tuple[str, Lane]],
        notes: Sequence[str],
    ) -> None:
        """Freeze a built instance and owe it to every destination, in its lane, in one transaction."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            freeze(connection, identity.instance_id, spooled, now)
            owe(connection, identity.instance_id, acquisition, destinations, now)
            move_acquisition(connection, now, acquisition, AcquisitionEvent.ASSEMBLE, actor="assemble")
            connection.execute(
                "UPDATE acquisition SET claimed_by = NULL, unfinished_claims = 0, remedy = '', phase = '' WHERE id = ?",
                (acquisition,),
            )
            for note in notes:
                write_journal(connection, now, "assemble", "note", f"acquisition {acquisition}", text=note)
