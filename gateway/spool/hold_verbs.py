"""What a person may do with pictures beside assigning them: split an exam, discard, correct what was built wrongly."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from gateway.domain.checkpoints import Passage, pass_by
from gateway.domain.lifecycle import AcquisitionEvent, AcquisitionState
from gateway.domain.objects import LocalStudy
from gateway.domain.procedure import Step
from gateway.domain.requests import Request, RequestKind
from gateway.spool.acquisition_moves import move_acquisition
from gateway.spool.corrections import correct
from gateway.spool.journal import write_journal
from gateway.spool.request_fields import NotYet, RequestRefused, number_of, numbers_of, words_of
from gateway.spool.snapshots import step_from_text

Verb = Callable[[sqlite3.Connection, Request, int], str]


def held_numbers(connection: sqlite3.Connection, request: Request) -> list[int]:
    """The held acquisitions a request names, each once; all of them must be held."""
    numbers = numbers_of(request, "acquisitions")
    for number in numbers:
        row = connection.execute("SELECT state, claimed_by FROM acquisition WHERE id = ?", (number,)).fetchone()
        if row is None or row["state"] != AcquisitionState.HELD.value:
            raise RequestRefused(f"Acquisition {number} is not held.")
        if row["claimed_by"] is not None:
            raise NotYet
    return numbers


def chosen_step(connection: sqlite3.Connection, request: Request) -> Step:
    """The step that a request names; refused when it is gone, in doubt, or may not be used."""
    row = connection.execute("SELECT snapshot FROM step WHERE id = ?", (number_of(request, "step"),)).fetchone()
    if row is None:
        raise RequestRefused("That step is no longer in the worklist cache; choose it again.")
    step = step_from_text(row["snapshot"])
    if not step.usable:
        raise RequestRefused(f"That worklist entry cannot be used: {'; '.join(step.faults)}")
    if step.doubtful:
        # the person may have chosen it before its patient changed
        raise RequestRefused(
            f"{step.faults[0] if step.faults else 'That worklist entry is in doubt.'} Accept it first."
        )
    return step


def _split(connection: sqlite3.Connection, request: Request, now: int) -> str:
    """Give held pictures of one exam an exam key of their own, and have them matched again by it."""
    numbers = held_numbers(connection, request)
    device, key = _one_exam(connection, numbers)
    if request.payload.get("and_later") == "yes":
        numbers = _and_later(connection, device, key, numbers)
    whole = connection.execute(
        "SELECT count(*) FROM acquisition WHERE device = ? AND exam_key = ?", (device, key)
    ).fetchone()[0]
    if whole == len(numbers):
        raise RequestRefused("These are all pictures of that exam; there is nothing to split off.")
    base = connection.execute(
        "SELECT coalesce(captured_exam_key, exam_key) FROM acquisition WHERE id = ?", (numbers[0],)
    ).fetchone()[0]
    part = _free_key(connection, device, base)
    for number in numbers:
        connection.execute(
            "UPDATE acquisition SET exam_key = ?, captured_exam_key = ?, rematch = 1 WHERE id = ?", (part, base, number)
        )
        write_journal(connection, now, request.filed_by, "split off", f"acquisition {number}", exam=part)
    return f"{len(numbers)} split off as an exam of their own"


def _one_exam(connection: sqlite3.Connection, numbers: Sequence[int]) -> tuple[str, str]:
    exams = {
        (row["device"], row["exam_key"])
        for number in numbers
        for row in connection.execute("SELECT device, exam_key FROM acquisition WHERE id = ?", (number,))
    }
    if len(exams) > 1:
        raise RequestRefused("These are pictures of several exams; split one exam at a time.")
    return next(iter(exams))


def _and_later(connection: sqlite3.Connection, device: str, key: str, numbers: Sequence[int]) -> list[int]:
    """All held pictures of the exam from the first named one on, in the order of their capture."""
    first = min(
        connection.execute("SELECT captured_us, id FROM acquisition WHERE id = ?", (n,)).fetchone()[:] for n in numbers
    )
    rows = connection.execute(
        "SELECT id, claimed_by FROM acquisition WHERE device = ? AND exam_key = ? AND state = 'held'"
        " AND (captured_us, id) >= (?, ?) ORDER BY captured_us, id",
        (device, key, *first),
    ).fetchall()
    if any(row["claimed_by"] is not None for row in rows):
        raise NotYet
    return [row["id"] for row in rows]


def _free_key(connection: sqlite3.Connection, device: str, base: str) -> str:
    part = 2
    while connection.execute(
        "SELECT 1 FROM acquisition WHERE device = ? AND exam_key = ?", (device, f"{base}, part {part}")
    ).fetchone():
        part += 1
    return f"{base}, part {part}"


def _discard(connection: sqlite3.Connection, request: Request, now: int) -> str:
    """Set held pictures aside with who and why; their bytes stay, and quarantine release takes them back."""
    reason, operator = words_of(request, "reason"), words_of(request, "operator")
    numbers = held_numbers(connection, request)
    for number in numbers:
        said = f"discarded by {operator}: {reason}"
        move_acquisition(connection, now, number, AcquisitionEvent.QUARANTINE, actor=operator, reason=said)
        connection.execute(
            "UPDATE acquisition SET reason = ?, remedy = 'It is kept here; release it to take it back.', phase = '',"
            " candidates = '[]', rematch = 0, discarded_by = ? WHERE id = ?",
            (said, operator, number),
        )
    return f"{len(numbers)} discarded; kept here, and can be taken back"


def correct_named(
    connection: sqlite3.Connection,
    request: Request,
    now: int,
    *,
    spool: Path,
    local: Callable[[sqlite3.Connection, Request], tuple[int, LocalStudy, str]],
    passage: Passage = pass_by,
) -> str:
    """Carry out a request to correct; returns the outcome in words. `local` makes the local study that it describes."""
    reason, operator = words_of(request, "reason"), words_of(request, "operator")
    numbers = numbers_of(request, "acquisitions")
    target: Step | LocalStudy | None = None
    uid = ""
    if request.payload.get("unscheduled") == "yes":
        _, target, uid = local(connection, request)
    elif request.payload.get("note_only") != "yes":
        target = chosen_step(connection, request)
    return correct(
        connection, now, numbers, target, spool=spool, actor=operator, reason=reason, study_uid=uid, passage=passage
    ).words


HOLD_VERBS: Mapping[RequestKind, Verb] = MappingProxyType({RequestKind.SPLIT: _split, RequestKind.DISCARD: _discard})
