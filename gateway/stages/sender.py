"""What a destination's worker sends through: the port that each protocol implements, and what each needs of a file."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.domain import pacing
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.instance import Delivery, StoreOutcome
from gateway.spool.files import SpoolFiles, is_whole

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"

Pair = tuple[str, str]
"""SOP class UID and transfer syntax UID."""

Pace = pacing.Pace


Meanwhile = Callable[[Sequence[Delivery]], Sequence[Delivery]]
"""Done while a peer's answer is awaited: told what of the batch is not begun, it says what follows the batch."""


def nothing(_: Sequence[Delivery]) -> Sequence[Delivery]:
    """The `Meanwhile` of a caller that has nothing else to do."""
    return ()


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a peer said: which pairs it takes, and the longest PDU (0: no limit; None where there are no PDUs)."""

    pairs: Mapping[Pair, bool]
    max_pdu_bytes: int | None = 0


class PerhapsSent(GatewayError):  # noqa: N818 - names what is known of the object
    """The request that held an object with others broke: the peer may have it, and the object is not to blame."""

    def __init__(self, fault: GatewayError) -> None:
        super().__init__(
            fault.message, disposition=Disposition.RETRY, phase=fault.phase, remedy=fault.remedy, code=fault.code
        )


class SharedBreak(GatewayError):  # noqa: N818 - names what befell several objects
    """The request that held several objects broke: this says so of the destination, and blames none of them."""

    def __init__(self, fault: GatewayError) -> None:
        super().__init__(
            fault.message,
            disposition=fault.disposition,
            phase=fault.phase,
            remedy=fault.remedy,
            code=fault.code,
            retry_after_s=fault.retry_after_s,
        )


class Sender(Protocol):
    """Sends to one destination over one association or connection of its own; for one thread.

    The worker opens, sends a batch, takes outcomes one by one and records each before it asks for the next.
    """

    def open(self, pairs: Iterable[Pair]) -> None:
        """Be ready for these pairs; an open association that serves them is kept.

        Raises
        ------
        GatewayError
            The peer cannot be reached or refuses; its phase says where. Nothing was sent.
        """
        ...

    def send(
        self, batch: Sequence[Delivery], meanwhile: Meanwhile = nothing
    ) -> Iterator[tuple[Delivery, StoreOutcome | GatewayError]]:
        """Send deliveries of the pairs that were opened, with one outcome each, as soon as it is known.

        `meanwhile` is called while an answer is awaited, with what of the batch is not begun then. A fault of one
        object stands in its place, `PerhapsSent` for what broke with others. After a fault of the link, or when the
        peer ended in order, the iterator ends early: what it did not name was not begun.
        """
        ...

    def accepted(self, sop_class_uid: str) -> frozenset[str]:
        """The transfer syntaxes in which the peer takes this class; empty if none, or if it has not said yet."""
        ...

    def learnt(self) -> Learnt | None:
        """What was learnt last: by `open`, or by `send` where a peer tells nothing beforehand; None if nothing was."""
        ...

    def round_trip_s(self) -> float:
        """The least round-trip time of the open connection in seconds, as the kernel measured it; 0 if unknown."""
        ...

    def queueing_s(self) -> float:
        """By how many seconds the round trip is longer now than at its least: the queue; 0 if unknown."""
        ...

    def usable(self) -> bool:
        """Whether what is open still stands."""
        ...

    def close(self) -> None:
        """Release what is open, in order; harmless when nothing is."""
        ...


@dataclass(frozen=True, slots=True)
class CopyRules:
    """What a destination's copies may be: the syntaxes of its compression, and how fast its link is (None: unknown)."""

    candidates: Sequence[str] = ()
    link_rate: Callable[[], float | None] = lambda: None
    monotonic: Callable[[], float] = time.monotonic


class Outgoing:
    """The files of deliveries: checked to be what was frozen, and copied where the peer refuses their syntax."""

    def __init__(self, files: SpoolFiles, copies: CopyRules | None = None) -> None:
        self._files = files
        self._copies = copies or CopyRules()

    @property
    def candidates(self) -> Sequence[str]:
        """The transfer syntaxes in which copies may be made."""
        return self._copies.candidates

    def checked(self, delivery: Delivery) -> Path:
        """The frozen file of a delivery; refuses bytes that are not those that were frozen (promise 2).

        Raises
        ------
        GatewayError
            QUARANTINE, phase SPOOL; RETRY where the file cannot be read now.
        """
        path = self._files.absolute(delivery.spooled.path)
        if not is_whole(path, delivery.spooled.digest):
            raise GatewayError(
                f"The spooled object {delivery.sop_instance_uid} is not as it was frozen.",
                disposition=Disposition.QUARANTINE,
                phase=Phase.SPOOL,
                remedy="The disk of this box is failing; the captured file is still kept. Replace the disk.",
                code="digest",
            )
        return path

    @contextmanager
    def encoded(self, delivery: Delivery, accepted: Collection[str]) -> Iterator[tuple[Path, str]]:
        """The checked file and its transfer syntax, or a copy in one that is accepted if the stored one is not."""
        path = self.checked(delivery)
        syntax = str(delivery.spooled.transfer_syntax_uid)
        if syntax in accepted or not {EXPLICIT, IMPLICIT} & set(accepted):
            yield path, syntax
            return
        # decoders and encoders weigh a role down for years; most destinations never need a copy
        from gateway.stages.copies import write_copy  # noqa: PLC0415 - as said above

        with self._files.new_file() as (stream, copy):
            syntax = write_copy(path, stream, accepted, self._copies)
        try:
            yield copy, syntax
        finally:
            copy.unlink(missing_ok=True)


def concerns_the_link(fault: GatewayError) -> bool:
    """Whether a fault says something about the destination rather than about the one object."""
    if isinstance(fault, PerhapsSent):
        return False  # another of its batch says what befell the link
    return fault.disposition is Disposition.RETRY and fault.phase in _LINK_PHASES


def was_closed_on(fault: GatewayError) -> bool:
    """Whether the other side ended the link, as a peer does that cannot bear an object; a link that is away is silent.

    On a link that goes away every few seconds an object may meet that many times without being at fault.
    """
    return concerns_the_link(fault) and not isinstance(fault, SharedBreak) and fault.code not in _SILENCE


_SILENCE = frozenset({"time-out", TimeoutError.__name__})
_LINK_PHASES = frozenset({Phase.RESOLVE, Phase.CONNECT, Phase.TLS, Phase.NEGOTIATE, Phase.TRANSFER, Phase.RESPONSE})
