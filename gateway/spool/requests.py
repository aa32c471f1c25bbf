"""Requests of people: filed as small durable files by page and command line, carried out once by a role.

The page may not write the ledger; it may only file. The effect of a request and the record that it was carried out
are one transaction, so a crash between the two cannot repeat it.
"""

import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from gateway.domain.checkpoints import Checkpoint, Passage, pass_by
from gateway.domain.identifiers import display_name
from gateway.domain.lifecycle import AcquisitionEvent, AcquisitionState
from gateway.domain.ports import Clock
from gateway.domain.procedure import Match, MatchRule
from gateway.domain.requests import Request, RequestKind
from gateway.spool.acquisition_moves import move_acquisition, tie_to_step
from gateway.spool.database import Database
from gateway.spool.files import storage_faults, sync_directory
from gateway.spool.hold_verbs import HOLD_VERBS, chosen_step, correct_named, held_numbers
from gateway.spool.journal import write_journal
from gateway.spool.moments import to_us
from gateway.spool.opening import OpeningRules, accept_step, open_step
from gateway.spool.performed_verbs import PERFORMED_VERBS
from gateway.spool.queue_verbs import DELIVERY_VERBS
from gateway.spool.reconcile_verbs import ReconcileVerbs
from gateway.spool.request_fields import NotYet, RequestRefused, number_of
from gateway.spool.scans import scan
from gateway.spool.unscheduled_verbs import UnscheduledRules, UnscheduledVerbs

_FOR_FORWARD = frozenset({RequestKind.ECHO, RequestKind.LEARN_ANEW, RequestKind.REFRESH, RequestKind.LOOK_UP})


def role_of(kind: RequestKind) -> str:
    """The role that carries out requests of this kind: forward has the network, assemble the rest."""
    return "forward" if kind in _FOR_FORWARD else "assemble"


class SpoolRequestDesk:
    """Files requests into the spool; the `RequestDesk` of page and command line."""

    def __init__(self, spool: Path, clock: Clock) -> None:
        self._folder = spool / "requests"
        self._clock = clock

    def file(self, kind: RequestKind, payload: Mapping[str, str], *, by: str) -> str:
        """File a request durably and return its id."""
        moment = self._clock.now()
        number = f"{to_us(moment):017d}-{secrets.token_hex(6)}"
        folder = self._folder / role_of(kind)
        body = {"kind": kind.value, "payload": dict(payload), "filed_by": by, "filed_at": moment.isoformat()}
        with storage_faults():
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / f".{number}"
            with temporary.open("x", encoding="utf-8") as stream:
                json.dump(body, stream, ensure_ascii=False)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.rename(folder / f"{number}.json")
            sync_directory(folder)
        return number


