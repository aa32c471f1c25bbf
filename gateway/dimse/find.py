"""C-FIND, here of the worklist: queries over one association, their answers as data sets, bounded in number."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import decode, encode

from gateway.dimse import messages
from gateway.dimse.association import Association, open_association
from gateway.dimse.link import Beat, no_beat
from gateway.dimse.messages import DECODE_FAULTS, Message
from gateway.dimse.negotiation import ContextResult, Proposal
from gateway.dimse.peer import Peer
from gateway.dimse.rejections import CONTEXT_RESULTS
from gateway.dimse.status import Category, PeerRefused, find_meaning
from gateway.domain.errors import Disposition, GatewayError, Phase

_log = logging.getLogger(__name__)
WORKLIST_FIND_UID = "1.2.840.10008.5.1.4.31"
_SYNTAXES = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
_LARGEST_IDENTIFIER = 1_048_576
_AFTER_CANCEL = 1000


@dataclass(frozen=True, slots=True)
class WorklistAnswers:
    """What a worklist provider answered.

    `complete` is false when the answers were cut at the limit or one could not be read: then an item that is missing
    may still stand in the worklist.
    """

    identifiers: tuple[Dataset, ...]
    complete: bool
    unreadable: int = 0


def find_worklist(
    peer: Peer, queries: Sequence[Dataset], *, limit: int = 1000, beat: Beat = no_beat
) -> WorklistAnswers:
    """Query the worklist, once for each of `queries`, over one association.

    Parameters
    ----------
    queries
        Query identifiers with all keys.
    limit
        Most answers to take for all queries together; at the limit the provider gets a C-CANCEL.
    beat
        Called at least every few seconds while answers are awaited.

    Returns
    -------
    WorklistAnswers
        Identifiers as received: their text is still in the bytes of the provider's character set.

    Raises
    ------
    GatewayError
        In phase RESOLVE, CONNECT, TLS, NEGOTIATE; or QUERY with the disposition of the C-FIND status table.

    References
    ----------
    PS3.4 Annex K.4 (Basic Worklist Management), PS3.7 section 9.1.2.
    """
    with open_association(peer, (Proposal(WORKLIST_FIND_UID, _SYNTAXES),), beat=beat) as association:
        context = association.agreement.context_for(WORKLIST_FIND_UID, _SYNTAXES)
        if context is None:
            raise _no_worklist(peer, association.agreement.contexts)
        run = FindRun(association, context, limit)
        for query in queries:
            if not run.finished:
                run.ask(query)
        return WorklistAnswers(tuple(run.found), complete=not run.cut and not run.unreadable, unreadable=run.unreadable)


class FindRun:
    """The queries over one accepted context: what was found and whether the limit has cut it."""

    def __init__(self, association: Association, context: ContextResult, limit: int) -> None:
        self.found: list[Dataset] = []
        self.unreadable = 0
        self.cut = False
        self._association = association
        self._context = context
        self._limit = limit

    @property
    def finished(self) -> bool:
        """Whether no further query may be sent."""
        return self.cut

    def ask(self, query: Dataset) -> None:
        """Send one query and take its answers until the final one."""
        message_id = self._association.next_message_id()
        request = messages.find_request(message_id, self._context.proposal.abstract_syntax)
        self._association.send(self._context.context_id, request, self._encoded(query))
        after_cancel = 0
        while (answer := self._next(message_id)) is not None:
            if not self.cut and len(self.found) + self.unreadable < self._limit:
                self._take(answer)
                continue
            if not self.cut:
                self.cut = True
                self._association.send(self._context.context_id, messages.cancel_request(message_id))
            after_cancel += 1
            if after_cancel > _AFTER_CANCEL:
                _log.warning("%s goes on answering after C-CANCEL; association aborted", self._association.peer.name)
                self._association.abort()
                return

    def _next(self, message_id: int) -> Message | None:
        """The next pending answer, None after the final one."""
        peer = self._association.peer
        answer = self._association.receive(
            peer.timeouts.response_s, max_data_bytes=_LARGEST_IDENTIFIER, what="the query", phase=Phase.QUERY
        )
        status = self._association.expect(answer, messages.C_FIND_RSP, message_id, Phase.QUERY)
        meaning = find_meaning(status)
        if meaning.category is Category.PENDING:
            return answer
        if meaning.category is Category.FAILURE:
            raise PeerRefused(peer, meaning, status, answer.comment, Phase.QUERY)
        if meaning.category is Category.CANCEL:
            self.cut = True
        return None

    def _take(self, answer: Message) -> None:
        implicit = self._context.transfer_syntax == ImplicitVRLittleEndian
        try:
            identifier = decode(BytesIO(answer.data), is_implicit_vr=implicit, is_little_endian=True)
        except DECODE_FAULTS:
            self.unreadable += 1
            _log.warning("%s sent an answer that cannot be read", self._association.peer.name)
            return
        self.found.append(identifier)

    def _encoded(self, query: Dataset) -> bytes:
        implicit = self._context.transfer_syntax == ImplicitVRLittleEndian
        data = encode(query, is_implicit_vr=implicit, is_little_endian=True)
        if data is None:
            raise ValueError("the query identifier cannot be encoded")
        return bytes(data)


def _no_worklist(peer: Peer, contexts: Sequence[ContextResult]) -> GatewayError:
    result = contexts[0].result if contexts else 2
    return GatewayError(
        f"{peer.name} does not serve a modality worklist ({CONTEXT_RESULTS.get(result, 'no reason')}).",
        disposition=Disposition.PARK,
        phase=Phase.NEGOTIATE,
        remedy="Check address and AE title of the worklist, or ask its administrator to allow worklist queries.",
        code=f"context {result}",
    )
