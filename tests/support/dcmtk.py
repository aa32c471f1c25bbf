"""DCMTK's storescp as a plain peer in its own process, ended by its own process id."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from pydicom import dcmread


def rejected_call(port: int, called_ae_title: str) -> str:
    """What echoscu says of an association that is rejected; pynetdicom takes one for an abort now and then."""
    command = ["echoscu", "-aec", called_ae_title, "127.0.0.1", str(port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0, "it was not rejected"
    return done.stderr


@contextmanager
def storescp(folder: Path, port: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A running storescp that writes to `folder` as it receives."""
    folder.mkdir(exist_ok=True)
    command = ["storescp", "-aet", "PACS", "-od", str(folder), "+xa", "-B", *options, str(port)]
    environment = {**os.environ, "TCP_NODELAY": "1"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        await_listening(port, process)
        yield process
    finally:
        process.terminate()
        process.wait(10)


def await_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return once somebody listens; fails when the process ends before."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("storescp does not listen")


def received(folder: Path) -> dict[str, tuple[str, np.ndarray]]:
    """What storescp holds: SOP Instance UID to (accession number, pixels)."""
    found = {}
    for path in folder.iterdir():
        dataset = dcmread(path)
        found[str(dataset.SOPInstanceUID)] = (str(dataset.AccessionNumber), np.asarray(dataset.pixel_array))
    assert len(found) == len(list(folder.iterdir())), "two files of one instance"
    return found
