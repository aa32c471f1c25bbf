"""Rows of instances: whose identity they hold, how they are frozen, and to whom they are owed from then on."""

import sqlite3
from collections.abc import Iterable

from gateway.domain.identifiers import AcquisitionId, InstanceId, Uid
from gateway.domain.instance import InstanceIdentity, SpooledObject
from gateway.domain.lanes import Lane


def identity_of(row: sqlite3.Row, *, key: str = "id") -> InstanceIdentity:
    """The identity in a row of `instance` joined with its `series`; `key` is the column of the instance's own id."""
    return InstanceIdentity(
        instance_id=InstanceId(row[key]),
        study_instance_uid=Uid(row["study_instance_uid"]),
        series_instance_uid=Uid(row["series_instance_uid"]),
        sop_instance_uid=Uid(row["sop_instance_uid"]),
        series_number=row["series_number"],
        instance_number=row["instance_number"],
    )


def spooled_of(row: sqlite3.Row) -> SpooledObject:
    """The object of a row of a built `instance`, as it was frozen."""
    return SpooledObject(
        path=row["path"],
        digest=row["digest"],
        size=row["size"],
        sop_class_uid=Uid(row["sop_class_uid"]),
        transfer_syntax_uid=Uid(row["transfer_syntax_uid"]),
    )


def freeze(connection: sqlite3.Connection, number: int, spooled: SpooledObject, now: int) -> None:
    """Note the object of an instance; one that is frozen already stays as it is."""
    connection.execute(
        "UPDATE instance SET transfer_syntax_uid = ?, path = ?, digest = ?, size = ?, built_us = ?"
        " WHERE id = ? AND built_us IS NULL",
        (spooled.transfer_syntax_uid, spooled.path, spooled.digest, spooled.size, now, number),
    )


def owe(
    connection: sqlite3.Connection,
    number: int,
    acquisition: AcquisitionId,
    destinations: Iterable[tuple[str, Lane]],
    now: int,
) -> None:
    """Owe an instance to destinations, each in its lane, from now on."""
    connection.executemany(
        "INSERT INTO delivery (instance, acquisition, destination, lane, state, since_us, due_us)"
        " VALUES (?, ?, ?, ?, 'pending', ?, ?)",
        [(number, acquisition, name, lane, now, now) for name, lane in destinations],
    )
