"""The journal: what happened to each thing, by whom, in order. Written in the transaction that made it happen."""

import json
import sqlite3


def write_journal(
    connection: sqlite3.Connection, at_us: int, actor: str, event: str, subject: str, **detail: str | int | None
) -> None:
    """Add one line; `subject` is a kind and a number, for example ``acquisition 17``."""
    connection.execute(
        "INSERT INTO journal (at_us, actor, event, subject, detail) VALUES (?, ?, ?, ?, ?)",
        (at_us, actor, event, subject, json.dumps(detail, ensure_ascii=False)),
    )
