"""Real peers as processes of their own: Orthanc, and DCMTK's storescp and wlmscpfs; loopback and free ports only."""

import http.client
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from tests.support.pki import Pki
from tests.support.ports import free_port

_START_S = 20.0
_STOP_S = 10.0
_LISTENING = "0A"
_WORKLIST_FILE_UID = UID("1.2.276.0.7230010.3.1.0.1")


class PeerProcess:
    """A running peer; entering waits until it listens, leaving ends the process that was started, by its pid."""

    def __init__(
        self, command: Sequence[str], port: int, log: Path, *, environment: dict[str, str] | None = None
    ) -> None:
        if shutil.which(command[0]) is None:
            raise FileNotFoundError(f"{command[0]} is not installed, and the tests need it")
        self.port = port
        self.log = log
        self._command = list(command)
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment
            )
        deadline = time.monotonic() + _START_S
        while not is_listening(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._end()
                raise RuntimeError(
                    f"{self._command[0]} does not listen: {self.log.read_text(errors='replace')[-2000:]}"
                )
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """Process id, for tests that stop or kill the peer."""
        if self._process is None:
            raise RuntimeError("the peer was not started")
        return self._process.pid

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_S)


class Orthanc(PeerProcess):
    """Orthanc as PACS and worklist: DICOM on `port` (mutual TLS if `pki`, else plain), REST on `http_port`.

    Its certificate is ``pacs`` of the `pki`; it trusts ``ca``. Worklist items are served from `worklists`.
    """

    def __init__(
        self,
        folder: Path,
        pki: Pki | None,
        *,
        ae_title: str = "TESTPACS",
        port: int = 0,
        certificate: str = "pacs",
        settings: dict[str, Any] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ae_title = ae_title
        self.http_port = free_port()
        self.worklists = folder / "worklists"
        self.worklists.mkdir(exist_ok=True)
        port = port or free_port()
        configuration = folder / "orthanc.json"
        content = self._settings(folder, pki, port, certificate) | (settings or {})
        configuration.write_text(json.dumps(content, indent=1))
        super().__init__(["Orthanc", str(configuration)], port, folder / "orthanc.log")

    def _settings(self, folder: Path, pki: Pki | None, port: int, certificate: str) -> dict[str, Any]:
        general: dict[str, Any] = {
            "Name": self.ae_title,
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "Plugins": ["/usr/share/orthanc/plugins/libModalityWorklists.so"],
            "Worklists": {"Enable": True, "Database": str(self.worklists)},
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAet": self.ae_title,
            "DicomPort": port,
            "DicomCheckCalledAet": True,
            "DicomAlwaysAllowEcho": True,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowFindWorklist": True,
            "DicomCheckModalityHost": False,
            "AcceptedTransferSyntaxes": ["1.2.840.10008.1.*"],
            "UnknownSopClassAccepted": True,
            "OverwriteInstances": False,
            "DefaultEncoding": "Utf8",
            "StableAge": 1,
            "TcpNoDelay": True,
            "DicomTlsEnabled": pki is not None,
        }
        if pki is None:
            return general
        return general | {
            "DicomTlsCertificate": str(pki.certificate(certificate)),
            "DicomTlsPrivateKey": str(pki.key(certificate)),
            "DicomTlsTrustedCertificates": str(pki.certificate("ca")),
            "DicomTlsRemoteCertificateRequired": True,
        }

    def rest(self, path: str) -> Any:
        """The JSON answer of the REST interface to ``GET path``."""
        return json.loads(self.raw(path))

    def raw(self, path: str) -> bytes:
        """The bytes of ``GET path``."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=20) as answer:
            data: bytes = answer.read()
            return data

    def instances(self) -> list[str]:
        """Orthanc's ids of all instances held."""
        found: list[str] = self.rest("/instances")
        return found

    def held(self) -> list[tuple[str, str]]:
        """SOP Instance UID and Orthanc's id of every instance held, a thousand in one answer."""
        found: list[tuple[str, str]] = []
        while page := self.rest(f"/instances?expand&since={len(found)}&limit=1000"):
            found += [(one["MainDicomTags"]["SOPInstanceUID"], one["ID"]) for one in page]
        return found

    def delete(self, instance: str) -> None:
        """Lose an instance, as an archive after a restore does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=20)
        connection.request("DELETE", f"/instances/{instance}")
        assert connection.getresponse().status == http.HTTPStatus.OK
        connection.close()

    def file_of(self, instance: str) -> bytes:
        """The Part 10 file that Orthanc holds for an instance."""
        return self.raw(f"/instances/{instance}/file")

    def tags_of(self, instance: str) -> dict[str, Any]:
        """The attributes of an instance by keyword, as Orthanc reads them."""
        found: dict[str, Any] = self.rest(f"/instances/{instance}/simplified-tags")
        return found


class StoreScp(PeerProcess):
    """DCMTK's storescp; `options` are its own (``--abort-after``, ``--sleep-after 5``, ``+xi`` ...)."""

    def __init__(self, folder: Path, pki: Pki | None, *options: str, ae_title: str = "STORESCP", port: int = 0) -> None:
        self.received = folder / "received"
        self.received.mkdir(parents=True, exist_ok=True)
        self.ae_title = ae_title
        port = port or free_port()
        syntaxes = [] if {"+xi", "+x=", "+xe", "+xs"} & set(options) else ["+xa"]
        tls = []
        if pki is not None:
            tls = ["+tls", str(pki.key("pacs")), str(pki.certificate("pacs")), "+cf", str(pki.certificate("ca"))]
        command = ["storescp", "-aet", ae_title, *syntaxes, *tls, *options, "-od", str(self.received), str(port)]
        # DCMTK leaves Nagle's algorithm on, which delays every small answer by 40 ms.
        super().__init__(command, port, folder / "storescp.log", environment={"TCP_NODELAY": "1"})

    def files(self) -> list[Path]:
        """What was received and written."""
        return sorted(path for path in self.received.iterdir() if path.is_file())


class WorklistScp(PeerProcess):
    """DCMTK's wlmscpfs over plain TCP; `character_set` is ``-csk`` (honest), ``-cs0`` (drops it) or ``-cs1``."""

    def __init__(
        self,
        folder: Path,
        items: Sequence[Dataset],
        *options: str,
        character_set: str = "-csk",
        ae_title: str = "WLSCP",
        port: int = 0,
    ) -> None:
        self.ae_title = ae_title
        database = folder / ae_title
        write_worklist(database, items)
        (database / "lockfile").touch()
        port = port or free_port()
        command = ["wlmscpfs", character_set, *options, "-dfp", str(folder), str(port)]
        super().__init__(command, port, folder / "wlmscpfs.log", environment={"TCP_NODELAY": "1"})


def write_worklist(folder: Path, items: Sequence[Dataset]) -> None:
    """Write worklist items as the ``.wl`` files that wlmscpfs and Orthanc serve, replacing those there."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.wl"):
        old.unlink()
    for number, item in enumerate(items):
        item.file_meta = FileMetaDataset()
        item.file_meta.MediaStorageSOPClassUID = _WORKLIST_FILE_UID
        item.file_meta.MediaStorageSOPInstanceUID = UID(f"2.25.{number + 1}")
        item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        item.save_as(folder / f"{number}.wl", enforce_file_format=True)


def is_listening(port: int) -> bool:
    """Whether some process of this machine listens on a TCP port; asks the kernel, so that no peer sees a probe."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                return True
    return False
