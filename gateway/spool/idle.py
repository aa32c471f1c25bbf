"""Whoever is open on a device is closed when nothing was captured for too long."""

from typing import Literal

from gateway.spool.database import Database
from gateway.spool.journal import write_journal
from gateway.spool.moments import CLOCK_STEP_US, SECOND_US


def close_idle(
    database: Database, table: Literal["active_step", "active_local_study"], device: str, now: int, limit_s: float
) -> bool:
    """Close what `table` has open on a device if it was not used for `limit_s`; whether it was."""
    with database.read() as connection:
        known = connection.execute(f"SELECT 1 FROM {table} WHERE device = ?", (device,)).fetchone()  # noqa: S608 - one of the two names above
    if known is None:
        return False
    with database.write() as connection:
        # One that was used in the future is closed too: the clock was put back, and its idle time is unknown.
        closed = connection.execute(
            f"DELETE FROM {table} WHERE device = ? AND (used_us < ? OR used_us > ?)",  # noqa: S608 - as above
            (device, now - int(limit_s * SECOND_US), now + CLOCK_STEP_US),
        ).rowcount
        if closed:
            write_journal(connection, now, "assemble", "step closed", f"device {device}", reason="idle")
    return closed > 0
