"""A role that is asked to end in the middle of a STOW request breaks it off: nothing is lost, nothing comes twice."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.backlog import FrozenObject, owe, write_objects
from tests.support.dicomweb import Nginx, orthanc_with_dicomweb, stow_table
from tests.support.fault_proxy import FaultProxy, Hurt
from tests.support.forwarding import ForwardRole, Target
from tests.support.peers import Orthanc
from tests.support.pki import Pki, make_pki

_PEER = 'address = "-"\nae_title = "PACS"\n'
_LARGE_BYTES = 15_000_000
_SLOW_BYTES_S = 250_000
_FAR_LESS_THAN_THE_OBJECT_S = 60.0
_UNDER_WAY_BYTES = 400_000
"""More than handshakes and small requests: something large is being sent."""


class _Service(Target):
    """A DICOMweb service as destination; `extra` are the lines of its table."""

    def toml(self) -> str:
        return Target.toml(self).replace(_PEER, "")


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


def box(root: Path, front: Nginx, port: int, pki: Pki) -> ForwardRole:
    """A forwarding role that reaches the service by `port`."""
    url = front.url.replace(str(front.port), str(port))
    extra = stow_table(url, pki, password=root / "password") + "sending = { max_associations = 1 }\n"
    return ForwardRole(root / "box", [_Service("main", "-", stall_s=60, response_s=60, extra=extra)])


def held_uids(archive: Orthanc) -> list[str]:
    return sorted(archive.tags_of(one)["SOPInstanceUID"] for one in archive.instances())


def in_the_middle(front: Nginx, pki: Pki, root: Path, objects: list[FrozenObject], settled: int) -> ForwardRole:
    """A role that was asked to end while it sent the last of `objects`, after `settled` of them were stored."""
    with FaultProxy(front.port, lambda _: Hurt(rate_bytes_s=_SLOW_BYTES_S)) as proxy:
        role = box(root, front, proxy.port, pki)
        owe(role.spool, objects[:settled], ["main"])
        with role:
            role.await_that(lambda: role.states().get("stored", 0) == settled, 60, "nothing is stored")
            before = proxy.passed
            owe(role.spool, objects[settled:], ["main"])
            role.await_that(lambda: proxy.passed > before + _UNDER_WAY_BYTES, 60, "nothing large is sent")
            assert role.stop(_FAR_LESS_THAN_THE_OBJECT_S) == 0
    return role


def test_an_object_is_broken_off_and_sent_by_the_next_run(
    tmp_path: Path, pki: Pki, archive: Orthanc, front: Nginx
) -> None:
    for held in archive.instances():
        archive.delete(held)
    (tmp_path / "box" / "spool" / "instances").mkdir(parents=True)
    small = write_objects(tmp_path / "box" / "spool", 1, 20_000)
    large = write_objects(tmp_path / "box" / "spool", 1, _LARGE_BYTES, first=1)
    role = in_the_middle(front, pki, tmp_path, [*small, *large], settled=1)
    stopped = role.attempts("main")[-1]
    assert (stopped["phase"], stopped["disposition"], stopped["code"]) == ("transfer", "retry", "stopped")
    row = role.rows("SELECT state, attempts, unfinished_claims, claimed_by, link_breaks FROM delivery ORDER BY id")[-1]
    assert row == {"state": "pending", "attempts": 1, "unfinished_claims": 0, "claimed_by": None, "link_breaks": 0}
    assert role.destination("main")["failures"] == 0, "nobody is to blame"
    assert held_uids(archive) == [small[0].sop_instance_uid], "half an object is none"
    with box(tmp_path, front, front.port, pki) as again:
        again.await_all_stored(2, 60)
    assert held_uids(archive) == sorted([small[0].sop_instance_uid, large[0].sop_instance_uid])


def test_every_object_of_a_request_that_was_broken_off_is_pending_and_comes_once(
    tmp_path: Path, pki: Pki, archive: Orthanc, front: Nginx, record_property: Callable[[str, object], None]
) -> None:
    """Each may have arrived and none has an answer; the next run sends them, and the archive has each once."""
    for held in archive.instances():
        archive.delete(held)
    (tmp_path / "box" / "spool" / "instances").mkdir(parents=True)
    small = write_objects(tmp_path / "box" / "spool", 1, 4000)
    objects = [*small, *write_objects(tmp_path / "box" / "spool", 8, 900_000, first=1)]
    role = in_the_middle(front, pki, tmp_path, objects, settled=1)
    rows = role.rows("SELECT state, unfinished_claims, claimed_by, link_breaks FROM delivery ORDER BY id")
    assert {row["state"] for row in rows} <= {"stored", "pending"}
    pending = [row for row in rows if row["state"] == "pending"]
    assert pending
    assert {(row["unfinished_claims"], row["claimed_by"], row["link_breaks"]) for row in pending} == {(0, None, 0)}
    stopped = [attempt for attempt in role.attempts("main") if attempt["code"] == "stopped"]
    record_property("objects_in_the_request", len(stopped))
    assert stopped
    assert {attempt["disposition"] for attempt in role.attempts("main")} <= {"done", "retry"}
    with box(tmp_path, front, front.port, pki) as again:
        again.await_all_stored(len(objects), 60)
    assert held_uids(archive) == sorted(one.sop_instance_uid for one in objects)
