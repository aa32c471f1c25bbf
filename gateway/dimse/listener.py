"""Listens for peers that report storage commitment over an association of their own, and for their C-ECHO.

One call is served by one short-lived thread; every wait in it has a deadline, and what a report says is written down
before it is answered. A caller that is silent, talks nonsense or never ends harms only its own call.
"""

import contextlib
import logging
import socket
import threading
import time
from dataclasses import dataclass, field

from gateway.dimse import messages
from gateway.dimse.acceptance import accept, read_request, reject
from gateway.dimse.association import Association
from gateway.dimse.commitment_report import (
    COMMITMENT_SYNTAXES,
    COMMITMENT_UID,
    LARGEST_REPORT,
    TakeReport,
    answer_report,
)
from gateway.dimse.link import Link
from gateway.dimse.messages import DECODE_FAULTS, Message
from gateway.dimse.negotiation import ContextResult
from gateway.dimse.pdu_reader import read_pdu
from gateway.dimse.peer import Peer, Timeouts
from gateway.dimse.tls import TlsFiles, server_context
from gateway.domain.errors import Disposition, GatewayError, Phase

_log = logging.getLogger(__name__)
_VERIFICATION_UID = "1.2.840.10008.1.1"
_OFFERS = {COMMITMENT_UID: COMMITMENT_SYNTAXES, _VERIFICATION_UID: COMMITMENT_SYNTAXES}
_CALLS_AT_ONCE = 16
_OPEN_AT_ONCE = 64
_LARGEST_REQUEST = 1_048_576
_MAX_PDU_BYTES = 131_072
_JOIN_S = 5.0
_FAREWELL_S = 1.0
_SUCCESS, _UNRECOGNISED_OPERATION = 0x0000, 0x0211
_IS_RESPONSE = 0x8000
_CALLED_TITLE_UNKNOWN = (1, 1, 7)
_TOO_MANY = (2, 3, 2)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen, under which AE titles, and whether callers must come over mutual TLS; port 0: a free one."""

    host: str
    port: int
    ae_titles: frozenset[str]
    tls: TlsFiles | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)


class ReportListener:
    """An SCP of Verification that also takes commitment reports; `serve` it from one thread, then `close`.

    Parameters
    ----------
    take
        Called with each report, from the thread of its call; it writes the report down or raises a `GatewayError`.

    Raises
    ------
    GatewayError
        RETRY, CONNECT: the port cannot be had.
    ConfigurationError
        The TLS files cannot be used.
    """

    def __init__(self, listening: Listening, take: TakeReport) -> None:
        if listening.tls is not None:
            server_context(listening.tls)  # a fault of the files is told at the start, not to the first caller
        self._listening = listening
        self._take = take
        self._calls: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        self._socket = _bound(listening)

    @property
    def port(self) -> int:
        """The TCP port that is listened on."""
        return int(self._socket.getsockname()[1])

    def serve(self, wait_s: float) -> bool:
        """Wait up to `wait_s` seconds for a call and hand it to a thread of its own; whether one came."""
        self._socket.settimeout(wait_s)
        try:
            sock, address = self._socket.accept()
        except TimeoutError:
            return False
        except OSError as fault:  # the caller was gone before it was taken, or descriptors are short
            _log.warning("listener cannot take a call: %s", fault.strerror)
            time.sleep(min(wait_s, _FAREWELL_S))
            return False
        if len(self._calls) >= _OPEN_AT_ONCE:
            sock.close()
            return True
        thread = threading.Thread(target=self._serve_call, args=(sock, str(address[0])), name="listener", daemon=True)
        with self._lock:
            self._calls[thread] = sock
        thread.start()
        return True

    def close(self) -> None:
        """Stop listening and end the calls that are open."""
        self._socket.close()
        with self._lock:
            calls = dict(self._calls)
        for sock in calls.values():
            with contextlib.suppress(OSError):  # it may have ended by itself
                sock.shutdown(socket.SHUT_RDWR)  # wakes its thread, which closing alone does not
        for thread in calls:
            thread.join(_JOIN_S)

    def _serve_call(self, sock: socket.socket, host: str) -> None:
        caller = Peer(f"the caller {host}", host, 0, "", "", self._listening.tls, self._listening.timeouts)
        try:
            self._converse(self._secured(sock, caller))
        except GatewayError as fault:
            _log.info("call from %s ended: phase=%s %s", host, fault.phase.value, fault.message)
        except OSError as fault:  # TLS that did not come about
            _log.warning("call from %s failed: %s", host, fault.strerror or type(fault).__name__)
        finally:
            with self._lock:
                self._calls.pop(threading.current_thread(), None)
            sock.close()

    def _secured(self, sock: socket.socket, caller: Peer) -> Link:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._listening.tls is None:
            return Link(caller, sock, accepted=True)
        # read anew for each call, so that a renewed certificate serves without a restart
        context = server_context(self._listening.tls)
        sock.settimeout(caller.timeouts.tls_s)
        wrapped = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._calls[threading.current_thread()] = wrapped
        try:
            wrapped.do_handshake()
        except OSError:
            wrapped.close()
            raise
        return Link(caller, wrapped, accepted=True)

    def _converse(self, link: Link) -> None:
        try:
            association = self._associated(link)
            if association is not None:
                with association:
                    self._answer_all(association)
        except TimeoutError:
            _log.info("%s was silent", link.peer.name)
        except DECODE_FAULTS as fault:
            link.offer(messages.USER_ABORT)
            _log.warning("%s sent what cannot be read (%s)", link.peer.name, type(fault).__name__)
        finally:
            link.close()

    def _associated(self, link: Link) -> Association | None:
        """The association if it is one for us; else None after the rejection was sent."""
        deadline = time.monotonic() + link.peer.timeouts.association_s
        kind, body = read_pdu(link, deadline, Phase.NEGOTIATE, _LARGEST_REQUEST)
        if kind != messages.ASSOCIATE_RQ:
            raise ValueError(f"a PDU of type {kind} has no place here")
        call = read_request(messages.PDU_HEADER.pack(kind, 0, len(body)) + body)
        if call.called_ae_title not in self._listening.ae_titles:
            return self._rejected(link, _CALLED_TITLE_UNKNOWN, f"it calls {call.called_ae_title}")
        if len(self._calls) > _CALLS_AT_ONCE:
            return self._rejected(link, _TOO_MANY, "too many calls at once")
        pdu, agreement = accept(call, _OFFERS, _MAX_PDU_BYTES)
        link.send(pdu, Phase.NEGOTIATE)
        _log.info("association with %s, AE title %s", link.peer.name, call.calling_ae_title)
        return Association(link, agreement)

    @staticmethod
    def _rejected(link: Link, why: tuple[int, int, int], words: str) -> None:
        _log.warning("%s was rejected with %s: %s", link.peer.name, "/".join(map(str, why)), words)
        link.send(reject(*why), Phase.NEGOTIATE)
        # closing at once could make the kernel drop the rejection that is still unread
        link.read(1, time.monotonic() + _FAREWELL_S, Phase.NEGOTIATE)

    def _answer_all(self, association: Association) -> None:
        """Answer until the caller ends the association, which `receive` raises as every other end."""
        idle_s = association.peer.timeouts.response_s
        while True:
            message = association.receive(idle_s, max_data_bytes=LARGEST_REPORT, what="with a request")
            context = _context(association, message)
            if context is None or message.message_id < 0 or message.command_field & _IS_RESPONSE:
                raise association.fault(Phase.RESPONSE, f"its command {message.command_field:#06x} has no place here")
            if message.command_field == messages.N_EVENT_REPORT_RQ:
                answer_report(association, context, message, self._take)
            elif message.command_field == messages.C_ECHO_RQ:
                association.send(message.context_id, messages.response(message, _SUCCESS))
            else:
                association.send(message.context_id, messages.response(message, _UNRECOGNISED_OPERATION))


def _context(association: Association, message: Message) -> ContextResult | None:
    for context in association.agreement.contexts:
        if context.context_id == message.context_id and context.result == 0:
            return context
    return None


def _bound(listening: Listening) -> socket.socket:
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    try:
        return socket.create_server((listening.host, listening.port), family=family)
    except OSError as fault:
        raise GatewayError(
            f"Commitment reports cannot be listened for at {listening.host}:{listening.port}: {fault.strerror}.",
            disposition=Disposition.RETRY,
            phase=Phase.CONNECT,
            remedy="Free the port, or set another one in the table listener and tell the PACS.",
            code=type(fault).__name__,
        ) from fault
