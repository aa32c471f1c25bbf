"""C-STORE: one association that carries many instances, each streamed from its file with bounded memory."""

from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from gateway.dimse import messages
from gateway.dimse.association import Association
from gateway.dimse.congestion import Losses
from gateway.dimse.link import Beat, Pace, no_beat
from gateway.dimse.negotiation import MAX_CONTEXTS, ContextResult, Proposal
from gateway.dimse.opening import Connected, open_association
from gateway.dimse.part10 import Part10File
from gateway.dimse.peer import Peer
from gateway.dimse.rejections import CONTEXT_RESULTS
from gateway.dimse.status import Category, PeerRefused, store_meaning
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.instance import StoreOutcome

UNCOMPRESSED = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
_DUPLICATE = 0x0111
_NOT_SUPPORTED = 3
_BLOCK_BYTES = 262_144


def propose(pairs: Iterable[tuple[str, str]]) -> tuple[Proposal, ...]:
    """The presentation contexts for instances of these (SOP class UID, transfer syntax UID) pairs.

    For each pair one context with that transfer syntax alone, so that the peer's choice tells what it takes; for
    each SOP class one more with {Explicit, Implicit VR Little Endian}, the ground that every peer must share.

    Returns
    -------
    tuple of Proposal
        At most 128; pairs beyond that are left out and are then not accepted.

    References
    ----------
    PS3.5 section 10.1 (default transfer syntax), PS3.8 section 9.3.2.2 (at most 128 contexts).
    """
    exact = list(dict.fromkeys(pairs))
    classes = list(dict.fromkeys(sop_class for sop_class, _ in exact))
    common = [Proposal(sop_class, UNCOMPRESSED) for sop_class in classes]
    return tuple([*common, *(Proposal(sop_class, (syntax,)) for sop_class, syntax in exact)][:MAX_CONTEXTS])


