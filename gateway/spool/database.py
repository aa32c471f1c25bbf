"""Opens the ledger: durable settings, numbered migrations, short transactions. Decides nothing about its contents."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from importlib import resources
from pathlib import Path

from gateway.domain.errors import ConfigurationError, Disposition, GatewayError, Phase, SpoolFull

LEDGER_FILE = "ledger.sqlite"
LEDGER_FAULTS = (GatewayError, sqlite3.Error)
"""Whatever a call of the ledger may raise: what is understood, and what SQLite says beside that."""
_MIGRATION_LOCK = "ledger.lock"
_BUSY_TIMEOUT_S = 30.0
_CHECKED_AT_START_BYTES = 64 << 20
_IN_USE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class LedgerDamaged(GatewayError):  # noqa: N818 - names what was found
    """The ledger fails SQLite's own check; nothing more is taken until a person has looked."""

    def __init__(self, message: str) -> None:
        super().__init__(
            message,
            disposition=Disposition.HALT,
            phase=Phase.SPOOL,
            remedy="Keep the spool directory as it is and restore the ledger from its backup or ask for support.",
        )


class Database:
    """One connection to the ledger, for one thread.

    Writers use WAL with ``synchronous=FULL``: a committed transaction survives a power cut. The connections of one
    process may share a `turn`: SQLite lets a writer who meets another sleep for up to a tenth of a second, and a lock
    wakes it at once.
    """

    def __init__(
        self, spool: Path, *, read_only: bool = False, turn: AbstractContextManager[object] | None = None
    ) -> None:
        self._turn: AbstractContextManager[object] = turn if turn is not None else nullcontext()
        path = spool / LEDGER_FILE
        mode = "ro" if read_only else "rwc"
        uri = f"{path.resolve().as_uri()}?mode={mode}"
        with _ledger_faults():
            self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_TIMEOUT_S)
            with ExitStack() as undo:
                undo.callback(self._connection.close)
                self._settle(read_only=read_only)
                undo.pop_all()

    def _settle(self, *, read_only: bool) -> None:
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA foreign_keys = ON")
        if read_only:
            return
        kept = str(self._connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        if kept != "wal":
            raise ConfigurationError(
                f"The file system of the spool cannot hold a write-ahead log (SQLite offers {kept}).",
                remedy="Put the spool on a local disk, not on a network share.",
            )
        self._connection.execute("PRAGMA synchronous = FULL")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One durable write transaction: committed when the block ends, rolled back when it raises."""
        with _ledger_faults(), self._turn:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One read transaction: all queries in the block see the same ledger."""
        with _ledger_faults():
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                # A disk fault may have ended the transaction already; ending it again would hide the fault.
                if self._connection.in_transaction:
                    self._connection.execute("COMMIT")

    def version_of_data(self) -> int:
        """A number that changes when another connection has committed; costs microseconds."""
        with _ledger_faults():
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def check(self) -> None:
        """Have SQLite read the whole ledger, which takes seconds a gigabyte; raises `LedgerDamaged` if it fails."""
        with self.read() as connection:
            verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        if verdict != "ok":
            raise LedgerDamaged(f"The ledger is damaged: {verdict}.")

    def compact_log(self) -> bool:
        """Fold the write-ahead log into the ledger file, so that the log stays short; False if somebody is reading it.

        It never waits: while it waited for a reader that hangs, no role could commit.
        """
        with _ledger_faults():
            self._connection.execute("PRAGMA busy_timeout = 0")
            try:
                return not self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF in _IN_USE:
                    return False
                raise
            finally:
                self._connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_TIMEOUT_S * 1000)}")


@contextmanager
def _ledger_faults() -> Iterator[None]:
    """Turn what the disk does to SQLite into faults that say what the gateway does about them."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        primary = getattr(error, "sqlite_errorcode", 0) & 0xFF  # faults of the sqlite3 module itself carry none
        if primary == sqlite3.SQLITE_FULL:
            raise SpoolFull("The disk has no room left for the ledger.") from error
        if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise LedgerDamaged(f"The ledger is damaged: {error}.") from error
        if primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            raise GatewayError(
                f"The ledger cannot be written: {error}.",
                disposition=Disposition.HALT,
                phase=Phase.SPOOL,
                remedy="Check the disk and the rights on the spool directory.",
            ) from error
        if primary in _IN_USE:
            raise GatewayError(
                f"The ledger was in use by another process for more than {_BUSY_TIMEOUT_S:.0f} s.",
                disposition=Disposition.RETRY,
                phase=Phase.SPOOL,
                remedy="If this stays, look for a process that holds the ledger open, for example a backup.",
            ) from error
        raise


@contextmanager
def _alone(spool: Path) -> Iterator[None]:
    """Let one process at a time make or migrate the ledger: two that switch a new file to WAL at once would fail."""
    descriptor = os.open(spool / _MIGRATION_LOCK, os.O_RDWR | os.O_CREAT, 0o660)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def migrations() -> list[tuple[int, str]]:
    """The numbered migrations shipped with this release, in order, as (number, SQL)."""
    folder = resources.files("gateway.spool") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(int(name.split("_", 1)[0]), (folder / name).read_text(encoding="utf-8")) for name in names]


def migrate(spool: Path) -> int:
    """Bring the ledger of `spool` to this release's schema and return its version.

    Raises
    ------
    ConfigurationError
        The ledger was written by a newer release.
    LedgerDamaged
        SQLite's integrity check fails. A ledger that takes seconds to check is left to the housekeeping, which checks
        it while the roles work already.
    """
    spool.mkdir(parents=True, exist_ok=True)
    steps = migrations()
    newest = steps[-1][0]
    database: Database | None = None
    try:
        with _alone(spool):
            database = Database(spool)
            with database.write() as connection:
                _advance(connection, steps, newest)
        if (spool / LEDGER_FILE).stat().st_size <= _CHECKED_AT_START_BYTES:
            database.check()
    finally:
        if database is not None:
            database.close()
    return newest


def is_ready(spool: Path) -> bool:
    """Whether a role has made the ledger of `spool` and brought it to this release's schema."""
    if not (spool / LEDGER_FILE).exists():
        return False
    try:
        database = Database(spool, read_only=True)
    except GatewayError:
        return False
    try:
        with database.read() as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0]) >= migrations()[-1][0]
    except GatewayError:
        return False
    finally:
        database.close()


def _advance(connection: sqlite3.Connection, steps: list[tuple[int, str]], newest: int) -> None:
    """Carry out the migrations that the ledger lacks, all of them or none."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > newest:
        raise ConfigurationError(
            f"The ledger has schema version {version}, this release knows {newest}.",
            remedy="Start the release that wrote it, or a newer one.",
        )
    for number, sql in steps:
        if number > version:
            for statement in _statements(sql):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")


def _statements(sql: str) -> Iterator[str]:
    """Split a migration into complete statements, which `executescript` would commit one by one."""
    pending = ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
