"""An association as requestor: used message by message and ended, in the caller's own thread.

pynetdicom encodes and decodes; the socket is driven here. Its own requestor reports most faults by a silent log
line, queues a whole object before it is sent, and needs two threads per association. Here each wait has a deadline,
the socket's own back-pressure bounds memory, and each fault is a `GatewayError` that names its phase.
"""

import logging
import time
from collections import deque
from types import TracebackType
from typing import Self

from gateway.dimse import messages
from gateway.dimse.congestion import Losses
from gateway.dimse.link import Link, Pace
from gateway.dimse.link_faults import broken, protocol_fault, silent
from gateway.dimse.messages import DECODE_FAULTS, Message
from gateway.dimse.negotiation import LARGEST_ACCEPTANCE, Agreement
from gateway.dimse.pdu_reader import read_pdu
from gateway.dimse.rejections import aborted
from gateway.domain.errors import GatewayError, Phase

_log = logging.getLogger(__name__)
_LARGEST_COMMAND = 65_536
_LARGEST_MESSAGE_ID = 0xFFFF
_ABORT_PDU_BYTES = 10


class Association:
    """An open association; leave it by `release` (in order) or `abort` (at once). Use it from one thread.

    Any fault of the link or the protocol ends it: `usable` is then false and a new one is needed.
    """

    def __init__(self, link: Link, agreement: Agreement) -> None:
        self.peer = link.peer
        self.agreement = agreement
        self._link = link
        self._open = True
        self._last_message_id = 0
        self._values: deque[tuple[int, bool, bool, bytes]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.release()
        else:
            self.abort()

    @property
    def largest_fragment(self) -> int:
        """Bytes of data that fit into one P-DATA-TF to this peer; even, as PS3.8 Annex E.1 wants fragments."""
        limits = [n for n in (self.agreement.peer_max_pdu_bytes, self.peer.max_pdu_bytes) if n]
        return (min(limits) - 6) & ~1

    def pace_by(self, pace: Pace | None) -> None:
        """Let `pace` say when and how much may be sent from now on."""
        self._link.pace_by(pace)

    def share_losses(self, losses: Losses) -> None:
        """Go by, and add to, what other associations to this peer know of the link's losses."""
        self._link.share_losses(losses)

    def round_trip_s(self) -> float:
        """The least round-trip time of the connection in seconds; 0 if it has ended or the kernel does not say."""
        return self._link.round_trip_s() if self._open else 0.0

    def queueing_s(self) -> float:
        """By how many seconds the round trip is longer at present than at its least; 0 if unknown."""
        return self._link.queueing_s() if self._open else 0.0

    def usable(self) -> bool:
        """Whether the association still stands: looks, without waiting, if the peer has ended it."""
        if not self._open:
            return False
        try:
            waiting = self._link.peek(1, Phase.NEGOTIATE)
        except GatewayError as fault:
            _log.info("association ended while idle: %s", fault.message)
            self._end()
            return False
        if waiting:  # nothing is asked, so whatever comes now is a farewell
            self.abort()
        return self._open

    def heard(self, wait_s: float) -> bool:
        """Whether the peer says something within `wait_s`, for `receive` to take; raises RETRY if the link breaks."""
        try:
            return bool(self._values) or self._link.wait(wait_s, Phase.RESPONSE)
        except GatewayError:
            self._end()
            raise

    def next_message_id(self) -> int:
        """A Message ID that no request of this association has used for the last 65,535 requests."""
        self._last_message_id = self._last_message_id % _LARGEST_MESSAGE_ID + 1
        return self._last_message_id

    def send(self, context_id: int, command: bytes, data: bytes = b"") -> None:
        """Send a command set and, if there is one, its data set.

        Raises
        ------
        GatewayError
            RETRY, phase TRANSFER, when the link breaks, stalls, or the peer aborts.
        """
        self.send_framed(
            self.framed(context_id, command, is_command=True, is_last=True)
            + self.framed(context_id, data, is_command=False, is_last=True)
        )

    def framed(self, context_id: int, data: bytes | memoryview, *, is_command: bool, is_last: bool) -> bytes:
        """`data` as P-DATA-TF PDUs no longer than the peer takes; the last one is marked if `is_last`."""
        view = memoryview(data)
        pdus = []
        while view:
            fragment, view = view[: self.largest_fragment], view[self.largest_fragment :]
            pdus.append(messages.data_pdu(context_id, fragment, is_command=is_command, is_last=is_last and not view))
        return b"".join(pdus)

    def carry(self, size: int) -> None:
        """What is sent next is an object of `size` bytes."""
        self._link.carry(size)

    def send_framed(self, pdus: bytes) -> None:
        """Send what `framed` made, in one piece, so that the kernel fills its segments; raises as `send` does."""
        self._send(pdus, Phase.TRANSFER)

    def interrupted(self) -> bool:
        """Whether the peer has sent something while this side is still sending; an abort is raised at once."""
        try:
            head = self._link.peek(1, Phase.TRANSFER)
            if head and head[0] != messages.P_DATA:
                self._read_values(time.monotonic() + self.peer.timeouts.stall_s, Phase.TRANSFER)
        except GatewayError:
            self._end()
            raise
        except DECODE_FAULTS as fault:
            raise self.fault(Phase.TRANSFER, f"it sent something else while it was sent to ({fault})") from fault
        return bool(head)

    def receive(self, timeout_s: float, *, max_data_bytes: int, what: str, phase: Phase = Phase.RESPONSE) -> Message:
        """The next DIMSE message of the peer.

        Parameters
        ----------
        timeout_s
            Seconds until the message must be complete.
        max_data_bytes
            Longest data set to take.
        what
            The request that waits, for the sentence of a time-out.

        Raises
        ------
        GatewayError
            RETRY in `phase`: silence, a break, an abort, a release, or bytes that are no DIMSE message.
        """
        deadline = time.monotonic() + timeout_s
        try:
            return self._assemble(deadline, max_data_bytes, phase)
        except TimeoutError:
            self.abort()
            raise silent(self.peer, phase, what, timeout_s) from None
        except GatewayError:
            self.abort()
            raise
        except DECODE_FAULTS as fault:
            self.abort()
            raise protocol_fault(self.peer, phase, f"its answer to {what} cannot be read ({fault})") from fault

    def expect(self, message: Message, field: int, message_id: int, phase: Phase = Phase.RESPONSE) -> int:
        """The status of `message` if it is the `field` response to `message_id`; else end and raise RETRY."""
        if message.command_field != field:
            raise self.fault(phase, f"it answered with the command {message.command_field:#06x}")
        if message.responds_to != message_id:
            raise self.fault(phase, f"it answered message {message.responds_to} where {message_id} was asked")
        if message.status is None:
            raise self.fault(phase, "it answered without a status")
        return message.status

    def fault(self, phase: Phase, what: str) -> GatewayError:
        """End the association because the peer broke the protocol, and return the error to raise."""
        self.abort()
        return protocol_fault(self.peer, phase, what)

    def release(self) -> None:
        """End in order (A-RELEASE). Every request was answered before, so a peer that fails here loses nothing."""
        if not self._open:
            return
        try:
            self._send(messages.RELEASE_REQUEST, Phase.RESPONSE)
            self._await_release(time.monotonic() + self.peer.timeouts.release_s)
        except (GatewayError, TimeoutError, *DECODE_FAULTS) as fault:
            _log.info("release by %s was not answered in order: %s", self.peer.name, type(fault).__name__)
        self._end()

    def abort(self) -> None:
        """End at once (A-ABORT); outstanding requests have an unknown outcome."""
        if not self._open:
            return
        self._link.offer(messages.USER_ABORT)
        self._end()

    def _end(self) -> None:
        self._open = False
        self._link.close()

    def _send(self, pdu: bytes, phase: Phase) -> None:
        try:
            self._link.send(pdu, phase)
        except GatewayError as fault:
            # The peer's abort may lie unread before the break; it says more than the break does.
            reason = self._last_words(phase) or fault
            self._end()
            raise reason from fault

    def _last_words(self, phase: Phase) -> GatewayError | None:
        try:
            head = self._link.peek(_ABORT_PDU_BYTES, phase)
        except GatewayError:
            return None
        if head[:1] == bytes([messages.ABORT]) and len(head) == _ABORT_PDU_BYTES:
            return aborted(self.peer, head[8], head[9], phase)
        return None

    def _await_release(self, deadline: float) -> None:
        while True:
            kind, _ = read_pdu(self._link, deadline, Phase.RESPONSE, self._longest_pdu)
            if kind in {messages.RELEASE_RP, messages.ABORT}:
                return
            if kind == messages.RELEASE_RQ:  # both sides release at once (PS3.8 section 7.2.2.7)
                self._link.offer(messages.RELEASE_RESPONSE)

    def _assemble(self, deadline: float, max_data_bytes: int, phase: Phase) -> Message:
        context_id, raw = self._gather(deadline, _LARGEST_COMMAND, phase, is_command=True)
        command = messages.decode_command(raw)
        if int(command.get("CommandDataSetType", messages.NO_DATA_SET)) == messages.NO_DATA_SET:
            return Message(context_id, command, b"")
        data_context, data = self._gather(deadline, max_data_bytes, phase, is_command=False)
        if data_context != context_id:
            raise ValueError("command and data set came in different presentation contexts")
        return Message(context_id, command, data)

    def _gather(self, deadline: float, limit: int, phase: Phase, *, is_command: bool) -> tuple[int, bytes]:
        collected = bytearray()
        while True:
            while not self._values:
                self._read_values(deadline, phase)
            context_id, of_command, is_last, fragment = self._values.popleft()
            if of_command is not is_command:
                raise ValueError("command and data set are mixed")
            collected += fragment
            if len(collected) > limit:
                raise ValueError(f"it is longer than {limit} bytes")
            if is_last:
                return context_id, bytes(collected)

    @property
    def _longest_pdu(self) -> int:
        return max(self.peer.max_pdu_bytes, LARGEST_ACCEPTANCE)

    def _read_values(self, deadline: float, phase: Phase) -> None:
        kind, body = read_pdu(self._link, deadline, phase, self._longest_pdu)
        if kind == messages.P_DATA:
            self._values.extend(messages.split_values(body))
        elif kind == messages.ABORT:
            self._end()
            raise aborted(self.peer, body[2], body[3], phase)
        elif kind == messages.RELEASE_RQ:
            self._link.offer(messages.RELEASE_RESPONSE)
            self._end()
            raise broken(self.peer, ConnectionError(0, "it released the association"), phase)
        else:
            raise ValueError(f"a PDU of type {kind} has no place here")
