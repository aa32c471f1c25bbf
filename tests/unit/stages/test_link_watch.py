"""What waits is woken when the network changes or a probe gets through, and left alone otherwise."""

import pytest

from gateway.dimse.link_faults import broken, closed_unanswered, protocol_fault, silent, unreachable, unresolved
from gateway.dimse.peer import Peer
from gateway.dimse.rejections import aborted, rejected
from gateway.dimse.status import PeerRefused, store_meaning
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.stages.link_watch import LinkWatch, may_be_the_link
from tests.support.ledger import SetClock

PACS = Peer("main", "pacs.example", 104, "PACS", "BOX")


class Destinations:
    """Which destinations wait, with their failures in a row, and which were woken."""

    def __init__(self, *waiting: str) -> None:
        self.waiting = dict.fromkeys(waiting, 1)
        self.woken: list[str] = []

    def cut_off(self) -> dict[str, int]:
        return dict(self.waiting)

    def reached(self, name: str) -> None:
        self.woken.append(name)
        del self.waiting[name]


class Net:
    """A network that a test changes."""

    state = "up"
    reachable: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.probed: list[str] = []

    def __call__(self) -> str:
        return self.state

    def probe(self, name: str) -> None:
        self.probed.append(name)
        if name not in self.reachable:
            raise GatewayError("no", disposition=Disposition.RETRY, phase=Phase.CONNECT)


class Watching:
    """The loop with a network, a clock and destinations that a test moves."""

    def __init__(self, *waiting: str) -> None:
        self.destinations, self.net, self.clock = Destinations(*waiting), Net(), SetClock()
        probes = {name: lambda name=name: self.net.probe(name) for name in ("main", "second")}
        self.loop = LinkWatch(destinations=self.destinations, probes=probes, network=self.net, clock=self.clock)  # type: ignore[arg-type] # a stand-in of the ledger

    def look(self, seconds: int) -> None:
        """Let the loop look once a second."""
        for _ in range(seconds):
            self.loop.round()
            self.clock.advance(1)

    def seconds_until_woken(self) -> int:
        """How long a destination waits that fails again as soon as it was woken."""
        self.destinations.woken.clear()
        seconds = 0
        while not self.destinations.woken:
            self.look(1)
            seconds += 1
        return seconds


def test_a_changed_network_wakes_all_that_wait() -> None:
    watching = Watching("main", "second")
    watching.look(1)
    assert not watching.destinations.woken
    watching.net.state = "another route"
    watching.look(1)
    assert watching.destinations.woken == ["main", "second"]


def test_what_was_seen_away_is_woken_by_the_first_probe_that_gets_through() -> None:
    watching = Watching("main", "second")
    watching.look(600)
    assert not watching.destinations.woken
    watching.net.reachable = ("second",)
    watching.look(11)
    assert watching.destinations.woken == ["second"]


def test_probes_come_soon_and_then_less_often() -> None:
    watching = Watching("main")
    watching.look(12)
    soon = len(watching.net.probed)
    watching.look(100)
    assert soon >= 3
    assert len(watching.net.probed) - soon in {9, 10}


def test_one_probe_at_a_look() -> None:
    watching = Watching("main", "second")
    for _ in range(100):
        before = len(watching.net.probed)
        watching.look(1)
        assert len(watching.net.probed) - before <= 1
    assert set(watching.net.probed) == {"main", "second"}


def test_what_is_reached_each_time_is_woken_and_each_time_later() -> None:
    watching = Watching()
    watching.net.reachable = ("main",)
    waits = []
    for failures in range(1, 7):
        watching.destinations.waiting = {"main": failures}
        waits.append(watching.seconds_until_woken())
    assert waits[0] < 10
    assert waits == sorted(waits)
    assert waits[-1] > 150


def test_an_answer_in_between_makes_the_next_wait_short_again() -> None:
    watching = Watching()
    watching.net.reachable = ("main",)
    for failures in (1, 2, 3, 4):
        watching.destinations.waiting = {"main": failures}
        assert watching.seconds_until_woken()
    for failures in (1, 1):
        watching.destinations.waiting = {"main": failures}
        assert watching.seconds_until_woken() < 10


def test_a_try_of_its_own_that_failed_does_not_hide_that_the_link_was_away() -> None:
    watching = Watching("main")
    watching.look(60)
    for failures in range(2, 9):
        watching.destinations.waiting = {"main": failures}
        watching.look(1)
    watching.net.reachable = ("main",)
    watching.look(4)
    assert watching.destinations.woken == ["main"]


def test_nothing_is_probed_while_nothing_waits() -> None:
    watching = Watching()
    watching.net.reachable = ("main", "second")
    watching.look(60)
    assert not watching.net.probed


@pytest.mark.parametrize(
    "fault",
    [
        unresolved(PACS, OSError()),
        unreachable(PACS, TimeoutError()),
        unreachable(PACS, ConnectionRefusedError()),
        closed_unanswered(PACS, ConnectionResetError()),
        *(silent(PACS, phase, "it", 30) for phase in (Phase.NEGOTIATE, Phase.TRANSFER, Phase.RESPONSE)),
        *(broken(PACS, TimeoutError(), phase) for phase in (Phase.TRANSFER, Phase.RESPONSE)),
        *(broken(PACS, ConnectionResetError(), phase) for phase in (Phase.NEGOTIATE, Phase.TRANSFER, Phase.RESPONSE)),
        protocol_fault(PACS, Phase.RESPONSE, "garbled"),
        *(aborted(PACS, 2, 0, phase) for phase in (Phase.TRANSFER, Phase.RESPONSE)),
    ],
    ids=lambda fault: f"{fault.phase.value} {fault.code}",
)
def test_silence_and_what_broke_off_may_be_the_links_doing(fault: GatewayError) -> None:
    assert may_be_the_link(fault)


@pytest.mark.parametrize(
    "fault",
    [
        rejected(PACS, 2, 3, 2),
        rejected(PACS, 1, 1, 3),
        aborted(PACS, 0, 0, Phase.NEGOTIATE),
        PeerRefused(PACS, store_meaning(0xA700), 0xA700, "", Phase.RESPONSE),
        GatewayError("busy", disposition=Disposition.RETRY, phase=Phase.RESPONSE, code="HTTP 503"),
        GatewayError("an alert", disposition=Disposition.RETRY, phase=Phase.TLS, code="TLSV1_ALERT_INTERNAL_ERROR"),
    ],
    ids=lambda fault: f"{fault.phase.value} {fault.code}",
)
def test_a_peer_that_is_reached_and_refuses_is_left_its_peace(fault: GatewayError) -> None:
    assert not may_be_the_link(fault)