class RequestLedger:
    """Carries requests out, for one thread."""

    def __init__(
        self,
        database: Database,
        spool: Path,
        clock: Clock,
        passage: Passage = pass_by,
        *,
        unscheduled: UnscheduledRules | None = None,
        opening: OpeningRules | None = None,
    ) -> None:
        self._database = database
        self._folder = spool / "requests"
        self._clock = clock
        self._passage = passage
        rules = unscheduled or UnscheduledRules()
        self._opening = opening or OpeningRules()
        self._unscheduled = UnscheduledVerbs(clock, rules, self._opening)
        self._verbs: Mapping[RequestKind, Callable[[sqlite3.Connection, Request], str]] = {
            RequestKind.ASSIGN: self._assign,
            RequestKind.OPEN_STEP: self._open_step,
            RequestKind.SCAN: self._scan,
            **self._unscheduled.table(),
            **ReconcileVerbs(clock, spool, rules.replacing, passage).table(),
            RequestKind.RELEASE: self._release,
            RequestKind.CORRECT: self._correct,
        }

    def waiting(self, role: str) -> list[Request]:
        """Requests filed for `role` and not yet carried out, oldest first; finished ones are cleared away."""
        requests = []
        for path in sorted((self._folder / role).glob("*.json")):
            request = self._read(path)
            if request is None or role_of(request.kind) != role:
                self._set_aside(path)
            elif self._is_done(request.id):
                path.unlink(missing_ok=True)
            else:
                requests.append(request)
        return requests

    def _set_aside(self, path: Path) -> None:
        """Take a file that is no request out of the way; its name in the journal is all that can be said of it."""
        with self._database.write() as connection:
            now = to_us(self._clock.now())
            write_journal(
                connection, now, "spool", "request unreadable", "spool", file=display_name(os.fsencode(path.name))
            )
        path.unlink(missing_ok=True)

    @staticmethod
    def _read(path: Path) -> Request | None:
        """A filed request; None when the file is no request, which no person can have filed through us."""
        try:
            text = path.read_text(encoding="utf-8")
            body = json.loads(text)
            json.dumps(body, ensure_ascii=False).encode()  # an escaped half of a character could not be stored
            payload = {str(key): str(value) for key, value in body["payload"].items()}
            filed_at = datetime.fromisoformat(body["filed_at"])
            request = Request(path.stem, RequestKind(body["kind"]), payload, str(body["filed_by"]), filed_at)
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            return None
        return request if filed_at.tzinfo is not None else None

    def _is_done(self, number: str) -> bool:
        with self._database.read() as connection:
            return connection.execute("SELECT 1 FROM request WHERE id = ?", (number,)).fetchone() is not None

    def carry_out(self, request: Request) -> None:
        """Carry out a request on the ledger and record its outcome, in one transaction.

        A request about an acquisition that is being matched at this moment stays filed: the one would undo the other.
        """
        with self._database.write() as connection:
            if connection.execute("SELECT 1 FROM request WHERE id = ?", (request.id,)).fetchone():
                return
            connection.execute("SAVEPOINT verb")
            try:
                outcome, ok = self._do(connection, request), True
            except RequestRefused as refusal:
                connection.execute("ROLLBACK TO verb")
                outcome, ok = str(refusal), False
                if refusal.record is not None:
                    refusal.record()
            except NotYet:
                connection.execute("ROLLBACK TO verb")
                return
            self._finish(connection, request, ok=ok, outcome=outcome, detail="")
        if request.kind is RequestKind.CORRECT:
            self._passage(Checkpoint.CORRECT_COMMITTED)
        self._clear(request)

    def _do(self, connection: sqlite3.Connection, request: Request) -> str:
        tables = (DELIVERY_VERBS, PERFORMED_VERBS, HOLD_VERBS, {RequestKind.ACCEPT_STEP: accept_step})
        verb = next((table[request.kind] for table in tables if request.kind in table), None)
        if verb is not None:
            return verb(connection, request, to_us(self._clock.now()))
        return self._verbs[request.kind](connection, request)

    def finished(self, request: Request, *, ok: bool, outcome: str, detail: str = "") -> None:
        """Record the outcome of a request that was carried out elsewhere (echo, refresh)."""
        with self._database.write() as connection:
            self._finish(connection, request, ok=ok, outcome=outcome, detail=detail)
        self._clear(request)

    def _finish(self, connection: sqlite3.Connection, request: Request, *, ok: bool, outcome: str, detail: str) -> None:
        now = to_us(self._clock.now())
        connection.execute(
            "INSERT OR IGNORE INTO request VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                request.id,
                request.kind.value,
                json.dumps(dict(request.payload), ensure_ascii=False),
                request.filed_by,
                to_us(request.filed_at),
                now,
                int(ok),
                outcome,
                detail,
            ),
        )
        write_journal(connection, now, request.filed_by, request.kind.value, f"request {request.id}", outcome=outcome)

    def _clear(self, request: Request) -> None:
        (self._folder / role_of(request.kind) / f"{request.id}.json").unlink(missing_ok=True)

    # -- verbs --------------------------------------------------------------------------------------------------

    def _assign(self, connection: sqlite3.Connection, request: Request) -> str:
        step = chosen_step(connection, request)
        match = Match(step.key, MatchRule.OPERATOR, f"assigned by {request.filed_by}")
        numbers = held_numbers(connection, request)
        now = to_us(self._clock.now())
        for number in numbers:
            tie_to_step(connection, now, number, match, step, actor=request.filed_by)
        return f"{len(numbers)} assigned"

    def _open_step(self, connection: sqlite3.Connection, request: Request) -> str:
        return open_step(connection, request, to_us(self._clock.now()), self._opening)

    def _scan(self, connection: sqlite3.Connection, request: Request) -> str:
        return scan(connection, request, to_us(self._clock.now()), self._opening)

    def _correct(self, connection: sqlite3.Connection, request: Request) -> str:
        now = to_us(self._clock.now())
        return correct_named(
            connection,
            request,
            now,
            spool=self._folder.parent,
            local=self._unscheduled.study,
            passage=self._passage,
        )

    def _release(self, connection: sqlite3.Connection, request: Request) -> str:
        number = number_of(request, "acquisition")
        row = connection.execute("SELECT state FROM acquisition WHERE id = ?", (number,)).fetchone()
        if row is None or row["state"] != AcquisitionState.QUARANTINED.value:
            raise RequestRefused("That acquisition is not in quarantine.")
        move_acquisition(connection, to_us(self._clock.now()), number, AcquisitionEvent.RELEASE, actor=request.filed_by)
        connection.execute(
            "UPDATE acquisition SET reason = '', remedy = '', phase = '', due_us = 0, unfinished_claims = 0"
            " WHERE id = ?",
            (number,),
        )
        return "released"
