"""The real gateway as an engineer sets it up and runs it: a folder with its configuration, its command, its devices."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.bootstrap.people import open_status
from gateway.bootstrap.settings import load_configuration
from gateway.domain.views import AcquisitionView
from gateway.spool.database import is_ready
from gateway.spool.status import LedgerStatus
from tests.support.ports import free_port

ZONE = ZoneInfo("Asia/Kolkata")
_PATIENCE_S = 60.0

_STATION = """\
[station]
name = "Rampur room 3"
ae_title = "BOX"
institution = "District Hospital Rampur"
serial_number = "GW-0042"
time_zone = "Asia/Kolkata"

[spool]
path = "spool"
floor_mib = 1

[web]
port = {web_port}
"""
_TIMEOUTS = "timeouts = { connect_s = 3, tls_s = 3, association_s = 5, response_s = 10, stall_s = 5 }\n"
_RETRY = "retry = { base_s = 0.2, cap_s = 2 }\n"


def photo_device(
    name: str = "photo", *, rule: str = "accession_number", file_name: str = "(?P<accession_number>[A-Z0-9]+)\\..*"
) -> str:
    """A device file for a camera that writes pictures below ``drop``, each named by what its order is found by."""
    return f"""\
profile = "photo-camera-folder"
[source]
path = "drop/{name}"
settle_s = 0.2
poll_s = 0.5
after = "delete"
[hints]
file_name = '{file_name}'
[match]
rules = ["{rule}"]
modalities = []
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer in the configuration; `more` are further lines of its table."""

    kind: str
    name: str
    port: int
    ae_title: str
    tls: bool = False
    more: str = ""

    def text(self, pki: Path) -> str:
        lines = f'[[{self.kind}]]\nname = "{self.name}"\naddress = "localhost:{self.port}"\n'
        lines += f'ae_title = "{self.ae_title}"\n{self.more}{_TIMEOUTS}'
        if self.kind == "destination":
            lines += _RETRY
        if self.tls:
            files = f'ca = "{pki}/ca.crt", certificate = "{pki}/box.crt", key = "file:{pki}/box.key"'
            lines += f"tls = {{ {files} }}\n"
        return lines


class Box:
    """One gateway: `devices` are the texts of its device files by name, each with a folder below ``drop``.

    `more` are further tables of its ``gateway.toml``.
    """

    def __init__(
        self, root: Path, pki: Path, peers: Sequence[Peer], devices: dict[str, str], *, more: str = ""
    ) -> None:
        self.root = root
        self.config = root / "gateway.toml"
        self._pki = pki
        self._more = more
        self._web_port = free_port()
        (root / "devices").mkdir(parents=True)
        self.configure(peers)
        for name, text in devices.items():
            self.folder(name).mkdir(parents=True)
            (root / "devices" / f"{name}.toml").write_text(text, encoding="utf-8")
        self.log = root / "gateway.log"

    def configure(self, peers: Sequence[Peer]) -> None:
        """Write ``gateway.toml``."""
        text = _STATION.format(web_port=self._web_port) + "\n".join(peer.text(self._pki) for peer in peers)
        self.config.write_text(text + self._more, encoding="utf-8")

    def folder(self, device: str) -> Path:
        return self.root / "drop" / device

    def drop(self, device: str, name: str, data: bytes) -> Path:
        """Write a file as a device does: slowly enough to be seen half done, under its final name."""
        path = self.folder(device) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            stream.write(data[: len(data) // 2])
            stream.flush()
            stream.write(data[len(data) // 2 :])
        return path

    @contextmanager
    def running(self) -> Iterator[None]:
        """All roles under their supervisor; at the end SIGTERM, and a clean exit."""
        command = [sys.executable, "-m", "gateway", "--config", str(self.config), "run"]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.until(lambda: is_ready(self.root / "spool"), "no ledger")
            yield
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(_PATIENCE_S) == 0, self.log.read_text()[-4000:]
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def command(self, *arguments: str) -> str:
        """What a command prints; it must succeed."""
        done = subprocess.run(
            [sys.executable, "-m", "gateway", "--config", str(self.config), *arguments],
            capture_output=True, text=True, check=False, timeout=_PATIENCE_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def status(self) -> LedgerStatus:
        return open_status(load_configuration(self.config))

    def rows(self) -> list[AcquisitionView]:
        """All acquisitions, the oldest first; none before the ledger is there."""
        return sorted(self.status().acquisitions(limit=1000), key=lambda row: row.id)

    def row(self, name: str) -> AcquisitionView:
        """The only acquisition of a file of that name."""
        (found,) = [row for row in self.rows() if row.display_name == name]
        return found

    def stored_at(self, destination: str) -> int:
        """How many instances a destination has proven to hold."""
        deliveries = [d for row in self.rows() for d in row.deliveries if d.destination == destination]
        return sum(d.state == "stored" for d in deliveries)

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for something that other processes bring about."""
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"{what}\n{self._story()}"
            time.sleep(0.1)

    def _story(self) -> str:
        """What the gateway says about itself, for a test that failed."""
        rows = "\n".join(
            f"{row.device} {row.display_name} {row.state} {row.reason} "
            f"{[(d.destination, d.state, d.error) for d in row.deliveries]}"
            for row in self.rows()
        )
        return f"{rows}\n{self.log.read_text(errors='replace')[-4000:]}"


def now() -> datetime:
    """The moment on the station's clock."""
    return datetime.now(ZONE)
