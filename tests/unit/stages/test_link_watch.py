"""What waits is woken when the network changes or a probe gets through, and left alone otherwise."""

from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.stages.link_watch import LinkWatch
from tests.support.ledger import SetClock


class Deliveries:
    """Which destinations wait, and which were woken."""

    def __init__(self, *waiting: str) -> None:
        self.waiting = list(waiting)
        self.woken: list[str] = []

    def unreached(self, _: object) -> list[str]:
        return [name for name in self.waiting if name not in self.woken]

    def reached(self, name: str) -> None:
        self.woken.append(name)


class Net:
    """A network that a test changes."""

    state = "up"
    reachable: tuple[str, ...] = ()

    def __call__(self) -> str:
        return self.state

    def probe(self, name: str) -> None:
        if name not in self.reachable:
            raise GatewayError("no", disposition=Disposition.RETRY, phase=Phase.CONNECT)


def watch(deliveries: Deliveries, net: Net, clock: SetClock) -> LinkWatch:
    probes = {name: lambda name=name: net.probe(name) for name in ("main", "second")}
    return LinkWatch(destinations=deliveries, probes=probes, network=net, clock=clock)  # type: ignore[arg-type] # a stand-in of the ledger


def test_a_changed_network_wakes_all_that_wait() -> None:
    deliveries, net, clock = Deliveries("main", "second"), Net(), SetClock()
    loop = watch(deliveries, net, clock)
    loop.round()
    assert not deliveries.woken
    net.state = "another route"
    loop.round()
    assert deliveries.woken == ["main", "second"]


def test_a_probe_that_gets_through_wakes_that_one() -> None:
    deliveries, net, clock = Deliveries("main", "second"), Net(), SetClock()
    loop = watch(deliveries, net, clock)
    net.reachable = ("second",)
    for _ in range(5):
        loop.round()
    assert not deliveries.woken  # not at every look
    clock.advance(10)
    loop.round()
    assert deliveries.woken == ["second"]


def test_nothing_is_probed_while_nothing_waits() -> None:
    deliveries, net, clock = Deliveries(), Net(), SetClock()
    net.reachable = ("main", "second")
    loop = watch(deliveries, net, clock)
    clock.advance(60)
    loop.round()
    assert not deliveries.woken
