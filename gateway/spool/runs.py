"""Who is running: one process a role, its claims, and what its dead predecessor left claimed."""

import fcntl
import os
import secrets
import sqlite3
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.domain.errors import ConfigurationError
from gateway.spool.claims import void_deliveries
from gateway.spool.database import Database
from gateway.spool.moments import to_us

_TRIES, _PAUSE_S = 5, 0.05
"""`is_running` takes a lock for a moment; a role that starts just then shall not end because of that."""


@dataclass(frozen=True, slots=True)
class Run:
    """One life of a role; `id` marks its claims."""

    role: str
    id: str


class RoleLock:
    """Keeps a second process of the same role out of the same spool, for as long as this one lives."""

    def __init__(self, spool: Path, role: str) -> None:
        path = _lock_file(spool, role)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if not _taken(self._descriptor):
            os.close(self._descriptor)
            raise ConfigurationError(
                f"Another process already runs the role {role} on this spool.",
                remedy="Stop it first, or give this gateway its own spool directory.",
            )

    def release(self) -> None:
        """Let another process have the role."""
        os.close(self._descriptor)


def _lock_file(spool: Path, role: str) -> Path:
    return spool / "locks" / f"{role.replace('/', '_')}.lock"


def _taken(descriptor: int) -> bool:
    for number in range(_TRIES):
        if number:
            time.sleep(_PAUSE_S)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return True
    return False


def is_running(spool: Path, role: str) -> bool:
    """Whether a process holds the lock of a role."""
    try:
        descriptor = os.open(_lock_file(spool, role), os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def is_being_sent(connection: sqlite3.Connection, spool: Path, instance: int, now_us: int) -> bool:
    """Whether a run that lives works on a delivery of an instance; inside the caller's transaction.

    Claims of a run that is gone are void, whether or not its role has started anew: any of them may have reached the
    peer, and their counters say so.
    """
    rows = connection.execute(
        "SELECT delivery.claimed_by, role_run.role FROM delivery LEFT JOIN role_run"
        " ON role_run.run = substr(delivery.claimed_by, 1, instr(delivery.claimed_by, '/') - 1)"
        " WHERE delivery.instance = ? AND delivery.state = 'sending'",
        (instance,),
    ).fetchall()
    if any(row["role"] is not None and is_running(spool, row["role"]) for row in rows):
        return True
    void_deliveries(connection, [row["claimed_by"] for row in rows], now_us)
    return False


def begin_run(database: Database, role: str, now: datetime) -> Run:
    """Register a new run of `role` and void every claim of its earlier runs, in one transaction."""
    run = Run(role, secrets.token_hex(8))
    with database.write() as connection:
        earlier = "SELECT run FROM role_run WHERE role = ?"
        connection.execute(
            f"UPDATE acquisition SET claimed_by = NULL, rematch = (state = 'held') WHERE claimed_by IN ({earlier})",  # noqa: S608 - the inserted text is the constant above
            (role,),
        )
        dead = [row["run"] for row in connection.execute("SELECT run FROM role_run WHERE role = ?", (role,))]
        void_deliveries(connection, dead, to_us(now))
        connection.execute("DELETE FROM role_run WHERE role = ?", (role,))
        connection.execute("INSERT INTO role_run VALUES (?, ?, ?, ?)", (run.id, role, os.getpid(), to_us(now)))
    return run
