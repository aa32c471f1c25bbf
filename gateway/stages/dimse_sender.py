"""Sends deliveries by C-STORE over one association."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

from gateway.dimse.congestion import Losses
from gateway.dimse.opening import Connected
from gateway.dimse.part10 import Part10File
from gateway.dimse.peer import Peer
from gateway.dimse.store import StoreSession
from gateway.domain.corrections import KEY_OBJECT_SELECTION
from gateway.domain.errors import GatewayError
from gateway.domain.instance import Delivery, StoreOutcome
from gateway.stages.beat import Beat, beat_until_stopped
from gateway.stages.sender import Learnt, Meanwhile, Outgoing, Pace, Pair, concerns_the_link, nothing

_READY_BYTES = 256 << 20
"""What is longer is not made ready while an answer is awaited: reading it through would hold that answer up."""


class DimseSender:
    """The `Sender` of a Storage SCP."""

    def __init__(
        self,
        peer: Peer,
        outgoing: Outgoing,
        *,
        beat: Beat,
        pace: Pace | None = None,
        offered: Sequence[str] = (),
        connected: Connected | None = None,
        losses: Losses | None = None,
    ) -> None:
        """Nothing is opened yet.

        Parameters
        ----------
        offered
            Transfer syntaxes that are proposed beside those needed, to learn what the peer takes.
        connected
            Told the round-trip time in seconds as soon as the peer's host has answered.
        losses
            What the associations to this destination know together of the link's losses.
        """
        self._peer = peer
        self._outgoing = outgoing
        self._calm_beat = beat
        self._hasty_beat = beat_until_stopped(beat)
        self._connected = connected
        self._losses = losses or Losses()
        self._closing = False
        self._ready: _Ready | None = None
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
        images = [sop_class for sop_class, _ in needed if sop_class != KEY_OBJECT_SELECTION]
        also = [(sop_class, syntax) for sop_class in images for syntax in self._offered]
        wanted = dict.fromkeys([*self._pairs, *also])
        session = StoreSession.open(
            self._peer, wanted, beat=self._beat, pace=self._pace, connected=self._connected, losses=self._losses
        )
        self._session = session
        said = {pair: pair[1] in session.accepted(pair[0]) for pair in wanted if session.proposed(*pair)}
        self._learnt = Learnt(said, session.peer_max_pdu_bytes)

    def send(
        self, batch: Sequence[Delivery], meanwhile: Meanwhile = nothing
    ) -> Iterator[tuple[Delivery, StoreOutcome | GatewayError]]:
        """Store one after the other; ends early when the association has ended.

        While an answer is awaited the next one is made ready: its file is checked.
        """
        for position, delivery in enumerate(batch):
            if position and not self.usable():
                return
            try:
                self._beat()
                outcome: StoreOutcome | GatewayError = self._store(
                    delivery, partial(self._meanwhile, batch[position + 1 :], meanwhile)
                )
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

    def queueing_s(self) -> float:
        """The queue before the link, as the kernel sees it in the round trip."""
        return 0.0 if self._session is None else self._session.queueing_s()

    def usable(self) -> bool:
        """Whether the association stands."""
        return self._session is not None and self._session.usable()

    def close(self) -> None:
        """Release the association."""
        self._drop_ready()
        if self._session is not None:
            self._closing = True
            try:
                self._session.close()
            finally:
                self._closing = False
                self._session = None

    def _beat(self) -> None:
        """Beat; what is under way is broken off when the role is asked to end, but for the farewell to the peer."""
        (self._calm_beat if self._closing else self._hasty_beat)()

    def _store(self, delivery: Delivery, meanwhile: Callable[[], None]) -> StoreOutcome:
        session = self._session
        if session is None:
            raise ValueError("nothing is open")
        with self._take_ready(delivery) or self._make_ready(delivery) as ready:
            outcome = session.store(
                ready.path,
                sop_class_uid=delivery.spooled.sop_class_uid,
                sop_instance_uid=delivery.sop_instance_uid,
                transfer_syntax_uid=ready.syntax,
                sent_before=delivery.attempts > 1,
                meanwhile=meanwhile,
                opened=ready.file,
            )
            if ready.syntax == delivery.spooled.transfer_syntax_uid:
                return outcome
            return replace(outcome, copy_bytes=ready.path.stat().st_size)

    def _meanwhile(self, rest: Sequence[Delivery], also: Meanwhile) -> None:
        """What is done while an answer is awaited: the caller's own work, and the next object is made ready."""
        ahead = also(rest)
        following = next(iter([*rest, *ahead]), None)
        if following is None or following.spooled.size > _READY_BYTES or self._session is None:
            return
        if following.spooled.transfer_syntax_uid not in self._session.accepted(following.spooled.sop_class_uid):
            return  # a copy must be made, which takes long; it is made when its turn has come
        self._drop_ready()
        with contextlib.suppress(GatewayError):  # it is found again, and told, when its turn has come
            self._ready = self._make_ready(following)

    def _make_ready(self, delivery: Delivery) -> "_Ready":
        """Check the file of a delivery and open it."""
        spooled = delivery.spooled
        with ExitStack() as stack:
            path, syntax = stack.enter_context(self._outgoing.encoded(delivery, self.accepted(spooled.sop_class_uid)))
            file = Part10File.open(path, spooled.sop_class_uid, delivery.sop_instance_uid, syntax)
            stack.enter_context(file)
            return _Ready(delivery, path, syntax, file, stack.pop_all())

    def _take_ready(self, delivery: Delivery) -> "_Ready | None":
        """What was made ready, if it is this delivery."""
        ready, self._ready = self._ready, None
        if ready is None:
            return None
        if ready.delivery.id == delivery.id and ready.syntax in self.accepted(delivery.spooled.sop_class_uid):
            return ready
        ready.close()
        return None

    def _drop_ready(self) -> None:
        if self._ready is not None:
            self._ready.close()
            self._ready = None


@dataclass(frozen=True, slots=True)
class _Ready:
    """A checked and opened file, and what must be undone after it was sent."""

    delivery: Delivery
    path: Path
    syntax: str
    file: Part10File
    stack: ExitStack

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and remove it if it is a copy."""
        self.stack.close()
