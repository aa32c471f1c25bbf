"""Issues and beats in the ledger: what is wrong since when, and when each loop last got something done."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.domain.ports import Clock
from gateway.spool.database import Database
from gateway.spool.journal import write_journal
from gateway.spool.moments import to_us


@dataclass(frozen=True, slots=True)
class StandingIssue:
    """An issue as its check sees it now; `severity` is ``danger`` or ``attention``."""

    severity: str
    text: str
    suggestion: str


class HealthLedger:
    """Issues and beats, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def beat(self, role: str, loop: str, bound_s: float) -> None:
        """Record that a loop has made progress and will again within `bound_s`."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO beat VALUES (?, ?, ?, ?)", (role, loop, to_us(self._clock.now()), bound_s)
            )

    def settle(self, prefix: str, standing: Mapping[str, StandingIssue]) -> None:
        """Make the issues whose key begins with `prefix` exactly `standing`: raise new ones, withdraw the others."""
        now = to_us(self._clock.now())
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT key, severity, text, suggestion FROM issue WHERE substr(key, 1, ?) = ?", (len(prefix), prefix)
            ).fetchall()
        known = {row["key"]: StandingIssue(row["severity"], row["text"], row["suggestion"]) for row in rows}
        if known == dict(standing):
            return
        with self._database.write() as connection:
            for key in known.keys() - standing.keys():
                connection.execute("DELETE FROM issue WHERE key = ?", (key,))
                write_journal(connection, now, "health", "withdrawn", f"issue {key}")
            for key, issue in standing.items():
                connection.execute(
                    "INSERT INTO issue VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
                    " severity = excluded.severity, text = excluded.text, suggestion = excluded.suggestion",
                    (key, issue.severity, now, issue.text, issue.suggestion),
                )
                if key not in known:
                    write_journal(connection, now, "health", "raised", f"issue {key}", text=issue.text)
