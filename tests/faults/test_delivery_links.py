"""Links that break, stall, garble and vanish under the real forward role: all arrives, each instance as one object."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread

from tests.support.backlog import FrozenObject, owe, write_giant, write_objects
from tests.support.fault_proxy import CLEAN, FaultProxy, Hurt, Kind
from tests.support.forwarding import ForwardRole, Target
from tests.support.link_emulator import PACS, EmulatedLink, LinkShape
from tests.support.peers import Orthanc
from tests.support.pki import Pki, make_pki

BACKLOG = 5000
BACKLOG_BYTES = 10_000
RATE_BYTES_S = 10_000_000
LIVES_S, DEAD_S = 5.0, 0.3
HURTS: tuple[Hurt, ...] = (
    Hurt("rst", 2_500_000, RATE_BYTES_S),
    Hurt("fin", 1_234_567, RATE_BYTES_S),
    Hurt("flip", 3_000_001, RATE_BYTES_S),
    Hurt(rate_bytes_s=RATE_BYTES_S),
    Hurt("stall", 1_000_000, RATE_BYTES_S),
)
"""What becomes of each connection in turn, if the link does not die before."""
STALL_S = 3
PORT = 11112
GROWTH_MB = 24
READ_AHEAD_BYTES = 2_000_000
"""What of a large object may be in this machine's memory at once: a block, and what the sockets hold."""


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


def over_tls(pki: Pki, port: int) -> Target:
    """A destination on loopback over mutual TLS."""
    tls = f'ca = "{pki.certificate("ca")}", certificate = "{pki.certificate("box")}", key = "file:{pki.key("box")}"'
    return Target("main", f"127.0.0.1:{port}", extra=f"tls = {{ {tls} }}")


