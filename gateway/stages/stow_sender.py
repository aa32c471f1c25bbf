"""Sends deliveries by STOW-RS, in requests as large as the destination's limits allow."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from gateway.dicomweb.multipart import StowItem
from gateway.dicomweb.peer import StowPeer
from gateway.dicomweb.store import StowSession, how_many
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.instance import Delivery, StoreOutcome
from gateway.stages.beat import Beat, Stopped, beat_until_stopped
from gateway.stages.request_width import request_seconds
from gateway.stages.sender import (
    EXPLICIT,
    IMPLICIT,
    Learnt,
    Meanwhile,
    Outgoing,
    Pace,
    Pair,
    PerhapsSent,
    SharedBreak,
    concerns_the_link,
    nothing,
)

_WHOLE_REQUEST_REFUSED = "HTTP 415"
_SYNTAX_REFUSED = frozenset({"C122", _WHOLE_REQUEST_REFUSED})
_FIRST_REQUEST_BYTES = 262_144
_WEIGHT = 0.3
_Outcome = tuple[Delivery, StoreOutcome | GatewayError]
Recall = Callable[[str], Collection[str]]
"""The transfer syntaxes in which the service lately refused a SOP class, as they are remembered."""


def no_listener(_: float) -> None:
    """The listener of a sender whose round trip nobody needs."""


def nothing_known(_: str) -> Collection[str]:
    """The `Recall` of a service that nothing is remembered of."""
    return ()


class StowSender:
    """The `Sender` of a DICOMweb service.

    What was in a request of several instances that broke or failed as a whole travels alone from then on, and so does
    the rest until one is stored: an object that the service cannot bear does not take others with it twice, and is
    blamed only for what befalls it alone. A service does not say beforehand
    what it takes: which syntax it stored or refused is learnt from its answers, and told to `learnt`.
    """

    def __init__(
        self,
        peer: StowPeer,
        outgoing: Outgoing,
        *,
        beat: Beat,
        pace: Pace | None = None,
        recall: Recall = nothing_known,
        connected: Callable[[float], None] = no_listener,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is opened yet.

        Parameters
        ----------
        recall
            What is remembered of the service's refusals.
        connected
            Told the round-trip time in seconds as soon as the service has been reached.
        """
        self._peer = peer
        self._outgoing = outgoing
        self._beat = beat_until_stopped(beat)
        self._pace = pace
        self._monotonic = monotonic
        self._session: StowSession | None = None
        self._cautious = False
        self._most_bytes = peer.max_batch_bytes
        self._recall = recall
        self._connected = connected
        self._bytes_per_s = 0.0
        self._said: dict[Pair, bool] = {}
        self._learnt: Learnt | None = None
        self._perhaps_sent: set[str] = set()
        self._refusal: GatewayError | None = None
        self._refused_until = 0.0

    def open(self, pairs: Iterable[Pair]) -> None:
        """Connect, unless the connection stands; what the service said of itself while sending is said here again."""
        del pairs  # nothing is negotiated
        self._repeat_refusal()
        if self.usable():
            return
        self.close()
        self._session = StowSession.open(self._peer, beat=self._beat, pace=self._pace)
        self._session.most_bytes = self._most_bytes
        self._connected(self.round_trip_s())

    def send(self, batch: Sequence[Delivery], meanwhile: Meanwhile = nothing) -> Iterator[_Outcome]:
        """Store in requests of several instances; ends early when the connection or the service fails.

        A request waits for its answer only once, so nothing is done meanwhile.
        """
        del meanwhile
        rest = batch
        while rest:
            count = self._next_count(rest)
            broken, begun, stored = False, self._monotonic(), 0
            for delivery, outcome in self._store(rest[:count]):
                broken = broken or (isinstance(outcome, GatewayError) and concerns_the_link(outcome))
                stored += delivery.spooled.size if isinstance(outcome, StoreOutcome) else 0
                yield delivery, outcome
            if broken:
                return
            if stored:
                self._measured(stored, self._monotonic() - begun)
            rest = rest[count:]

    def accepted(self, sop_class_uid: str) -> frozenset[str]:
        """Nothing: a service does not say beforehand what it takes."""
        del sop_class_uid
        return frozenset()

    def learnt(self) -> Learnt | None:
        """What the service stored and refused since it was asked last; what it said before where that is nothing.

        Once it was asked for, only the memory counts, which a person may have emptied.
        """
        if self._said:
            self._learnt, self._said = Learnt(self._said, max_pdu_bytes=None), {}
        return self._learnt

    def round_trip_s(self) -> float:
        """The kernel's least round-trip time."""
        return 0.0 if self._session is None else self._session.round_trip_s()

    def queueing_s(self) -> float:
        """Not asked: requests are as large as the link wants them."""
        return 0.0

    def usable(self) -> bool:
        """Whether the connection stands."""
        return self._session is not None and self._session.usable()

    def close(self) -> None:
        """Release the connection."""
        if self._session is not None:
            self._most_bytes = self._session.most_bytes
            self._session.close()
            self._session = None

    def _next_count(self, rest: Sequence[Delivery]) -> int:
        most = min(self._open_session().most_bytes, self._request_bytes())
        limit = 1 if self._cautious else self._peer.max_batch_instances
        tried = next((number for number, delivery in enumerate(rest) if self._was_sent(delivery)), len(rest))
        sizes = [delivery.spooled.size for delivery in rest]
        return how_many(sizes, max_bytes=most, max_instances=max(1, min(limit, tried)))

    def _was_sent(self, delivery: Delivery) -> bool:
        return delivery.attempts > 1 or delivery.sop_instance_uid in self._perhaps_sent

    def _request_bytes(self) -> int:
        """How many bytes of objects a request should hold for this link; few while nothing is known of it."""
        if not self._bytes_per_s:
            return _FIRST_REQUEST_BYTES
        return max(1, int(request_seconds(self.round_trip_s()) * self._bytes_per_s))

    def _measured(self, size: int, seconds: float) -> None:
        """A request, or more where something was sent again, brought this many bytes over the link in this time."""
        now = size / max(seconds - self.round_trip_s(), 0.001)
        self._bytes_per_s = now if not self._bytes_per_s else self._bytes_per_s + _WEIGHT * (now - self._bytes_per_s)

    def _store(self, group: Sequence[Delivery]) -> Iterator[_Outcome]:
        """Send one request; what is refused for its transfer syntax is sent again in another, at last uncompressed."""
        again: list[Delivery] = []
        with ExitStack() as copies:
            items: dict[str, tuple[Delivery, StowItem]] = {}
            for delivery in group:
                try:
                    self._beat()
                    items[delivery.sop_instance_uid] = (delivery, self._item(delivery, copies))
                except GatewayError as fault:
                    yield delivery, fault
            if not items:
                return
            try:
                for item, result in self._open_session().store_batch([item for _, item in items.values()]):
                    delivery, _ = items.pop(item.sop_instance_uid)
                    if isinstance(result, GatewayError) and self._wants_another_syntax(delivery, item, result):
                        again.append(delivery)
                        if result.code == _WHOLE_REQUEST_REFUSED:
                            break  # the others would be refused one by one, each at the cost of a sending
                    else:
                        yield delivery, self._with_cost(delivery, item, result)
            except GatewayError as fault:
                unknown = [*again, *(delivery for delivery, _ in items.values())]
                yield from self._of_unknown(unknown, fault, several=len(group) > 1)
                return
        again += [delivery for delivery, _ in items.values()]
        self._perhaps_sent |= {delivery.sop_instance_uid for delivery, _ in items.values()}
        if again:
            yield from self._store(again)

    def _of_unknown(self, unknown: Sequence[Delivery], fault: GatewayError, *, several: bool) -> Iterator[_Outcome]:
        """What is said of objects whose request broke, or was refused as a whole."""
        self._perhaps_sent |= {delivery.sop_instance_uid for delivery in unknown}
        if isinstance(fault, Stopped):  # what the next run must know of each: it may have been sent
            yield from ((delivery, fault) for delivery in unknown)
            return
        # One stands for all: none is blamed for what befell a batch, but each may have arrived.
        if _may_have_arrived(fault):
            yield from ((delivery, PerhapsSent(fault)) for delivery in unknown[1:])
        said = self._of_service(fault, several=several)
        yield unknown[0], SharedBreak(said) if several else said

    def _refused(self, sop_class_uid: str) -> frozenset[str]:
        """The transfer syntaxes in which the service refuses a class, by what it said now and before."""
        now = {
            syntax for (sop_class, syntax), stored in self._said.items() if sop_class == sop_class_uid and not stored
        }
        return frozenset({*self._recall(sop_class_uid), *now} - {EXPLICIT, IMPLICIT})

    def _item(self, delivery: Delivery, copies: ExitStack) -> StowItem:
        sop_class, stored = _pair(delivery)
        accepted = frozenset[str]()
        if stored in (refused := self._refused(sop_class)):
            accepted = frozenset({EXPLICIT, *self._outgoing.candidates} - refused)
        path, syntax = copies.enter_context(self._outgoing.encoded(delivery, accepted))
        return StowItem(path, delivery.sop_instance_uid, syntax, sent_before=self._was_sent(delivery))

    def _wants_another_syntax(self, delivery: Delivery, item: StowItem, result: GatewayError) -> bool:
        if result.code not in _SYNTAX_REFUSED or item.transfer_syntax_uid in {EXPLICIT, IMPLICIT}:
            return False
        self._said[str(delivery.spooled.sop_class_uid), item.transfer_syntax_uid] = False
        return True

    def _with_cost(
        self, delivery: Delivery, item: StowItem, result: StoreOutcome | GatewayError
    ) -> StoreOutcome | GatewayError:
        if isinstance(result, GatewayError):
            return result
        self._cautious = False
        self._said.setdefault((str(delivery.spooled.sop_class_uid), item.transfer_syntax_uid), True)
        self._perhaps_sent.discard(delivery.sop_instance_uid)
        if item.transfer_syntax_uid == delivery.spooled.transfer_syntax_uid:
            return result
        return replace(result, copy_bytes=item.path.stat().st_size)

    def _of_service(self, fault: GatewayError, *, several: bool) -> GatewayError:
        """A fault of the link or the whole service, so said that it parks no object: `open` says it as it is."""
        self._cautious = self._cautious or (several and fault.disposition is Disposition.RETRY)
        if fault.disposition is not Disposition.RETRY or fault.retry_after_s:
            self._refusal = fault
            self._refused_until = self._monotonic() + fault.retry_after_s
        if concerns_the_link(fault):
            return fault
        return GatewayError(
            fault.message,
            disposition=Disposition.RETRY,
            phase=Phase.RESPONSE,
            remedy=fault.remedy,
            code=fault.code,
            retry_after_s=fault.retry_after_s,
        )

    def _repeat_refusal(self) -> None:
        """Raise what the service said last: as long as it asked to be left alone, and once if a person must act."""
        refusal, self._refusal = self._refusal, None
        if refusal is None:
            return
        left_alone = self._refused_until > self._monotonic()
        if left_alone:
            self._refusal = refusal
        if left_alone or refusal.disposition is not Disposition.RETRY:
            raise refusal

    def _open_session(self) -> StowSession:
        if self._session is None:
            raise ValueError("nothing is open")
        return self._session


def _may_have_arrived(fault: GatewayError) -> bool:
    """Whether the service may have stored a request in spite of this: a link that broke, or an answer of 500 or more.

    What the ledger does not know of, no correction finds there.
    """
    refused = fault.code.startswith(("HTTP 3", "HTTP 4"))
    return fault.phase in {Phase.TRANSFER, Phase.RESPONSE} and not refused


def _pair(delivery: Delivery) -> Pair:
    return str(delivery.spooled.sop_class_uid), str(delivery.spooled.transfer_syntax_uid)
