"""C-ECHO, told layer by layer: name, connect, TLS, association, echo, each with its time."""

import socket
import time
from dataclasses import dataclass

from gateway.dimse import messages
from gateway.dimse.association import Association
from gateway.dimse.link import Link, TlsFacts, connect, resolve, secure
from gateway.dimse.negotiation import Proposal
from gateway.dimse.opening import negotiate
from gateway.dimse.peer import Peer
from gateway.dimse.rejections import CONTEXT_RESULTS
from gateway.dimse.store import UNCOMPRESSED
from gateway.domain.errors import Disposition, GatewayError, Phase

VERIFICATION_UID = "1.2.840.10008.1.1"
_LAYERS = ("name", "connect", "TLS", "association", "echo")
_LAYER_OF = {Phase.CONFIGURE: "TLS", Phase.RESOLVE: "name", Phase.CONNECT: "connect", Phase.TLS: "TLS"}


@dataclass(frozen=True, slots=True)
class EchoStep:
    """What one layer said; `milliseconds` is the time it took. A layer that was not reached has no step."""

    layer: str
    ok: bool
    detail: str
    milliseconds: float
    remedy: str = ""


def echo(peer: Peer) -> list[EchoStep]:
    """Probe `peer` down to a C-ECHO.

    Returns
    -------
    list of EchoStep
        One step a layer in order; the last one is the layer that failed, if one did. ``TLS`` is left out for a
        plain peer.

    References
    ----------
    PS3.4 Annex A (Verification Service Class).
    """
    probe = _Probe(peer)
    try:
        probe.run()
    except GatewayError as fault:
        probe.failed(fault)
    finally:
        probe.close()
    return probe.steps


class _Probe:
    """One echo under way: the steps so far and what must be closed at the end."""

    def __init__(self, peer: Peer) -> None:
        self.steps: list[EchoStep] = []
        self._peer = peer
        self._started = time.monotonic()
        self._socket: socket.socket | None = None
        self._link: Link | None = None
        self._association: Association | None = None

    def run(self) -> None:
        """Go through the layers; the first fault is raised."""
        addresses = resolve(self._peer)
        self._passed("name", ", ".join(dict.fromkeys(str(target[0]) for _, target in addresses)))
        self._socket = connect(self._peer)
        self._passed("connect", f"port {self._peer.port} open")
        self._link = secure(self._peer, self._socket)
        facts = self._link.tls_facts()
        if facts is not None:
            self._passed("TLS", _tls_text(facts))
        self._association = negotiate(self._link, _proposals())
        self._passed("association", f"accepted as {self._peer.called_ae_title}")
        self._passed("echo", self._ask(self._association))

    def failed(self, fault: GatewayError) -> None:
        """Add the step of the layer at fault; a late TLS refusal takes back what the handshake had promised."""
        layer = _LAYER_OF.get(fault.phase, "echo" if self._association else "association")
        self.steps = [step for step in self.steps if _LAYERS.index(step.layer) < _LAYERS.index(layer)]
        self.steps.append(
            EchoStep(layer, ok=False, detail=fault.message, milliseconds=self._lap(), remedy=fault.remedy)
        )

    def close(self) -> None:
        """End whatever was opened."""
        if self._association is not None:
            self._association.release()
        elif self._link is not None:
            self._link.close()
        elif self._socket is not None:
            self._socket.close()

    def _ask(self, association: Association) -> str:
        context = association.agreement.context_for(VERIFICATION_UID, UNCOMPRESSED)
        if context is None:
            result = association.agreement.contexts[0].result
            raise GatewayError(
                f"{self._peer.name} does not take a C-ECHO ({CONTEXT_RESULTS.get(result, 'no reason')}).",
                disposition=Disposition.PARK,
                phase=Phase.RESPONSE,
                remedy="Ask its administrator to allow verification; storing may work all the same.",
            )
        message_id = association.next_message_id()
        association.send(context.context_id, messages.echo_request(message_id, VERIFICATION_UID))
        answer = association.receive(self._peer.timeouts.response_s, max_data_bytes=0, what="the echo")
        status = association.expect(answer, messages.C_ECHO_RSP, message_id)
        if status != 0:
            raise association.fault(Phase.RESPONSE, f"it answered the echo with status {status:04X}")
        return "answered"

    def _passed(self, layer: str, detail: str) -> None:
        self.steps.append(EchoStep(layer, ok=True, detail=detail, milliseconds=self._lap()))

    def _lap(self) -> float:
        now = time.monotonic()
        elapsed, self._started = now - self._started, now
        return elapsed * 1000


def _proposals() -> tuple[Proposal, ...]:
    return (Proposal(VERIFICATION_UID, UNCOMPRESSED),)


def _tls_text(facts: TlsFacts) -> str:
    version = facts.version.replace("TLSv", "TLS ")
    subject = f", CN={facts.subject}" if facts.subject else ""
    expires = f", until {facts.expires}" if facts.expires else ""
    return f"{version}{subject}{expires}"