def holds_each_once(pacs: Orthanc, objects: list[FrozenObject], spool: Path) -> None:
    """Orthanc has exactly these objects, one of each, and their data sets are the frozen ones."""
    found = pacs.held()
    held = dict(found)
    assert len(found) == len(pacs.instances()) == len(objects)
    assert pacs.rest("/statistics")["CountInstances"] == len(objects)
    assert held.keys() == {one.sop_instance_uid for one in objects}
    for one in objects[:: max(1, len(objects) // 20)]:
        frozen, arrived = dcmread(spool / one.path), dcmread(BytesIO(pacs.file_of(held[one.sop_instance_uid])))
        assert frozen == arrived
        assert sha256(frozen.PixelData).digest() == sha256(arrived.PixelData).digest()


@pytest.mark.parametrize("kind", ["rst", "fin", "stall", "flip"])
def test_a_link_that_breaks_in_mid_object_over_tls_loses_and_doubles_nothing(
    tmp_path: Path, pki: Pki, kind: Kind
) -> None:
    count, hurts = 12, (3, 130_000)

    def plan(number: int) -> Hurt:
        return Hurt(kind, hurts[number - 1]) if number <= len(hurts) else CLEAN

    with Orthanc(tmp_path / "pacs", pki, ae_title="PACS") as pacs, FaultProxy(pacs.port, plan) as proxy:
        role = ForwardRole(tmp_path / "gateway", [over_tls(pki, proxy.port)])
        objects = write_objects(role.spool, count, 40_000)
        owe(role.spool, objects, ["main"])
        with role:
            role.await_all_stored(count, 60)
        assert proxy.hurt == len(hurts)
        holds_each_once(pacs, objects, role.spool)
        faults = {row["disposition"] for row in role.attempts("main")} - {"done"}
        assert faults == {"retry"}, "a broken link is tried again and is nobody's fault"
        assert role.destination("main")["error"] == ""


@contextmanager
def dying(proxy: FaultProxy) -> Iterator[threading.Event]:
    """Let the link behind `proxy` die every few seconds for as long as the block lasts."""
    over = threading.Event()

    def live_and_die() -> None:
        while not over.wait(LIVES_S):
            proxy.die()
            over.wait(DEAD_S)
            proxy.revive()

    thread = threading.Thread(target=live_and_die)
    thread.start()
    try:
        yield over
    finally:
        over.set()
        thread.join()
        proxy.revive()


@pytest.mark.timeout(900)
def test_five_thousand_over_a_link_that_dies_every_few_seconds_end_complete(
    tmp_path: Path, pki: Pki, record_property: Callable[[str, object], None]
) -> None:
    with (
        Orthanc(tmp_path / "pacs", pki, ae_title="PACS") as pacs,
        FaultProxy(pacs.port, lambda number: HURTS[number % len(HURTS)]) as proxy,
    ):
        role = ForwardRole(tmp_path / "gateway", [over_tls(pki, proxy.port)])
        objects = write_objects(role.spool, BACKLOG, BACKLOG_BYTES)
        owe(role.spool, objects, ["main"])
        begun = time.monotonic()
        with role, dying(proxy):
            role.await_all_stored(BACKLOG, 600)
        record_property("seconds", round(time.monotonic() - begun))
        record_property("connections", proxy.connections)
        record_property("hurt", proxy.hurt)
        assert proxy.connections > len(HURTS), "it died while there was work, in each way"
        assert proxy.hurt >= len(HURTS) - 1
        holds_each_once(pacs, objects, role.spool)
        faults = {row["disposition"] for row in role.attempts("main")} - {"done"}
        assert faults == {"retry"}, "not one object is blamed for its link"
        assert role.rows("SELECT max(n) AS n FROM (SELECT count(*) AS n FROM attempt WHERE disposition = 'done'"
                         " GROUP BY delivery)") == [{"n": 1}]  # fmt: skip


@contextmanager
def storescp_beyond(link: EmulatedLink, folder: Path) -> Iterator[Path]:
    """DCMTK's storescp on the far side of `link`; where it writes."""
    with archive_beyond(link, folder) as (_, received):
        yield received


@contextmanager
def archive_beyond(link: EmulatedLink, folder: Path) -> Iterator[tuple[int, Path]]:
    """DCMTK's storescp on the far side of `link`: its process group, and where it writes.

    Each object it takes gets a file of its own: it deletes by name what came only in half, even a minute later, and so
    would lose an object that was sent again and acknowledged meanwhile.
    """
    received = folder / "received"
    received.mkdir(parents=True)
    command = link.inside_pacs(
        "storescp", "--fork", "+xa", "-B", "+uf", "-aet", "PACS", "-od", str(received), str(PORT)
    )
    environment = {**os.environ, "TCP_NODELAY": "1"}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process.pid, received
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # with its children, which may still wait for a peer that is gone
        os.killpg(process.pid, signal.SIGCONT)
        process.wait()


def arrived(received: Path) -> set[str]:
    """SOP Instance UIDs of what storescp has written."""
    return {str(dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in received.iterdir()}


def over(link: EmulatedLink, folder: Path, *, base_s: float = 0.2, cap_s: float = 1) -> ForwardRole:
    """A forward role on the near side of `link`."""
    target = Target("main", f"{PACS}:{PORT}", stall_s=STALL_S, base_s=base_s, cap_s=cap_s)
    return ForwardRole(folder / "gateway", [target], wrap=link.inside_box)


Trouble = Callable[[EmulatedLink], None]


@pytest.mark.parametrize("trouble", [EmulatedLink.blackhole, EmulatedLink.cut], ids=["blackhole", "cut"])
def test_a_transfer_into_nothing_is_noticed_in_the_stated_time(tmp_path: Path, trouble: Trouble) -> None:
    with (
        EmulatedLink(LinkShape(rate_kbit_s=20_000, rtt_ms=20), f"{os.getpid()}n") as link,
        storescp_beyond(link, tmp_path) as received,
    ):
        role = over(link, tmp_path)
        owe(role.spool, write_objects(role.spool, 2, 5_000_000), ["main"])
        with role:
            role.await_that(lambda: link.traffic()["to_pacs"]["bytes"] > 1_000_000, 30, "nothing is sent")
            trouble(link)
            role.await_that(
                lambda: role.attempts("main") or role.destination("main")["error"],
                STALL_S + 7,
                f"{STALL_S} s are the limit for bytes that nobody takes, and nothing was noticed",
            )
            role.await_that(lambda: role.states() == {"pending": 2}, STALL_S + 7, "the other one waits for ever")
            assert role.destination("main")["remedy"]
            link.heal()
            role.await_all_stored(2, 60)
        assert len(arrived(received)) == 2
        (first, *_) = role.attempts("main")
        assert (first["phase"], first["disposition"]) == ("transfer", "retry")
        assert (first["ended_us"] - first["started_us"]) / 1e6 < STALL_S + 10


@pytest.mark.parametrize(
    ("trouble", "because", "from_the_start"),
    [(EmulatedLink.blackhole, "it_is_reached", False), (EmulatedLink.cut, "the_network_changed", True)],
    ids=["blackhole in mid-object", "cut from the start"],
)
def test_the_backlog_goes_on_when_the_link_is_back_and_not_when_its_time_has_come(
    tmp_path: Path, trouble: Trouble, because: str, *, from_the_start: bool
) -> None:
    with (
        EmulatedLink(LinkShape(rate_kbit_s=20_000, rtt_ms=20), f"{os.getpid()}r") as link,
        storescp_beyond(link, tmp_path) as received,
    ):
        role = over(link, tmp_path, base_s=400, cap_s=600)
        owe(role.spool, write_objects(role.spool, 4, 5_000_000), ["main"])
        if from_the_start:
            trouble(link)
        with role:
            if not from_the_start:
                role.await_that(lambda: link.traffic()["to_pacs"]["bytes"] > 1_000_000, 30, "nothing is sent")
                trouble(link)
            role.await_that(lambda: role.destination("main").get("error"), 30, "nothing was noticed")
            waits_s = role.destination("main")["due_us"] / 1e6 - time.time()
            assert waits_s > 150, "it would wait for minutes"
            link.heal()
            role.await_all_stored(4, 90)
        assert len(arrived(received)) == 4
        assert f"destination=main woken because={because}" in role.log.read_text()


@pytest.mark.parametrize(("sent_before", "phase"), [(0, "negotiate"), (1, "response")])
def test_an_answer_that_the_link_kept_is_no_reason_to_wait_once_it_is_back(
    tmp_path: Path, sent_before: int, phase: str
) -> None:
    """The request arrives, its answer never does, and nothing tells that from a link that went away in between."""
    count = sent_before + 20
    with (
        EmulatedLink(LinkShape(rate_kbit_s=20_000, rtt_ms=20), f"{os.getpid()}a") as link,
        archive_beyond(link, tmp_path) as (group, received),
    ):
        only_one = (
            "linger_s = 300\nsending = { max_associations = 1 }"  # else a second one fails first, in its own phase
        )
        target = Target("main", f"{PACS}:{PORT}", base_s=400, cap_s=600, extra=only_one)
        role = ForwardRole(tmp_path / "gateway", [target], wrap=link.inside_box)
        objects = write_objects(role.spool, count, 20_000)
        with role:
            owe(role.spool, objects[:sent_before], ["main"])
            role.await_that(lambda: role.states() == ({"stored": sent_before} if sent_before else {}), 60, "no start")
            os.killpg(group, signal.SIGSTOP)
            owe(role.spool, objects[sent_before:], ["main"])
            role.await_that(lambda: role.destination("main").get("error"), 60, "nothing was noticed")
            assert role.destination("main")["phase"] == phase
            link.blackhole()
            role.await_that(
                lambda: role.destination("main")["due_us"] / 1e6 - time.time() > 150, 60, "it does not wait"
            )
            link.heal()
            os.killpg(group, signal.SIGCONT)
            role.await_all_stored(count, 90)
        assert len(arrived(received)) == count
        assert "destination=main woken because=it_is_reached" in role.log.read_text()


@pytest.mark.timeout(1500)
def test_loss_and_outages_end_complete(tmp_path: Path) -> None:
    count = 600 if os.environ.get("NIGHTLY") == "1" else 30
    shape = LinkShape(rate_kbit_s=4000, rtt_ms=80, loss_percent=2, up_s=2.5, down_s=2)
    with EmulatedLink(shape, f"{os.getpid()}l") as link, storescp_beyond(link, tmp_path) as received:
        role = over(link, tmp_path)
        objects = write_objects(role.spool, count, 40_000)
        owe(role.spool, objects, ["main"])
        with role:
            role.await_all_stored(count, 200 if count == 30 else 1200)
        assert arrived(received) == {one.sop_instance_uid for one in objects}
        assert link.traffic()["to_pacs"]["lost"] > 0


def test_a_large_object_over_a_slow_link_is_read_no_faster_than_it_goes(
    tmp_path: Path, pki: Pki, record_property: Callable[[str, object], None]
) -> None:
    with (
        Orthanc(tmp_path / "pacs", pki, ae_title="PACS") as pacs,
        FaultProxy(pacs.port, lambda _: Hurt(rate_bytes_s=1_000_000)) as proxy,
    ):
        role = ForwardRole(tmp_path / "gateway", [over_tls(pki, proxy.port)])
        with role:
            role.await_that(lambda: role.destination("main"), 20, "the role does not start")
            owe(role.spool, write_objects(role.spool, 1, 20_000, first=10), ["main"])
            role.await_all_stored(1, 20)
            before = role.resident_mb()
            giant = write_giant(role.spool, 200_000_000)
            passed = proxy.passed
            owe(role.spool, [giant], ["main"])
            role.await_that(lambda: proxy.passed > passed + 500_000, 60, "the object is not sent")
            most = 0
            while proxy.passed < passed + 5_000_000:
                most = max(most, role.read_of(role.spool / giant.path) - (proxy.passed - passed))
                time.sleep(0.02)
            growth = role.resident_mb("VmHWM") - before
            assert role.states() == {"stored": 1, "sending": 1}
            role.kill()
    record_property("read_ahead_bytes", most)
    record_property("growth_mb", growth)
    assert 0 < most < READ_AHEAD_BYTES
    assert growth < GROWTH_MB
