"""Peers that cut the gateway's power at a moment of their choice: each rung of the ladder of proof has such moments."""

import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from types import TracebackType
from typing import Any, Self

from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.association import Association
from pynetdicom.events import Event

from gateway.dimse.commitment_report import COMMITMENT_UID
from gateway.dimse.demo_commitment import DemoCommitment, ReportsTo
from gateway.dimse.query_back import STUDY_ROOT_FIND_UID
from tests.support.dicomweb import Caller, Request, ScriptedService, store_answer
from tests.support.pki import Pki

_DATA_PDU = 4
_JOIN_S = 5.0


class PowerCut:
    """Ends the process that `arm` names, once, at the moment that it names."""

    def __init__(self) -> None:
        self._moment = ""
        self._kill: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def arm(self, moment: str, kill: Callable[[], None]) -> None:
        """Let `kill` be called when the peer comes to `moment`."""
        with self._lock:
            self._moment, self._kill = moment, kill

    def at(self, moment: str) -> bool:
        """The peer is at `moment`; whether the power failed here."""
        with self._lock:
            if moment != self._moment or self._kill is None:
                return False
            kill, self._kill = self._kill, None
        kill()
        return True


class LadderPeer:
    """What a peer holds and has said, whichever protocol it speaks."""

    moments: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.cut = PowerCut()
        self.held: dict[str, set[str]] = {}
        """Digests of the data sets that came under each SOP Instance UID: one, however often it was sent."""
        self.when_asked: Callable[[], None] | None = None
        """Called once, at the first request for proof."""
        self.vouched: set[str] = set()
        """What a report or a query's answer has named as kept."""

    def keep(self, uid: str, data: bytes) -> None:
        """Hold an instance."""
        self.held.setdefault(uid, set()).add(sha256(data).hexdigest())


