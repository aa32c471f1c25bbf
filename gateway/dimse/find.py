"""C-FIND, here of the worklist: queries over one association, their answers as data sets, bounded in number."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import decode, encode

from gateway.dimse import messages
from gateway.dimse.association import Association
from gateway.dimse.link import Beat, no_beat
from gateway.dimse.messages import DECODE_FAULTS, Message
from gateway.dimse.negotiation import ContextResult, Proposal
from gateway.dimse.opening import open_association
from gateway.dimse.peer import Peer
from gateway.dimse.rejections import CONTEXT_RESULTS
from gateway.dimse.status import Category, PeerRefused, find_meaning
from gateway.domain.errors import Disposition, GatewayError, Phase

_log = logging.getLogger(__name__)
WORKLIST_FIND_UID = "1.2.840.10008.5.1.4.31"
_SYNTAXES = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
_LARGEST_IDENTIFIER = 1_048_576
_MOST_BYTES = 32 * 1_048_576
"""Of all answers together; a full one has some three thousand."""
_AFTER_CANCEL = 1000
_AFTER_CANCEL_S = 20.0


@dataclass(frozen=True, slots=True)
class WorklistAnswers:
    """What a worklist provider answered, as bytes: thousands of decoded data sets would not fit a small box.

    `cut` says in words why these may not be all, `fault` is what broke the query after some had come. Unless
    `complete`, an item that is missing may still stand in the worklist.
    """

    raw: tuple[bytes, ...]
    implicit: bool = False
    cut: str = ""
    unreadable: int = 0
    fault: GatewayError | None = None

    @property
    def complete(self) -> bool:
        """Whether these are all answers, and all of them could be read."""
        return not self.cut and not self.unreadable and self.fault is None

    def each(self) -> Iterator[tuple[bytes, Dataset | None]]:
        """Every answer as it came, with its identifier, its text still in bytes; None if it is no data set."""
        for data in self.raw:
            yield data, _decoded(data, implicit=self.implicit)

    @property
    def identifiers(self) -> tuple[Dataset, ...]:
        """The identifiers that could be read, all at once."""
        return tuple(found for _, found in self.each() if found is not None)


def find_worklist(
    peer: Peer,
    queries: Sequence[Dataset],
    *,
    limit: int = 1000,
    within_s: float = 120.0,
    beat: Beat = no_beat,
    monotonic: Callable[[], float] = time.monotonic,
) -> WorklistAnswers:
    """Query the worklist, once for each of `queries`, over one association.

    Parameters
    ----------
    queries
        Query identifiers with all keys.
    limit
        Most answers to take for all queries together; at the limit the provider gets a C-CANCEL.
    within_s
        Seconds for all answers together; after them the provider gets a C-CANCEL.
    beat
        Called at least every few seconds while answers are awaited.

    Returns
    -------
    WorklistAnswers
        Also when the link breaks or the provider gives up after some answers: what came is worth having.

    Raises
    ------
    GatewayError
        In phase RESOLVE, CONNECT, TLS, NEGOTIATE; or, before any answer, QUERY with the disposition of the C-FIND
        status table.

    References
    ----------
    PS3.4 Annex K.4 (Basic Worklist Management), PS3.7 section 9.1.2.
    """
    with open_association(peer, (Proposal(WORKLIST_FIND_UID, _SYNTAXES),), beat=beat) as association:
        context = association.agreement.context_for(WORKLIST_FIND_UID, _SYNTAXES)
        if context is None:
            raise _no_worklist(peer, association.agreement.contexts)
        run = FindRun(association, context, limit, Allowance(within_s, monotonic))
        try:
            for query in queries:
                if not run.finished:
                    run.ask(query)
        except GatewayError as fault:
            if not run.raw:
                raise
            association.abort()
            return run.answers(fault)
        return run.answers()


@dataclass(frozen=True, slots=True)
class Allowance:
    """How long answers may go on, from the moment at which it is made."""

    seconds: float
    monotonic: Callable[[], float] = time.monotonic
    until: float = field(init=False)

    def __post_init__(self) -> None:
        """Take the time."""
        object.__setattr__(self, "until", self.monotonic() + self.seconds)

    @property
    def left_s(self) -> float:
        """Seconds that are left; none if negative."""
        return self.until - self.monotonic()


class FindRun:
    """The queries over one accepted context: what was found and why it may not be all."""

    def __init__(
        self, association: Association, context: ContextResult, limit: int, allowance: Allowance | None = None
    ) -> None:
        self.raw: list[bytes] = []
        self._bytes = 0
        self.unreadable = 0
        self.cut = ""
        self._association = association
        self._context = context
        self._limit = limit
        self._allowance = allowance

    @property
    def finished(self) -> bool:
        """Whether no further query may be sent."""
        return bool(self.cut)

    @property
    def found(self) -> tuple[Dataset, ...]:
        """The identifiers that came and can be read."""
        return self.answers().identifiers

    def answers(self, fault: GatewayError | None = None) -> WorklistAnswers:
        """What came so far; `fault` if that ended it."""
        return WorklistAnswers(tuple(self.raw), self._implicit, self.cut, self.unreadable, fault)

    @property
    def _implicit(self) -> bool:
        return self._context.transfer_syntax == ImplicitVRLittleEndian

    def ask(self, query: Dataset) -> None:
        """Send one query and take its answers until the final one."""
        message_id = self._association.next_message_id()
        request = messages.find_request(message_id, self._context.proposal.abstract_syntax)
        self._association.send(self._context.context_id, request, self._encoded(query))
        after_cancel = 0
        while (answer := self._next(message_id)) is not None:
            if not self.cut and not (why := self._too_much()):
                self._take(answer)
                continue
            if not self.cut:
                self.cut = why
                self._association.send(self._context.context_id, messages.cancel_request(message_id))
                self._allowance = Allowance(_AFTER_CANCEL_S)
            after_cancel += 1
            if after_cancel > _AFTER_CANCEL or (self._allowance is not None and self._allowance.left_s <= 0):
                _log.warning("%s goes on answering after C-CANCEL; association aborted", self._association.peer.name)
                self._association.abort()
                return

    def _too_much(self) -> str:
        """Why no further answer is taken, in words; empty while they are."""
        if len(self.raw) >= self._limit:
            return f"it has more than the {self._limit} answers that are taken"
        if self._bytes > _MOST_BYTES:
            return f"its answers have more than {_MOST_BYTES >> 20} MiB"
        if self._allowance is not None and self._allowance.left_s <= 0:
            return f"its answers went on for more than {self._allowance.seconds:g} s"
        return ""

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
        if meaning.category is Category.CANCEL and not self.cut:
            self.cut = "the provider ended its answer early (FE00)"
        return None

    def _take(self, answer: Message) -> None:
        self.raw.append(answer.data)
        self._bytes += len(answer.data)
        if _decoded(answer.data, implicit=self._implicit) is None:
            self.unreadable += 1
            _log.warning("%s sent an answer that cannot be read", self._association.peer.name)

    def _encoded(self, query: Dataset) -> bytes:
        data = encode(query, is_implicit_vr=self._implicit, is_little_endian=True)
        if data is None:
            raise ValueError("the query identifier cannot be encoded")
        return bytes(data)


def _decoded(data: bytes, *, implicit: bool) -> Dataset | None:
    try:
        return decode(BytesIO(data), is_implicit_vr=implicit, is_little_endian=True)
    except DECODE_FAULTS:
        return None


def _no_worklist(peer: Peer, contexts: Sequence[ContextResult]) -> GatewayError:
    result = contexts[0].result if contexts else 2
    return GatewayError(
        f"{peer.name} does not serve a modality worklist ({CONTEXT_RESULTS.get(result, 'no reason')}).",
        disposition=Disposition.PARK,
        phase=Phase.NEGOTIATE,
        remedy="Check address and AE title of the worklist, or ask its administrator to allow worklist queries.",
        code=f"context {result}",
    )
