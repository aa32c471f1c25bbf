"""Peers by another hand: dcmjs-dimse under Node, installed by npm into a folder of the test run."""

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.support.peers import PeerProcess
from tests.support.ports import free_port

_PACKAGE = "dcmjs-dimse@0.3.3"
_INSTALL_S = 300
_SCRIPT = Path(__file__).with_name("mpps_scp.js")
_ARCHIVE = Path(__file__).with_name("archive_scp.js")


def install(folder: Path) -> Path:
    """Install the library into `folder` by the machine's npm, without its packages' scripts and without a lock file."""
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not installed, and the tests need it")
    (folder / "package.json").write_text('{"name": "test-peer", "private": true}')
    quiet = ["--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([npm, "install", *quiet, _PACKAGE], cwd=folder, check=True, capture_output=True, timeout=_INSTALL_S)
    return folder


class NodePeer(PeerProcess):
    """A peer of Node on `port` of loopback (0: a free one) that writes what it took.

    `installed` is the folder of `install`.
    """

    def __init__(self, script: Path, installed: Path, folder: Path, *arguments: str, port: int = 0) -> None:
        self._out = folder / "messages.jsonl"
        port = port or free_port()
        command = ["node", str(script), str(port), str(self._out), str(installed), *arguments]
        super().__init__(command, port, folder / "node.log")

    def messages(self, count: int, timeout_s: float = 10.0) -> list[dict[str, Any]]:
        """What the SCP took, at least `count` messages, in order."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            lines = self._out.read_text(encoding="utf-8").splitlines() if self._out.exists() else []
            if len(lines) >= count:
                return [json.loads(line) for line in lines]
            time.sleep(0.05)
        raise TimeoutError(f"fewer than {count} messages: {self.log.read_text(errors='replace')[-2000:]}")


class NodeMpps(NodePeer):
    """The MPPS SCP: remembers its steps in `folder`, cuts the connection after these messages instead of answering."""

    def __init__(self, installed: Path, folder: Path, *, cut_after: tuple[int, ...] = (), port: int = 0) -> None:
        super().__init__(_SCRIPT, installed, folder, ",".join(str(number) for number in cut_after), port=port)


class NodeArchive(NodePeer):
    """An archive that stores and commits; it reports to the listener at `report_to`, 0: on the same association."""

    def __init__(self, installed: Path, folder: Path, *, report_to: int = 0) -> None:
        super().__init__(_ARCHIVE, installed, folder, str(report_to))
