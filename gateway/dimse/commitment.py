"""Storage Commitment Push Model as SCU: asks a peer to commit, and hears its report on the same association."""

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from gateway.dimse import messages
from gateway.dimse.association import Association
from gateway.dimse.commitment_report import (
    COMMITMENT_INSTANCE_UID,
    COMMITMENT_SYNTAXES,
    COMMITMENT_UID,
    LARGEST_REPORT,
    TakeReport,
    action_information,
    answer_report,
)
from gateway.dimse.link import Beat, no_beat
from gateway.dimse.messages import Message
from gateway.dimse.negotiation import ContextResult, Proposal
from gateway.dimse.opening import open_association
from gateway.dimse.peer import Peer
from gateway.dimse.rejections import CONTEXT_RESULTS
from gateway.dimse.status import Category, PeerRefused, action_meaning
from gateway.domain.commitment import ProofRequest
from gateway.domain.errors import Disposition, GatewayError, Phase

_log = logging.getLogger(__name__)
_REQUEST_COMMITMENT = 1
_GLANCE_S = 0.5


class CommitmentSession:
    """An association for one commitment request. Use it from one thread; leave it by `close` or as context manager."""

    def __init__(self, association: Association, context: ContextResult, take: TakeReport) -> None:
        self._association = association
        self._context = context
        self._take = take

    @classmethod
    def open(cls, peer: Peer, take: TakeReport, *, beat: Beat = no_beat) -> Self:
        """Associate with `peer`; `take` gets every report that comes over this association.

        Raises
        ------
        GatewayError
            In phase RESOLVE, CONNECT, TLS or NEGOTIATE; PARK in NEGOTIATE if the peer offers no storage commitment.
        """
        association = open_association(peer, (Proposal(COMMITMENT_UID, COMMITMENT_SYNTAXES),), beat=beat)
        context = association.agreement.context_for(COMMITMENT_UID, COMMITMENT_SYNTAXES)
        if context is None:
            result = association.agreement.contexts[0].result
            association.release()
            raise _no_commitment(peer, result)
        return cls(association, context, take)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, GatewayError):
            self._association.release()
        else:
            self._association.abort()

    def ask(self, request: ProofRequest) -> None:
        """Send the request and wait for its answer; a report that comes before the answer is taken.

        Raises
        ------
        PeerRefused
            The peer's failure status: this transaction is dead, and another try needs a new Transaction UID.
        GatewayError
            RETRY, TRANSFER or COMMIT: the link broke or the peer was silent; it may or may not have the request.

        References
        ----------
        PS3.4 Annex J.3.2, PS3.7 section 10.1.4.
        """
        peer = self._association.peer
        message_id = self._association.next_message_id()
        command = messages.action_request(message_id, COMMITMENT_UID, COMMITMENT_INSTANCE_UID, _REQUEST_COMMITMENT)
        information = action_information(request, self._context.transfer_syntax)
        self._association.send(self._context.context_id, command, information)
        answer = self._answer(time.monotonic() + peer.timeouts.for_response(len(information)))
        status = self._association.expect(answer, messages.N_ACTION_RSP, message_id, Phase.COMMIT)
        meaning = action_meaning(status)
        if meaning.category is not Category.SUCCESS:
            raise PeerRefused(peer, meaning, status, answer.comment, Phase.COMMIT)

    def _answer(self, deadline: float) -> Message:
        while True:
            message = self._receive(max(0.0, deadline - time.monotonic()))
            if message.command_field != messages.N_EVENT_REPORT_RQ:
                return message
            answer_report(self._association, self._context, message, self._take)

    def wait(self, wait_s: float, settled: Callable[[], bool]) -> None:
        """Hear reports for up to `wait_s` seconds, or until `settled`; the end of the association is no fault here."""
        deadline = time.monotonic() + wait_s
        try:
            while not settled() and (left := deadline - time.monotonic()) > 0:
                if self._association.heard(min(left, _GLANCE_S)):
                    self._hear()
        except GatewayError as fault:
            _log.info("%s ended the association before it reported: %s", self._association.peer.name, fault.code)

    def _hear(self) -> None:
        message = self._receive(self._association.peer.timeouts.response_s)
        if message.command_field != messages.N_EVENT_REPORT_RQ:
            raise self._association.fault(Phase.COMMIT, f"it sent the command {message.command_field:#06x} unasked")
        answer_report(self._association, self._context, message, self._take)

    def _receive(self, timeout_s: float) -> Message:
        return self._association.receive(
            timeout_s,
            max_data_bytes=LARGEST_REPORT,
            what="the commitment request",
            phase=Phase.COMMIT,
        )


def _no_commitment(peer: Peer, result: int) -> GatewayError:
    return GatewayError(
        f"{peer.name} does not offer storage commitment ({CONTEXT_RESULTS.get(result, 'no reason')}).",
        disposition=Disposition.PARK,
        phase=Phase.NEGOTIATE,
        remedy='Ask its administrator to allow it, or set proof = "query" or "status" for this destination.',
        code=f"context {result}",
    )
