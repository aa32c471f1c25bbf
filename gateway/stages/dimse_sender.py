"""Sends deliveries by C-STORE over one association."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from gateway.dimse.peer import Peer
from gateway.dimse.store import StoreSession
from gateway.domain.errors import GatewayError
from gateway.domain.instance import Delivery, StoreOutcome
from gateway.stages.loop import Beat
from gateway.stages.sender import Learnt, Outgoing, Pace, Pair, concerns_the_link


class DimseSender:
    """The `Sender` of a Storage SCP."""

    def __init__(
        self, peer: Peer, outgoing: Outgoing, *, beat: Beat, pace: Pace | None = None, offered: Sequence[str] = ()
    ) -> None:
        """`offered` are transfer syntaxes that are proposed beside those needed, to learn what the peer takes."""
        self._peer = peer
        self._outgoing = outgoing
        self._beat = beat
        self._pace = pace
        self._offered = tuple(offered)
        self._session: StoreSession | None = None
        self._pairs: dict[Pair, None] = {}
        self._learnt: Learnt | None = None

    def open(self, pairs: Iterable[Pair]) -> None:
        """Associate for these pairs and all that were ever needed, unless the open association serves them."""
        needed = dict.fromkeys(pairs)
        session = self._session
        if session is not None and session.usable() and all(session.proposed(*pair) for pair in needed):
            return
        self.close()
        # these first: an association holds 128 contexts and no more
        self._pairs = {**needed, **self._pairs}
        also = [(sop_class, syntax) for sop_class, _ in needed for syntax in self._offered]
        wanted = dict.fromkeys([*self._pairs, *also])
        session = StoreSession.open(self._peer, wanted, beat=self._beat, pace=self._pace)
        self._session = session
        said = {pair: pair[1] in session.accepted(pair[0]) for pair in wanted if session.proposed(*pair)}
        self._learnt = Learnt(said, session.peer_max_pdu_bytes)

    def send(self, batch: Sequence[Delivery]) -> Iterator[tuple[Delivery, StoreOutcome | GatewayError]]:
        """Store one after the other; ends early when the association has ended."""
        for position, delivery in enumerate(batch):
            if position and not self.usable():
                return
            self._beat()
            try:
                outcome: StoreOutcome | GatewayError = self._store(delivery)
            except GatewayError as fault:
                outcome = fault
            yield delivery, outcome
            if isinstance(outcome, GatewayError) and concerns_the_link(outcome):
                return

    def accepted(self, sop_class_uid: str) -> frozenset[str]:
        """What the peer accepted for this class."""
        return frozenset() if self._session is None else self._session.accepted(sop_class_uid)

    def learnt(self) -> Learnt | None:
        """What the last negotiation came to."""
        return self._learnt

    def round_trip_s(self) -> float:
        """The kernel's least round-trip time."""
        return 0.0 if self._session is None else self._session.round_trip_s()

    def usable(self) -> bool:
        """Whether the association stands."""
        return self._session is not None and self._session.usable()

    def close(self) -> None:
        """Release the association."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _store(self, delivery: Delivery) -> StoreOutcome:
        session = self._session
        if session is None:
            raise ValueError("nothing is open")
        sop_class = delivery.spooled.sop_class_uid
        with self._outgoing.encoded(delivery, session.accepted(sop_class)) as (path, syntax):
            outcome = session.store(
                path,
                sop_class_uid=sop_class,
                sop_instance_uid=delivery.sop_instance_uid,
                transfer_syntax_uid=syntax,
                sent_before=delivery.attempts > 1,
            )
            if syntax == delivery.spooled.transfer_syntax_uid:
                return outcome
            return replace(outcome, copy_bytes=path.stat().st_size)
