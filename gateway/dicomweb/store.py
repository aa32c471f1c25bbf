"""STOW-RS: batches of instances, each judged by what the service says of it, never by the HTTP status alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType, TracebackType
from typing import Self

from gateway.dicomweb.answer import StoreAnswer, read_store_answer
from gateway.dicomweb.http_session import HttpAnswer, HttpSession
from gateway.dicomweb.multipart import SpoolFault, StoreBody, StowItem
from gateway.dicomweb.peer import StowPeer
from gateway.dicomweb.qido import held_instances
from gateway.dicomweb.statuses import (
    DUPLICATE,
    ServiceRefused,
    concerns_the_service,
    reason_meaning,
    refused,
    succeeded,
)
from gateway.dicomweb.wire import Beat, Pace, no_beat
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.instance import StoreOutcome

Result = tuple[StowItem, StoreOutcome | GatewayError]
_TOO_LARGE = 413
_ACCEPT: Mapping[str, str] = MappingProxyType({"Accept": "application/dicom+json"})


def how_many(sizes: Sequence[int], *, max_bytes: int, max_instances: int) -> int:
    """How many of the objects with these sizes in bytes go into the next request: at least one, if there is one.

    An object that is larger than a whole request travels by itself.
    """
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if count and (total > max_bytes or count >= max_instances):
            return count
    return len(sizes)


class StowSession:
    """A connection for storing. Use it from one thread; leave it by `close` or as a context manager.

    `most_bytes` is how many bytes of instances the service was found to take in one request: half of what was too
    large, and half again where that still is. An instance that is larger travels by itself.
    """

    def __init__(self, session: HttpSession) -> None:
        self.peer = session.peer
        self.most_bytes = session.peer.max_batch_bytes
        self._session = session

    @classmethod
    def open(cls, peer: StowPeer, *, beat: Beat = no_beat, pace: Pace | None = None) -> Self:
        """Connect to `peer`.

        Parameters
        ----------
        beat
            Called at least every few seconds while instances are sent or an answer is awaited.
        pace
            Says before each write how much may go, and waits if it must.

        Raises
        ------
        GatewayError
            In phase CONFIGURE, RESOLVE, CONNECT or TLS.
        """
        return cls(HttpSession.open(peer, beat=beat, pace=pace))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def usable(self) -> bool:
        """Whether the connection still stands; the next batch makes a new one otherwise."""
        return self._session.usable()

    def round_trip_s(self) -> float:
        """The least round-trip time of the connection in seconds; 0 if the kernel does not say."""
        return self._session.wire.round_trip_s()

    def close(self) -> None:
        """Release the connection."""
        self._session.close()

    def store_batch(self, items: Sequence[StowItem]) -> Iterator[Result]:
        """Send `items` in one request and say of each what became of it, as soon as that is known.

        What the answer does not name, though it names others, is sent again by itself. A success that names nobody is
        proven by a query.

        Yields
        ------
        tuple of StowItem and (StoreOutcome or GatewayError)
            The status of an outcome is the instance's Warning Reason, 0 without one.

        Raises
        ------
        GatewayError
            The link broke or the service as a whole refuses; of items not yielded nothing is known, except that
            sending them again is harmless.

        References
        ----------
        PS3.18 section 10.5.
        """
        try:
            reply = self._post(items)
        except SpoolFault as fault:
            yield fault.item, fault
            rest = [item for item in items if item is not fault.item]
            if rest:
                yield from self.store_batch(rest)
            return
        answer = read_store_answer(reply)
        silent: list[StowItem] = []
        for item in items:
            verdict = self._verdict(item, answer, sent_before=item.sent_before or reply.repeated)
            if verdict is None:
                silent.append(item)
            else:
                yield item, verdict
        if silent:
            yield from self._of_silent(silent, reply, answer, alone=len(items) == 1)

    def _post(self, items: Sequence[StowItem]) -> HttpAnswer:
        body = StoreBody(items)
        headers = {"Content-Type": body.content_type, **_ACCEPT}
        return self._session.ask("POST", "/studies", headers=headers, content=body, size=body.size)

    def _verdict(self, item: StowItem, answer: StoreAnswer, *, sent_before: bool) -> StoreOutcome | GatewayError | None:
        """What the answer says of one instance; None if it does not name it."""
        uid = item.sop_instance_uid
        if uid in answer.failed:
            reason = answer.failed[uid]
            if reason == DUPLICATE and sent_before:
                return StoreOutcome(reason, "", item.transfer_syntax_uid)
            return ServiceRefused(self.peer, reason_meaning(reason), f"{reason:04X}")
        if uid in answer.stored:
            return StoreOutcome(answer.stored[uid], "", item.transfer_syntax_uid)
        return None

    def _of_silent(
        self, items: Sequence[StowItem], reply: HttpAnswer, answer: StoreAnswer, *, alone: bool
    ) -> Iterator[Result]:
        """What becomes of instances that the answer does not name."""
        success = succeeded(reply.status)
        if not success and concerns_the_service(reply):
            raise refused(self.peer, reply)
        again = [replace(item, sent_before=True) for item in items]
        if success and not answer.readable:
            yield from self._proven_by_query(items, reply)
        elif alone:
            yield items[0], self._not_named(answer) if success else refused(self.peer, reply)
        elif reply.status == _TOO_LARGE:
            yield from self._in_smaller_requests(again)
        else:
            for item in again:
                yield from self.store_batch([item])

    def _in_smaller_requests(self, items: Sequence[StowItem]) -> Iterator[Result]:
        """Send again what was too large together; each refusal halves what the next request holds."""
        sizes = [item.size for item in items]
        self.most_bytes = min(self.most_bytes, sum(sizes) // 2)
        done = 0
        while done < len(items):
            count = how_many(sizes[done:], max_bytes=self.most_bytes, max_instances=len(items))
            yield from self.store_batch(items[done : done + count])
            done += count

    def _proven_by_query(self, items: Sequence[StowItem], reply: HttpAnswer) -> Iterator[Result]:
        held = held_instances(self._session, [item.sop_instance_uid for item in items])
        for item in items:
            if item.sop_instance_uid in held:
                yield item, StoreOutcome(0, "found by query", item.transfer_syntax_uid)
            else:
                yield item, self._unproven(reply)

    def _unproven(self, reply: HttpAnswer) -> GatewayError:
        return GatewayError(
            f"{self.peer.name} answered {reply.status} without naming what it stored, and a query does not find it.",
            disposition=Disposition.RETRY,
            phase=Phase.RESPONSE,
            remedy="The gateway sends it again; check that the URL is that of a DICOMweb service.",
            code=f"HTTP {reply.status}",
        )

    def _not_named(self, answer: StoreAnswer) -> GatewayError:
        why = "could not read it as a DICOM object" if answer.others else "names it neither as stored nor as failed"
        return GatewayError(
            f"{self.peer.name} took the request with this object and {why}.",
            disposition=Disposition.PARK,
            phase=Phase.RESPONSE,
            remedy="Ask the administrator of the service to look into its log.",
            code="not named",
        )