class DimsePeer(LadderPeer):
    """A PACS by pynetdicom: stores, commits (on the same association, or on a new one to `reports_to`), is queried."""

    def __init__(self, *, reports_to: ReportsTo | None = None) -> None:
        super().__init__()
        self._entity = AE(ae_title="PACS")
        for context in [*AllStoragePresentationContexts]:
            self._entity.add_supported_context(str(context.abstract_syntax))
        for abstract in (COMMITMENT_UID, STUDY_ROOT_FIND_UID):
            self._entity.add_supported_context(abstract)
        self._commitment = _Commitment(self, reports_to)
        self._answering = ""
        self._server: Any = None

    def __enter__(self) -> Self:
        handlers: list[Any] = [
            (evt.EVT_ACCEPTED, self._called),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_DATA_SENT, self._sent),
            (evt.EVT_N_ACTION, self._commitment.request),
            (evt.EVT_C_FIND, self._find),
        ]
        self._server = self._entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        associations: list[Association] = self._server.active_associations
        self._server.shutdown()
        for one in associations:
            one.abort()
            one.join(_JOIN_S)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.socket.getsockname()[1])

    def _called(self, event: Event) -> None:
        for context in event.assoc.accepted_contexts:
            if context.abstract_syntax in {COMMITMENT_UID, STUDY_ROOT_FIND_UID}:
                self.cut.at("called for proof")
                return
        self.cut.at("called")

    def _store(self, event: Event) -> int:
        if self.cut.at("offered"):
            return 0xA700
        self.keep(str(getattr(event.request, "AffectedSOPInstanceUID", "")), event.encoded_dataset(include_meta=False))
        self.cut.at("stored, not answered")
        self._answering = "store answered"
        return 0

    def _sent(self, event: Event) -> None:
        if self._answering and event.data[0] == _DATA_PDU:
            moment, self._answering = self._answering, ""
            self.cut.at(moment)

    def _find(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        self.cut.at("queried")
        query = event.identifier
        wanted = query.SOPInstanceUID
        for uid in [wanted] if isinstance(wanted, str) else list(wanted):
            if uid in self.held:
                match = Dataset()
                match.QueryRetrieveLevel = "IMAGE"
                match.StudyInstanceUID, match.SeriesInstanceUID = query.StudyInstanceUID, query.SeriesInstanceUID
                match.SOPInstanceUID = uid
                self.vouched.add(uid)
                yield 0xFF00, match
                self.cut.at("query half answered")
        self._answering = "query answered"


class _Commitment(DemoCommitment):
    """Commits to what the peer holds."""

    def __init__(self, peer: DimsePeer, reports_to: ReportsTo | None) -> None:
        super().__init__("PACS", peer.held.__contains__, reports_to)
        self._peer = peer

    def request(self, event: Event) -> tuple[int, Dataset | None]:
        if self._peer.when_asked is not None:
            self._peer.when_asked()
            self._peer.when_asked = None
        self._peer.cut.at("commitment asked")
        return super().request(event)

    def _bring(self, association: Association, report: Dataset) -> None:
        self._peer.cut.at("request answered")
        self._peer.vouched |= {str(item.ReferencedSOPInstanceUID) for item in report.get("ReferencedSOPSequence", [])}
        threading.Timer(0.0, self._watch, (len(self.answers),)).start()
        super()._bring(association, report)

    def _watch(self, before: int) -> None:
        """The moment of a report that is under way, and that of its answer."""
        self._peer.cut.at("report sent")
        deadline = time.monotonic() + _JOIN_S
        while len(self.answers) == before and time.monotonic() < deadline:
            time.sleep(0.002)
        self._peer.cut.at("report answered")


class WebPeer(LadderPeer):
    """A DICOMweb service that stores and is queried, over HTTPS."""

    def __init__(self, pki: Pki) -> None:
        super().__init__()
        self._service = ScriptedService(pki, self._talk, at_once=True)

    def __enter__(self) -> Self:
        self._service.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._service.__exit__(kind, fault, trace)

    @property
    def url(self) -> str:
        """The base of the service."""
        return self._service.url

    def _talk(self, caller: Caller) -> None:
        while True:
            request = caller.read()
            if request.method == "POST":
                self._post(caller, request)
            else:
                self._get(caller, request)

    def _post(self, caller: Caller, request: Request) -> None:
        if self.cut.at("offered"):
            raise EOFError
        for uid, data in _parts(request):
            self.keep(uid, data)
        self.cut.at("stored, not answered")
        self._answer(caller, store_answer(request.uids), "store")

    def _get(self, caller: Caller, request: Request) -> None:
        self.cut.at("queried")
        wanted = request.target.partition("=")[2].split(",")
        found = [uid for uid in wanted if uid in self.held]
        self.vouched |= set(found)
        self._answer(caller, [{"00080018": {"vr": "UI", "Value": [uid]}} for uid in found], "query")

    def _answer(self, caller: Caller, body: object, what: str) -> None:
        whole = _Recorder()
        Caller.answer(whole, 200, body)  # type: ignore[arg-type] # writes to whatever has a `sock`
        half = len(whole.data) // 2
        caller.sock.sendall(whole.data[:half])
        self.cut.at(f"{what} half answered")
        caller.sock.sendall(whole.data[half:])
        self.cut.at(f"{what} answered")


class _Recorder:
    """Stands in for a caller, and for its socket, to learn the bytes of an answer."""

    def __init__(self) -> None:
        self.data = b""
        self.sock = self

    def sendall(self, data: bytes) -> None:
        """Keep what would be sent."""
        self.data += data


def _parts(request: Request) -> Iterator[tuple[str, bytes]]:
    """SOP Instance UID and bytes of each part of a store request."""
    boundary = request.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    for part in request.body.split(b"--" + boundary)[1:-1]:
        data = part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        yield str(dcmread(DicomBytesIO(data), stop_before_pixels=True).SOPInstanceUID), data
