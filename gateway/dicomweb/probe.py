"""A DICOMweb service, told layer by layer: name, connect, TLS, service, each with its time; nothing is stored."""

import socket
import time
from dataclasses import dataclass

from gateway.dicomweb.answer import read_datasets
from gateway.dicomweb.http_session import HttpAnswer, HttpSession
from gateway.dicomweb.multipart import StoreBody
from gateway.dicomweb.peer import StowPeer
from gateway.dicomweb.statuses import concerns_the_service, refused, succeeded
from gateway.dicomweb.wire import TlsFacts, Wire, connect, resolve, secure
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.identifiers import mint_uid

LAYERS = ("name", "connect", "TLS", "service")
_LAYER_OF = {Phase.CONFIGURE: "TLS", Phase.RESOLVE: "name", Phase.CONNECT: "connect", Phase.TLS: "TLS"}
_NO_QUERY = frozenset({404, 405, 501})


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """What one layer said; `milliseconds` is the time it took. A layer that was not reached has no step."""

    layer: str
    ok: bool
    detail: str
    milliseconds: float
    remedy: str = ""


def probe(peer: StowPeer) -> list[ProbeStep]:
    """Probe `peer` down to an answer of the service itself.

    The service is asked for an instance that nobody has; where it knows no queries, for an empty store.

    Returns
    -------
    list of ProbeStep
        One step a layer in order; the last one is the layer that failed, if one did.
    """
    under_way = _Probe(peer)
    try:
        under_way.run()
    except GatewayError as fault:
        under_way.failed(fault)
    finally:
        under_way.close()
    return under_way.steps


class _Probe:
    """One probe under way: the steps so far and what must be closed at the end."""

    def __init__(self, peer: StowPeer) -> None:
        self.steps: list[ProbeStep] = []
        self._peer = peer
        self._started = time.monotonic()
        self._socket: socket.socket | None = None
        self._wire: Wire | None = None

    def run(self) -> None:
        """Go through the layers; the first fault is raised."""
        addresses = resolve(self._peer)
        self._passed("name", ", ".join(dict.fromkeys(str(target[0]) for _, target in addresses)))
        self._socket = connect(self._peer)
        self._passed("connect", f"port {self._peer.port} open")
        self._wire = secure(self._peer, self._socket)
        self._passed("TLS", _tls_text(self._wire.tls_facts()))
        session = HttpSession(self._peer, self._wire)
        self._passed("service", self._ask(session))
        session.close()

    def failed(self, fault: GatewayError) -> None:
        """Add the step of the layer at fault; a late TLS refusal takes back what the handshake had promised."""
        layer = _LAYER_OF.get(fault.phase, "service")
        self.steps = [step for step in self.steps if LAYERS.index(step.layer) < LAYERS.index(layer)]
        self.steps.append(
            ProbeStep(layer, ok=False, detail=fault.message, milliseconds=self._lap(), remedy=fault.remedy)
        )

    def close(self) -> None:
        """End whatever was opened."""
        if self._wire is not None:
            self._wire.close()
        elif self._socket is not None:
            self._socket.close()

    def _ask(self, session: HttpSession) -> str:
        query = f"/instances?SOPInstanceUID={mint_uid()}"
        answer = session.ask("GET", query, headers={"Accept": "application/dicom+json"})
        if answer.status not in _NO_QUERY:
            self._check(answer)
            return "answered a query"
        empty = StoreBody(())
        answer = session.ask(
            "POST", "/studies", headers={"Content-Type": empty.content_type}, content=empty, size=empty.size
        )
        if not succeeded(answer.status) and concerns_the_service(answer):
            raise refused(self._peer, answer)
        return "answered an empty store"

    def _check(self, answer: HttpAnswer) -> None:
        if not succeeded(answer.status):
            raise refused(self._peer, answer)
        if answer.body.strip() and not read_datasets(answer) and answer.body.strip() != b"[]":
            raise GatewayError(
                f"{self._peer.name} answers, but not in DICOM JSON: this is no DICOMweb service.",
                disposition=Disposition.PARK,
                phase=Phase.RESPONSE,
                remedy="Check the URL, and that no log-in page stands in between.",
            )

    def _passed(self, layer: str, detail: str) -> None:
        self.steps.append(ProbeStep(layer, ok=True, detail=detail, milliseconds=self._lap()))

    def _lap(self) -> float:
        now = time.monotonic()
        elapsed, self._started = now - self._started, now
        return elapsed * 1000


def _tls_text(facts: TlsFacts) -> str:
    version = facts.version.replace("TLSv", "TLS ")
    subject = f", CN={facts.subject}" if facts.subject else ""
    expires = f", until {facts.expires}" if facts.expires else ""
    return f"{version}{subject}{expires}"
