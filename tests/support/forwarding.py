"""The real forward role as a process of its own: configuration, life, memory, and what the ledger says it did."""

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway.spool.database import LEDGER_FILE, migrate

_STATION = """\
[station]
name = "Test room"
ae_title = "BOX"
time_zone = "UTC"

[spool]
path = "{spool}"
floor_mib = 0
"""

_DESTINATION = """\

[[destination]]
name = "{name}"
address = "{address}"
ae_title = "{ae_title}"
timeouts = {{ {timeouts} }}
retry = {{ base_s = {base_s}, cap_s = {cap_s} }}
{extra}
"""
_STOP_S = 40.0


@dataclass(frozen=True, slots=True)
class Target:
    """One destination of a test's configuration; `extra` is TOML of the destination's table."""

    name: str
    address: str
    ae_title: str = "PACS"
    connect_s: float = 2
    tls_s: float = 2
    association_s: float = 2
    response_s: float = 2
    stall_s: float = 3
    base_s: float = 0.2
    cap_s: float = 1
    extra: str = ""

    def toml(self) -> str:
        """The destination's table."""
        waits = ("connect_s", "tls_s", "association_s", "response_s", "stall_s")
        timeouts = ", ".join(f"{wait} = {getattr(self, wait):g}" for wait in waits)
        return _DESTINATION.format(
            name=self.name, address=self.address, ae_title=self.ae_title, timeouts=timeouts, base_s=self.base_s,
            cap_s=self.cap_s, extra=self.extra,
        )  # fmt: skip


class ForwardRole:
    """A gateway that only forwards: enter it to have ``gateway run forward`` running, leave it to have it ended.

    Parameters
    ----------
    wrap
        Puts the command elsewhere, for example into a network namespace.
    more
        TOML that follows the destinations.
    """

    def __init__(
        self, root: Path, targets: Sequence[Target], *, wrap: Callable[..., list[str]] | None = None, more: str = ""
    ) -> None:
        self.root = root
        self.spool = root / "spool"
        root.mkdir(parents=True, exist_ok=True)
        self.log = root / "forward.log"
        self._config = root / "gateway.toml"
        self._config.write_text(_STATION.format(spool=self.spool) + "".join(one.toml() for one in targets) + more)
        self._wrap = wrap or (lambda *command: list(command))
        self._process: subprocess.Popen[bytes] | None = None
        migrate(self.spool)

    def __enter__(self) -> Self:
        command = self._wrap(sys.executable, "-m", "gateway", "--config", str(self._config), "run", "forward")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    @property
    def pid(self) -> int:
        """Process id of the role."""
        if self._process is None:
            raise RuntimeError("the role was not started")
        return self._process.pid

    def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)

    def stop(self, within_s: float) -> int:
        """Ask it to end, as a service manager does, and wait no longer than that; its exit code."""
        if self._process is None:
            raise RuntimeError("the role was not started")
        self._process.terminate()
        return self._process.wait(within_s)

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def await_end(self, within_s: float, saying: str) -> None:
        """Wait until it was killed; fail with the sentence and the end of its log if it lives on."""
        if self._process is None:
            raise RuntimeError("the role was not started")
        try:
            code = self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            code = 0
        assert code == -signal.SIGKILL, f"{saying}\n{self.log.read_text(errors='replace')[-4000:]}"

    def read_of(self, path: Path) -> int:
        """Bytes that it has read so far of a file that it has open; 0 if it has not."""
        folder = Path(f"/proc/{self.pid}")
        for descriptor in (folder / "fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                if descriptor.readlink() == path:
                    return int((folder / "fdinfo" / descriptor.name).read_text().split()[1])
        return 0

    def resident_mb(self, which: str = "VmRSS") -> float:
        """Resident memory now (``VmRSS``) or at most so far (``VmHWM``), in 10**6 bytes."""
        return resident_mb(self.pid, which)

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """What a query of the ledger gives."""
        with sqlite3.connect(f"{(self.spool / LEDGER_FILE).as_uri()}?mode=ro", uri=True, timeout=30) as connection:
            connection.row_factory = sqlite3.Row
            found = [dict(row) for row in connection.execute(sql, values)]
        connection.close()
        return found

    def states(self, destination: str = "") -> dict[str, int]:
        """How many deliveries are in which state."""
        where = " WHERE destination = ?" if destination else ""
        values = (destination,) if destination else ()
        sql = f"SELECT state, count(*) AS n FROM delivery{where} GROUP BY state"  # noqa: S608 - the clause is a literal
        return {row["state"]: row["n"] for row in self.rows(sql, *values)}

    def attempts(self, destination: str) -> list[dict[str, Any]]:
        """Every recorded attempt at a destination, oldest first."""
        return self.rows(
            "SELECT attempt.* FROM attempt JOIN delivery ON delivery.id = attempt.delivery"
            " WHERE delivery.destination = ? ORDER BY attempt.id",
            destination,
        )

    def destination(self, name: str) -> dict[str, Any]:
        """The row of a destination."""
        return (self.rows("SELECT * FROM destination WHERE name = ?", name) or [{}])[0]

    def await_that(self, what: Callable[[], object], within_s: float, saying: str) -> None:
        """Wait until `what` holds; fail with the sentence and the end of the role's log if it does not in time."""
        deadline = time.monotonic() + within_s
        while not what():
            assert time.monotonic() < deadline, f"{saying}\n{self.log.read_text(errors='replace')[-4000:]}"
            assert self.is_alive(), f"the role ended\n{self.log.read_text(errors='replace')[-4000:]}"
            time.sleep(0.1)

    def await_all_stored(self, count: int, within_s: float, destination: str = "") -> None:
        """Wait until `count` deliveries are stored and none is in another state."""
        self.await_that(
            lambda: self.states(destination) == {"stored": count},
            within_s,
            f"not all of {count} were stored within {within_s:g} s",
        )


def resident_mb(pid: int, which: str = "VmRSS") -> float:
    """Resident memory of a process in 10**6 bytes: now (``VmRSS``) or at most so far (``VmHWM``)."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{which}:\s+(\d+) kB", text, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024 / 1e6
