"""Links that break under requests of many instances, and an object that the service cannot bear: the rest arrives."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.backlog import owe, write_giant, write_objects
from tests.support.dicomweb import Caller, Nginx, ScriptedService, orthanc_with_dicomweb, store_answer, stow_table
from tests.support.fault_proxy import CLEAN, FaultProxy, Hurt, Kind
from tests.support.forwarding import ForwardRole, Target
from tests.support.peers import Orthanc
from tests.support.pki import Pki, make_pki

_PEER = 'address = "-"\nae_title = "PACS"\n'
COUNT = 40
GIANT_BYTES = 400_000_000
GROWTH_MB = 24
READ_AHEAD_BYTES = 2_000_000
"""What of a large object may be in this machine's memory at once: a block, and what the sockets hold."""


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with orthanc_with_dicomweb(tmp_path_factory.mktemp("archive")) as peer:
        yield peer


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, pki: Pki, archive: Orthanc) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("front"), pki, archive) as peer:
        yield peer


class Service(Target):
    """A DICOMweb service as destination; `extra` are the lines of its table."""

    def toml(self) -> str:
        text = Target.toml(self)
        assert _PEER in text
        return text.replace(_PEER, "")


def service(url: str, pki: Pki, folder: Path) -> Target:
    return Service("main", "-", extra=stow_table(url, pki, password=folder / "password"))


@pytest.mark.parametrize("kind", ["rst", "fin", "stall", "flip"])
def test_a_link_that_breaks_in_mid_request_loses_and_doubles_nothing(
    tmp_path: Path, pki: Pki, archive: Orthanc, front: Nginx, kind: Kind
) -> None:
    hurts = (6000, 300_000, 700_000)

    def plan(number: int) -> Hurt:
        return Hurt(kind, hurts[number - 1]) if number <= len(hurts) else CLEAN

    for held in archive.instances():
        archive.delete(held)
    with FaultProxy(front.port, plan) as proxy:
        url = front.url.replace(str(front.port), str(proxy.port))
        role = ForwardRole(tmp_path / "gateway", [service(url, pki, tmp_path)])
        objects = write_objects(role.spool, COUNT, 40_000)
        owe(role.spool, objects, ["main"])
        with role:
            role.await_all_stored(COUNT, 90)
        assert proxy.hurt == len(hurts)
    held_uids = sorted(archive.tags_of(one)["SOPInstanceUID"] for one in archive.instances())
    assert held_uids == sorted(one.sop_instance_uid for one in objects)
    faults = {row["disposition"] for row in role.attempts("main")} - {"done"}
    assert faults == {"retry"}, "a broken link is tried again and is nobody's fault"
    assert role.destination("main")["error"] == ""


def test_an_object_at_which_the_service_falls_down_is_set_aside_and_the_rest_goes_on(tmp_path: Path, pki: Pki) -> None:
    uids: list[str] = []

    def fragile(caller: Caller) -> None:
        while True:
            request = caller.read()
            if uids[3] in request.uids:
                caller.reset()
                return
            caller.answer(200, store_answer(request.uids))

    with ScriptedService(pki, fragile) as archive:
        role = ForwardRole(tmp_path / "gateway", [service(archive.url, pki, tmp_path)])
        objects = write_objects(role.spool, 10, 4000)
        uids += [one.sop_instance_uid for one in objects]
        owe(role.spool, objects, ["main"])
        with role:
            role.await_that(lambda: role.states("main") == {"parked": 1, "stored": 9}, 120, "not as it should be")


def test_a_giant_is_sent_without_taking_memory(tmp_path: Path, pki: Pki) -> None:
    uids: list[str] = []

    def swallows(caller: Caller) -> None:
        while True:
            caller.swallow(int(caller.read(body=False).headers["content-length"]))
            caller.answer(200, store_answer(uids))

    with ScriptedService(pki, swallows) as archive:
        role = ForwardRole(tmp_path / "gateway", [service(archive.url, pki, tmp_path)])
        small = write_objects(role.spool, 1, 4000)
        giant = write_giant(role.spool, GIANT_BYTES, number=1)
        uids += [small[0].sop_instance_uid, giant.sop_instance_uid]
        owe(role.spool, small, ["main"])
        with role:
            role.await_all_stored(1, 60)
            before = role.resident_mb("VmHWM")
            owe(role.spool, [giant], ["main"])
            role.await_all_stored(2, 200)
            assert role.resident_mb("VmHWM") - before < GROWTH_MB


def test_a_large_object_over_a_slow_link_is_read_no_faster_than_it_goes(
    tmp_path: Path, pki: Pki, record_property: Callable[[str, object], None]
) -> None:
    uids: list[str] = []

    def swallows(caller: Caller) -> None:
        while True:
            caller.swallow(int(caller.read(body=False).headers["content-length"]))
            caller.answer(200, store_answer(uids))

    with (
        ScriptedService(pki, swallows) as archive,
        FaultProxy(archive.port, lambda _: Hurt(rate_bytes_s=1_000_000)) as proxy,
    ):
        url = archive.url.replace(str(archive.port), str(proxy.port))
        role = ForwardRole(tmp_path / "gateway", [service(url, pki, tmp_path)])
        giant = write_giant(role.spool, 200_000_000)
        uids.append(giant.sop_instance_uid)
        owe(role.spool, [giant], ["main"])
        with role:
            role.await_that(lambda: proxy.passed > 500_000, 60, "the object is not sent")
            most = 0
            while proxy.passed < 5_000_000:
                most = max(most, role.read_of(role.spool / giant.path) - proxy.passed)
                time.sleep(0.02)
            assert role.states() == {"sending": 1}
            role.kill()
    record_property("read_ahead_bytes", most)
    assert 0 < most < READ_AHEAD_BYTES
