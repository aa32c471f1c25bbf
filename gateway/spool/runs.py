"""Who is running: one process a role, its claims, and what its dead predecessor left claimed."""

import fcntl
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.domain.errors import ConfigurationError
from gateway.spool.claims import void_deliveries
from gateway.spool.database import Database
from gateway.spool.moments import to_us


@dataclass(frozen=True, slots=True)
class Run:
    """One life of a role; `id` marks its claims."""

    role: str
    id: str


class RoleLock:
    """Keeps a second process of the same role out of the same spool, for as long as this one lives."""

    def __init__(self, spool: Path, role: str) -> None:
        folder = spool / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(folder / f"{role.replace('/', '_')}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise ConfigurationError(
                f"Another process already runs the role {role} on this spool.",
                remedy="Stop it first, or give this gateway its own spool directory.",
            ) from None

    def release(self) -> None:
        """Let another process have the role."""
        os.close(self._descriptor)


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
