"""An MPPS SCP by another hand: dcmjs-dimse under Node, installed by npm into a folder of the test run."""

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.support.peers import PeerProcess, free_port

_PACKAGE = "dcmjs-dimse@0.3.3"
_INSTALL_S = 300
_SCRIPT = Path(__file__).with_name("mpps_scp.js")


def install(folder: Path) -> Path:
    """Install the library into `folder` by the machine's npm, without its packages' scripts and without a lock file."""
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not installed, and the tests need it")
    (folder / "package.json").write_text('{"name": "mpps-test-peer", "private": true}')
    quiet = ["--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([npm, "install", *quiet, _PACKAGE], cwd=folder, check=True, capture_output=True, timeout=_INSTALL_S)
    return folder


class NodeMpps(PeerProcess):
    """The SCP on a free port of loopback; `installed` is the folder of `install`."""

    def __init__(self, installed: Path, folder: Path) -> None:
        self._out = folder / "messages.jsonl"
        port = free_port()
        super().__init__(["node", str(_SCRIPT), str(port), str(self._out), str(installed)], port, folder / "node.log")

    def messages(self, count: int, timeout_s: float = 10.0) -> list[dict[str, Any]]:
        """What the SCP took, at least `count` messages, in order."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            lines = self._out.read_text(encoding="utf-8").splitlines() if self._out.exists() else []
            if len(lines) >= count:
                return [json.loads(line) for line in lines]
            time.sleep(0.05)
        raise TimeoutError(f"fewer than {count} messages: {self.log.read_text(errors='replace')[-2000:]}")