class StoreSession:
    """An association for storing. Use it from one thread; leave it by `close` or as a context manager.

    A peer's refusal of one instance leaves the session usable; a fault of the link or the protocol ends it.
    """

    def __init__(self, association: Association) -> None:
        self._association = association
        self.peer = association.peer

    @classmethod
    def open(
        cls,
        peer: Peer,
        pairs: Iterable[tuple[str, str]],
        *,
        beat: Beat = no_beat,
        pace: Pace | None = None,
        connected: Connected | None = None,
        losses: Losses | None = None,
    ) -> Self:
        """Associate with `peer` for these (SOP class UID, transfer syntax UID) pairs.

        Parameters
        ----------
        beat
            Called at least every few seconds while an instance is sent or its answer awaited.
        pace
            Asked before each write how many bytes may go now; None: as many as the link takes.
        connected
            Told the round-trip time in seconds as soon as there is a connection, before the peer has answered.
        losses
            What other associations to this peer know of the link's losses; None: nothing.

        Raises
        ------
        GatewayError
            In phase RESOLVE, CONNECT, TLS or NEGOTIATE.
        """
        association = open_association(peer, propose(pairs), beat=beat, connected=connected)
        association.pace_by(pace)
        if losses is not None:
            association.share_losses(losses)
        return cls(association)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, GatewayError):
            self.close()
        else:  # an instance may be half sent, which only an abort tells the peer
            self._association.abort()

    @property
    def peer_max_pdu_bytes(self) -> int:
        """The longest P-DATA-TF variable field that the peer receives; 0 when it sets no limit."""
        return self._association.agreement.peer_max_pdu_bytes

    def round_trip_s(self) -> float:
        """The least round-trip time of the connection in seconds; 0 when unknown."""
        return self._association.round_trip_s()

    def queueing_s(self) -> float:
        """By how many seconds the round trip is longer at present than at its least; 0 when unknown."""
        return self._association.queueing_s()

    def usable(self) -> bool:
        """Whether the association still stands; false after a fault or when the peer has ended it meanwhile."""
        return self._association.usable()

    def close(self) -> None:
        """Release the association, if it still stands."""
        self._association.release()

    def proposed(self, sop_class_uid: str, transfer_syntax_uid: str) -> bool:
        """Whether this pair was among those proposed, so that `accepted` is the peer's own word on it."""
        return any(transfer_syntax_uid in c.proposal.transfer_syntaxes for c in self._contexts(sop_class_uid))

    def accepted(self, sop_class_uid: str) -> frozenset[str]:
        """The transfer syntaxes in which the peer takes instances of this class; empty if it takes none."""
        return frozenset(c.transfer_syntax for c in self._contexts(sop_class_uid) if c.result == 0)

    def store(
        self,
        path: Path,
        *,
        sop_class_uid: str,
        sop_instance_uid: str,
        transfer_syntax_uid: str,
        sent_before: bool = True,
        meanwhile: Callable[[], None] | None = None,
        opened: Part10File | None = None,
    ) -> StoreOutcome:
        """Send the instance in the Part 10 file at `path` and wait for its own answer.

        Parameters
        ----------
        path
            The file; its meta information must name the same class, instance and transfer syntax.
        sent_before
            Whether this instance may have reached the peer earlier: only then does "duplicate SOP instance" (0111)
            count as stored.
        meanwhile
            Called once when the whole instance is on its way and its answer is awaited.
        opened
            The file at `path`, if it was opened for this instance before.

        Returns
        -------
        StoreOutcome
            The peer's status, success or warning: either way it holds the instance.

        Raises
        ------
        PeerRefused
            The peer's failure status, with its disposition; the session stays usable.
        GatewayError
            PARK, NEGOTIATE: class or transfer syntax not accepted. QUARANTINE: the file is not that instance.
            RETRY, TRANSFER or RESPONSE: the link broke, the peer aborted, was silent or answered for another
            message; the outcome at the peer is then unknown and the session has ended.

        References
        ----------
        PS3.4 Annex B.2.3, PS3.7 section 9.1.1.
        """
        context = self._context(sop_class_uid, transfer_syntax_uid)
        with opened or Part10File.open(path, sop_class_uid, sop_instance_uid, transfer_syntax_uid) as file:
            message_id = self._association.next_message_id()
            request = messages.store_request(message_id, sop_class_uid, sop_instance_uid)
            complete = self._transfer(file, context.context_id, request)
        if meanwhile is not None and complete:
            meanwhile()
        timeout_s = self.peer.timeouts.for_response(file.data_bytes)
        answer = self._association.receive(timeout_s, max_data_bytes=0, what="the store request")
        status = self._association.expect(answer, messages.C_STORE_RSP, message_id)
        if answer.context_id != context.context_id:
            raise self._association.fault(Phase.RESPONSE, f"it answered in the context {answer.context_id}")
        self._check_subject(answer, sop_class_uid, sop_instance_uid)
        return self._outcome(answer, status, transfer_syntax_uid, complete=complete, sent_before=sent_before)

    def _transfer(self, file: Part10File, context_id: int, request: bytes) -> bool:
        """Send the command and the data set; false if the peer answered before it had it all."""
        pdus = self._association.framed(context_id, request, is_command=True, is_last=True)
        left = file.data_bytes
        while left:
            block = self._block(file, min(_BLOCK_BYTES, left))
            left -= len(block)
            if self._association.interrupted():
                return False
            self._association.carry(file.data_bytes)
            self._association.send_framed(
                pdus + self._association.framed(context_id, block, is_command=False, is_last=not left)
            )
            pdus = b""
        return True

    def _block(self, file: Part10File, count: int) -> bytes:
        try:
            return file.read(count)
        except GatewayError:
            self._association.abort()  # half an object was sent; only an abort tells the peer so
            raise

    def _check_subject(self, answer: messages.Message, sop_class_uid: str, sop_instance_uid: str) -> None:
        named = str(answer.command.get("AffectedSOPInstanceUID", "") or sop_instance_uid)
        if named != sop_instance_uid:
            raise self._association.fault(Phase.RESPONSE, f"it answered for {named} where {sop_instance_uid} was sent")
        named = str(answer.command.get("AffectedSOPClassUID", "") or sop_class_uid)
        if named != sop_class_uid:
            raise self._association.fault(Phase.RESPONSE, f"it answered for the class {named}, not {sop_class_uid}")

    def _outcome(
        self, answer: messages.Message, status: int, transfer_syntax_uid: str, *, complete: bool, sent_before: bool
    ) -> StoreOutcome:
        meaning = store_meaning(status)
        stored = meaning.category in {Category.SUCCESS, Category.WARNING}
        if not complete:
            self._association.abort()  # the rest of the object is not sent, and nothing else could follow it
            if stored:
                raise self._association.fault(Phase.RESPONSE, "it says stored before it had the whole object")
        if status == _DUPLICATE and not sent_before:
            raise GatewayError(
                f"{self.peer.name} already holds an object with this SOP Instance UID, never sent to it (0111).",
                disposition=Disposition.PARK,
                phase=Phase.RESPONSE,
                remedy="Compare the object at the peer with this one before it is sent again.",
                code="0111",
            )
        if not stored:
            raise PeerRefused(self.peer, meaning, status, answer.comment, Phase.RESPONSE)
        return StoreOutcome(status, answer.comment, transfer_syntax_uid)

    def _contexts(self, sop_class_uid: str) -> list[ContextResult]:
        return [c for c in self._association.agreement.contexts if c.proposal.abstract_syntax == sop_class_uid]

    def _context(self, sop_class_uid: str, transfer_syntax_uid: str) -> ContextResult:
        context = self._association.agreement.context_for(sop_class_uid, (transfer_syntax_uid,))
        if context is not None:
            return context
        results = {c.result for c in self._contexts(sop_class_uid)}
        class_refused = bool(results) and 0 not in results
        what = f"objects of SOP class {sop_class_uid}" if class_refused else f"transfer syntax {transfer_syntax_uid}"
        result = _NOT_SUPPORTED if _NOT_SUPPORTED in results else max(results, default=2)
        raise GatewayError(
            f"{self.peer.name} does not take {what} ({CONTEXT_RESULTS.get(result, 'no reason')}).",
            disposition=Disposition.PARK,
            phase=Phase.NEGOTIATE,
            remedy="Ask its administrator to allow it, or choose another object or compression for this destination.",
            code=f"context {result}",
        )
