"""The successor of a corrected acquisition: the same bytes under a name of their own, tied to the right patient."""

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gateway.domain.objects import LocalStudy
from gateway.domain.procedure import Match, MatchRule, Step
from gateway.spool.acquisition_moves import tie_to_local_study, tie_to_step
from gateway.spool.files import link_file
from gateway.spool.journal import write_journal

CORRECTIONS = "corrections"
"""Folder of the bytes that successors are built from; only the assembling role writes it."""


@dataclass(frozen=True, slots=True)
class Correction:
    """One decision: who, why, when; its number in the ledger."""

    number: int
    now_us: int
    actor: str
    reason: str


def _path_of(number: int, position: int, path: str) -> str:
    """Where the successor of acquisition `number` has a part: the same name at each try, so that a crash leaves one."""
    return f"{CORRECTIONS}/{number}-{position}{PurePosixPath(path).suffix}"


def _parts(connection: sqlite3.Connection, number: int) -> list[sqlite3.Row]:
    return connection.execute("SELECT * FROM part WHERE acquisition = ? ORDER BY position", (number,)).fetchall()


def missing_bytes(connection: sqlite3.Connection, spool: Path, number: int) -> bool:
    """Whether a captured file of the acquisition is not where the ledger says."""
    return not all((spool / part["path"]).is_file() for part in _parts(connection, number))


def link_bytes(connection: sqlite3.Connection, spool: Path, number: int) -> None:
    """Make the bytes of the successor safe before any row names them; raises `GatewayError` if the disk refuses."""
    for part in _parts(connection, number):
        link_file(spool / part["path"], spool / _path_of(number, part["position"], part["path"]))


def succeed(
    connection: sqlite3.Connection,
    decision: Correction,
    number: int,
    target: Step | LocalStudy,
    *,
    study_uid: str,
    not_to: Collection[str],
) -> int:
    """Record the successor of acquisition `number` for `target`, inside the caller's transaction; returns its number.

    It is an exam of its own for the ledger, for the bytes of one exam are taken once.
    """
    primary = _parts(connection, number)[0]
    mark = f", correction {decision.number}{_apart(connection, number, decision.number)}"
    cursor = connection.execute(
        "INSERT INTO acquisition (device, exam_key, captured_exam_key, kind, captured_us, display_name, digest, size,"
        " path, hints, state, since_us, correction_of, not_to)"
        " SELECT device, coalesce(captured_exam_key, exam_key) || ?, coalesce(captured_exam_key, exam_key), kind,"
        " captured_us, display_name, digest, size, ?, hints, 'held', ?, id, ? FROM acquisition WHERE id = ?",
        (
            mark,
            _path_of(number, 0, primary["path"]),
            decision.now_us,
            json.dumps(sorted(not_to)),
            number,
        ),
    )
    successor = cursor.lastrowid or 0
    _copy_parts(connection, number, successor)
    connection.execute("UPDATE acquisition SET corrected_by = ? WHERE id = ?", (successor, number))
    write_journal(
        connection, decision.now_us, decision.actor, "correction", f"acquisition {successor}",
        of=number, correction=decision.number, reason=decision.reason,
    )  # fmt: skip
    _tie(connection, decision, successor, target, study_uid)
    return successor


def _apart(connection: sqlite3.Connection, number: int, correction: int) -> str:
    """What tells a picture from its twin, which has the same bytes and is corrected with it."""
    twin = connection.execute(
        "SELECT 1 FROM acquisition AS other JOIN acquisition AS own ON own.id = ? AND own.device = other.device"
        " AND own.digest = other.digest AND other.exam_key = coalesce(own.captured_exam_key, own.exam_key) || ?",
        (number, f", correction {correction}"),
    ).fetchone()
    return f", picture {number}" if twin else ""


def _copy_parts(connection: sqlite3.Connection, number: int, successor: int) -> None:
    connection.executemany(
        "INSERT INTO part VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                successor,
                part["position"],
                part["role"],
                part["source_name"],
                part["digest"],
                part["size"],
                _path_of(number, part["position"], part["path"]),
            )
            for part in _parts(connection, number)
        ],
    )


def _tie(
    connection: sqlite3.Connection, decision: Correction, successor: int, target: Step | LocalStudy, study_uid: str
) -> None:
    reason = f"corrected by {decision.actor}: {decision.reason}"
    if isinstance(target, Step):
        match = Match(target.key, MatchRule.OPERATOR, reason)
        tie_to_step(connection, decision.now_us, successor, match, target, actor=decision.actor)
        return
    tie_to_local_study(connection, decision.now_us, successor, target, study_uid, actor=decision.actor)
    connection.execute("UPDATE acquisition SET reason = ? WHERE id = ?", (reason, successor))
