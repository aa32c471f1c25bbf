"""Damaged spooled objects in the ledger: which may be made again, and what came of it.

A delivery is parked with the code ``digest`` when its object is not as it was frozen. Its bytes may be replaced by the
very same bytes at any time; by others only while nobody can have seen the first ones under this SOP Instance UID.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.errors import GatewayError
from gateway.domain.identifiers import AcquisitionId
from gateway.domain.instance import InstanceIdentity, SpooledObject
from gateway.domain.ports import Clock
from gateway.spool.database import Database
from gateway.spool.delivery_moves import release_delivery
from gateway.spool.instance_rows import identity_of, spooled_of
from gateway.spool.journal import write_journal
from gateway.spool.moments import from_us, to_us, zone_of

TRIES = 3
"""An object is made again of itself so often; a disk that damages it once more needs a person."""
_DAMAGED = (
    "SELECT instance.*, series.study_instance_uid, series.series_instance_uid, series.series_number, study.started_us,"
    " acquisition.source_bytes_kept, coalesce(rebuild.tries, 0) AS tries"
    " FROM instance JOIN series ON series.id = instance.series JOIN study USING (study_instance_uid)"
    " JOIN acquisition ON acquisition.id = instance.acquisition LEFT JOIN rebuild ON rebuild.instance = instance.id"
    " WHERE instance.id IN (SELECT instance FROM delivery INDEXED BY delivery_damaged"
    " WHERE state = 'parked' AND status = 'digest')"
    " AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.instance = instance.id AND state = 'sending')"
    " AND (coalesce(rebuild.asked, 0) = 1 OR coalesce(rebuild.tries, 0) < :tries AND coalesce(rebuild.seen_attempt, 0)"
    " < (SELECT max(attempt.id) FROM attempt JOIN delivery ON delivery.id = attempt.delivery"
    " WHERE delivery.instance = instance.id AND attempt.code = 'digest'))"
    " ORDER BY instance.id LIMIT 1"
)
_SEEN = (
    "SELECT EXISTS (SELECT 1 FROM delivery WHERE instance = :number AND (stored_us IS NOT NULL"
    " OR attempts <> (SELECT count(*) FROM attempt WHERE attempt.delivery = delivery.id)"
    " OR EXISTS (SELECT 1 FROM attempt WHERE attempt.delivery = delivery.id AND attempt.code <> 'digest'"
    " AND attempt.phase NOT IN ('resolve', 'connect', 'tls', 'negotiate', 'configure'))))"
    " OR EXISTS (SELECT 1 FROM export_item WHERE instance = :number)"
)
"""Whether somebody may hold the first bytes: an answer, a try that sent or has no outcome, or an export."""


@dataclass(frozen=True, slots=True)
class DamagedInstance:
    """An instance whose spooled object is damaged: its identity, the object as it was frozen, and who may have it.

    With `stands_in` it was made as another SOP class than the device's own, for a destination that refuses that.
    """

    identity: InstanceIdentity
    acquisition: AcquisitionId
    spooled: SpooledObject
    study_started_at: datetime
    source_kept: bool
    may_be_seen: bool
    tries: int
    stands_in: bool = False


class RebuildLedger:
    """Rebuilds, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def next_damaged(self) -> DamagedInstance | None:
        """The oldest damaged instance that is to be made again; None when there is none."""
        with self._database.read() as connection:
            row = connection.execute(_DAMAGED, {"tries": TRIES}).fetchone()
            if row is None:
                return None
            seen = _may_be_seen(connection, row["id"])
        return DamagedInstance(
            identity=identity_of(row),
            acquisition=AcquisitionId(row["acquisition"]),
            spooled=spooled_of(row),
            study_started_at=from_us(row["started_us"], zone_of(self._clock)),
            source_kept=bool(row["source_bytes_kept"]),
            may_be_seen=seen,
            tries=row["tries"],
            stands_in=row["stands_for"] is not None,
        )

    def rebuilt(self, damaged: DamagedInstance, spooled: SpooledObject, put_in_place: Callable[[], object]) -> bool:
        """Put the new bytes in place and owe them again, while no role sends the instance; whether that was possible.

        The file changes its bytes inside the transaction: nobody can claim the delivery between the two.
        """
        now, number = to_us(self._clock.now()), damaged.identity.instance_id
        same = spooled.digest == damaged.spooled.digest
        with self._database.write() as connection:
            if _is_sent(connection, number) or (not same and _may_be_seen(connection, number)):
                return False
            put_in_place()
            connection.execute(
                "UPDATE instance SET transfer_syntax_uid = ?, digest = ?, size = ? WHERE id = ?",
                (spooled.transfer_syntax_uid, spooled.digest, spooled.size, number),
            )
            for row in _parked(connection, number):
                release_delivery(connection, row["id"], now, actor="assemble")
                connection.execute(
                    "UPDATE delivery SET phase = '', error = '', remedy = '', status = '' WHERE id = ?", (row["id"],)
                )
            self._settle(connection, damaged, "rebuilt")
            write_journal(
                connection,
                now,
                "assemble",
                "rebuilt",
                f"acquisition {damaged.acquisition}",
                sop_instance=damaged.identity.sop_instance_uid,
                how="the same bytes" if same else "other bytes, never sent before",
                was=damaged.spooled.digest,
                sha256=spooled.digest,
            )
        return True

    def refused(self, damaged: DamagedInstance, fault: GatewayError) -> None:
        """Leave the deliveries parked, with the reason why their object cannot be made again."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            self._settle(connection, damaged, fault.message)
            for row in _parked(connection, damaged.identity.instance_id):
                connection.execute(
                    "UPDATE delivery SET error = ?, remedy = ? WHERE id = ?",
                    (f"The spooled object is damaged and was not rebuilt: {fault.message}", fault.remedy, row["id"]),
                )
                write_journal(
                    connection, now, "assemble", "rebuild refused", f"delivery {row['id']}", reason=fault.message
                )

    @staticmethod
    def _settle(connection: sqlite3.Connection, damaged: DamagedInstance, outcome: str) -> None:
        number = damaged.identity.instance_id
        connection.execute(
            "INSERT INTO rebuild (instance, tries, seen_attempt, outcome) VALUES (:number, 1,"
            " (SELECT coalesce(max(attempt.id), 0) FROM attempt JOIN delivery ON delivery.id = attempt.delivery"
            " WHERE delivery.instance = :number), :outcome) ON CONFLICT (instance) DO UPDATE SET asked = 0,"
            " tries = tries + 1, seen_attempt = excluded.seen_attempt, outcome = excluded.outcome",
            {"number": number, "outcome": outcome},
        )


def _is_sent(connection: sqlite3.Connection, number: int) -> bool:
    """Whether a role sends the instance at this moment."""
    sending = "SELECT 1 FROM delivery WHERE instance = ? AND state = 'sending'"
    return connection.execute(sending, (number,)).fetchone() is not None


def _may_be_seen(connection: sqlite3.Connection, number: int) -> bool:
    return bool(connection.execute(_SEEN, {"number": number}).fetchone()[0])


def _parked(connection: sqlite3.Connection, instance: int) -> list[sqlite3.Row]:
    return connection.execute(
        "SELECT id FROM delivery WHERE instance = ? AND state = 'parked' AND status = 'digest'", (instance,)
    ).fetchall()
