"""Deliveries whose destination does not take their SOP class, moved to an instance of the class that stands in.

Such an instance is another object: it has a UID and a series of its own, and the refused one keeps its own. A delivery
is moved only while its destination cannot have the refused instance, so that nobody gets one picture as two things.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.errors import GatewayError
from gateway.domain.identifiers import AcquisitionId, DeliveryId, InstanceId, mint_uid
from gateway.domain.instance import InstanceIdentity, SpooledObject
from gateway.domain.ports import Clock
from gateway.spool.database import Database
from gateway.spool.delivery_moves import release_delivery
from gateway.spool.instance_rows import freeze, identity_of, spooled_of
from gateway.spool.journal import write_journal
from gateway.spool.moments import from_us, to_us, zone_of
from gateway.spool.seen import SEEN, remember_where_it_was

_LAST_ATTEMPT = "(SELECT coalesce(max(attempt.id), 0) FROM attempt WHERE attempt.delivery = delivery.id)"
_REFUSED = (
    "SELECT delivery.id AS delivery, delivery.destination, delivery.instance, delivery.acquisition,"  # noqa: S608 - constants are inserted
    " instance.sop_class_uid, instance.sop_instance_uid, acquisition.source_bytes_kept FROM delivery INDEXED BY"
    " delivery_class_refused JOIN instance ON instance.id = delivery.instance"
    " JOIN acquisition ON acquisition.id = delivery.acquisition LEFT JOIN fallback ON fallback.delivery = delivery.id"
    " WHERE delivery.state = 'parked' AND delivery.status IN ('context 3', '0122') AND delivery.rejected_us IS NULL"
    " AND instance.stands_for IS NULL AND json_extract(:classes, '$.' || json_quote(delivery.destination) || '.'"
    " || json_quote(instance.sop_class_uid)) IS NOT NULL"
    f" AND coalesce(fallback.seen_attempt, -1) < {_LAST_ATTEMPT} ORDER BY delivery.id LIMIT 1"
)
_PERHAPS_THERE = (
    f"SELECT {SEEN} OR EXISTS (SELECT 1 FROM export_item WHERE export_item.delivery = delivery.id)"  # noqa: S608 - a constant is inserted
    " FROM delivery WHERE id = ?"
)
"""Whether the destination may hold the refused instance all the same: a try without an outcome, or an export."""


@dataclass(frozen=True, slots=True)
class RefusedClass:
    """A delivery that was refused for its SOP class; `sop_class_uid` is the class that is to stand in."""

    delivery: DeliveryId
    destination: str
    acquisition: AcquisitionId
    instance: InstanceId
    refused_class_uid: str
    sop_class_uid: str
    source_kept: bool
    perhaps_there: bool


@dataclass(frozen=True, slots=True)
class StandInInstance:
    """The instance that stands in, and the moment its study began; `spooled` when it was made before."""

    identity: InstanceIdentity
    study_started_at: datetime
    spooled: SpooledObject | None


class FallbackLedger:
    """Instances that stand in, for one thread; `classes` says by destination and refused class which class does."""

    def __init__(self, database: Database, clock: Clock, classes: Mapping[str, Mapping[str, str]]) -> None:
        self._database = database
        self._clock = clock
        self._classes = {name: dict(pairs) for name, pairs in classes.items() if pairs}

    def next_refused(self) -> RefusedClass | None:
        """The oldest delivery for which an instance of another class is to be made; None when there is none."""
        if not self._classes:
            return None
        with self._database.read() as connection:
            row = connection.execute(_REFUSED, {"classes": json.dumps(self._classes)}).fetchone()
            if row is None:
                return None
            perhaps_there = bool(connection.execute(_PERHAPS_THERE, (row["delivery"],)).fetchone()[0])
        return RefusedClass(
            delivery=DeliveryId(row["delivery"]),
            destination=row["destination"],
            acquisition=AcquisitionId(row["acquisition"]),
            instance=InstanceId(row["instance"]),
            refused_class_uid=row["sop_class_uid"],
            sop_class_uid=self._classes[row["destination"]][row["sop_class_uid"]],
            source_kept=bool(row["source_bytes_kept"]),
            perhaps_there=perhaps_there,
        )

    def reserve(self, refused: RefusedClass, sop_class_uid: str) -> StandInInstance:
        """The instance of `sop_class_uid` that stands in, minted in a series of its own unless there is one already."""
        with self._database.write() as connection:
            found = self._found(connection, refused.instance, sop_class_uid)
            if found is None:
                self._mint(connection, refused, sop_class_uid)
                found = self._found(connection, refused.instance, sop_class_uid)
        if found is None:
            raise ValueError("the instance was just minted")
        return found

    def _found(self, connection: sqlite3.Connection, refused: int, sop_class_uid: str) -> StandInInstance | None:
        row = connection.execute(
            "SELECT instance.*, series.study_instance_uid, series.series_instance_uid, series.series_number,"
            " study.started_us FROM instance JOIN series ON series.id = instance.series"
            " JOIN study USING (study_instance_uid) WHERE stands_for = ? AND instance.sop_class_uid = ?",
            (refused, sop_class_uid),
        ).fetchone()
        if row is None:
            return None
        spooled = spooled_of(row) if row["built_us"] is not None else None
        identity = identity_of(row)
        return StandInInstance(identity, from_us(row["started_us"], zone_of(self._clock)), spooled)

    @staticmethod
    def _mint(connection: sqlite3.Connection, refused: RefusedClass, sop_class_uid: str) -> None:
        values = {
            "refused": refused.instance,
            "acquisition": refused.acquisition,
            "sop_class": sop_class_uid,
            "series_uid": mint_uid(),
            "uid": mint_uid(),
        }
        connection.execute(
            "INSERT OR IGNORE INTO series"
            " (device, exam_key, study_instance_uid, sop_class_uid, series_instance_uid, series_number)"
            " SELECT device, exam_key, study_instance_uid, :sop_class, :series_uid, (SELECT max(series_number) + 1"
            " FROM series AS other WHERE other.study_instance_uid = series.study_instance_uid)"
            " FROM series WHERE id = (SELECT series FROM instance WHERE id = :refused)",
            values,
        )
        values["series"] = connection.execute(
            "SELECT own.id FROM series AS own JOIN series AS first USING (device, exam_key, study_instance_uid)"
            " WHERE first.id = (SELECT series FROM instance WHERE id = :refused) AND own.sop_class_uid = :sop_class",
            values,
        ).fetchone()["id"]
        connection.execute("UPDATE series SET instances = instances + 1 WHERE id = :series", values)
        connection.execute(
            "INSERT INTO instance"
            " (acquisition, part, series, sop_class_uid, sop_instance_uid, instance_number, stands_for)"
            " SELECT :acquisition, (SELECT max(part) + 1 FROM instance WHERE acquisition = :acquisition), id,"
            " :sop_class, :uid, instances, :refused FROM series WHERE id = :series",
            values,
        )

    def moved(self, refused: RefusedClass, made: StandInInstance, spooled: SpooledObject) -> bool:
        """Freeze the instance and owe it in place of the refused one; False if the delivery moved on meanwhile."""
        now, new = to_us(self._clock.now()), made.identity.instance_id
        with self._database.write() as connection:
            if not self._still_refused(connection, refused, new):
                return False
            freeze(connection, new, spooled, now)
            remember_where_it_was(connection, [refused.delivery])
            connection.execute(
                "UPDATE delivery SET instance = ?, phase = '', error = '', remedy = '', status = '', proof_rounds = 0,"
                " first_break_us = NULL WHERE id = ?",
                (new, refused.delivery),
            )
            release_delivery(connection, refused.delivery, now, actor="assemble")
            connection.execute("DELETE FROM fallback WHERE delivery = ?", (refused.delivery,))
            write_journal(
                connection,
                now,
                "assemble",
                "made as another SOP class",
                f"delivery {refused.delivery}",
                to=refused.destination,
                refused=refused.refused_class_uid,
                sop_class=spooled.sop_class_uid,
                sop_instance=made.identity.sop_instance_uid,
            )
        return True

    @staticmethod
    def _still_refused(connection: sqlite3.Connection, refused: RefusedClass, new: int) -> bool:
        row = connection.execute(
            "SELECT 1 FROM delivery WHERE id = ? AND instance = ? AND state = 'parked' AND rejected_us IS NULL"
            " AND destination = ? AND NOT EXISTS (SELECT 1 FROM delivery AS other WHERE other.instance = ?"
            " AND other.destination = delivery.destination)",
            (refused.delivery, refused.instance, refused.destination, new),
        ).fetchone()
        return row is not None and not connection.execute(_PERHAPS_THERE, (refused.delivery,)).fetchone()[0]

    def refused(self, refused: RefusedClass, fault: GatewayError) -> None:
        """Leave the delivery parked, with the reason why no object of the other class was made for it."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO fallback SELECT id, {_LAST_ATTEMPT}, ? FROM delivery WHERE id = ?",  # noqa: S608 - a constant is inserted
                (fault.message, refused.delivery),
            )
            connection.execute(
                "UPDATE delivery SET error = error || ' ' || ?, remedy = ? WHERE id = ?",
                (f"No object of another class was made: {fault.message}", fault.remedy, refused.delivery),
            )
            write_journal(
                connection, now, "assemble", "fallback refused", f"delivery {refused.delivery}", reason=fault.message
            )
