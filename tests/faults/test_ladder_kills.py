"""Power cuts on every rung of the ladder of proof: nothing lost, nothing twice, nothing said without proof.

The peers cut the power at their own moments, so that they may have stored, promised or told what the gateway never
heard. After every life the ledger is compared with what the peer holds and has said.
"""

from pathlib import Path

import pytest

from gateway.dimse.demo_commitment import ReportsTo
from tests.support.backlog import FrozenObject, owe, write_objects
from tests.support.dicomweb import stow_table
from tests.support.forwarding import ForwardRole, Target
from tests.support.ladder_peers import DimsePeer, LadderPeer, WebPeer
from tests.support.pki import Pki, make_pki
from tests.support.ports import free_port

_PACE = "idle_s = 0.2, early_s = 0.0, again_s = 0.2, report_h = 0.001"
_LISTENER = '[listener]\nport = {port}\nhost = "127.0.0.1"\n'
_PEER = 'address = "-"\nae_title = "PACS"\n'
_A_LIFE = 2
"""New objects at each life: those of the last one may be on the next rung already."""
_STORING = ("called", "offered", "stored, not answered", "store answered")
_COMMITTING = ("commitment asked", "request answered", "report sent", "report answered")
_QUERYING = ("queried", "query half answered", "query answered")


class _Stow(Target):
    """A DICOMweb service as destination; `extra` are the lines of its table."""

    def toml(self) -> str:
        return Target.toml(self).replace(_PEER, "")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


def check(role: ForwardRole, peer: LadderPeer, objects: list[FrozenObject]) -> None:
    """What the ledger says is what the peer holds and has said, and everything is still here."""
    rows = role.rows(
        "SELECT instance.sop_instance_uid AS uid, delivery.state, delivery.status FROM delivery"
        " JOIN instance ON instance.id = delivery.instance"
    )
    assert {row["uid"] for row in rows} == {one.sop_instance_uid for one in objects}
    assert len(rows) == len(objects)
    assert {row["state"] for row in rows} <= {"pending", "sending", "stored", "committed"}, "nobody is to blame"
    assert {row["uid"] for row in rows if row["state"] in {"stored", "committed"}} <= peer.held.keys()
    assert {row["uid"] for row in rows if row["state"] == "committed"} <= peer.vouched
    assert all(row["status"] == "0000" for row in rows if row["state"] in {"stored", "committed"})
    assert all(len(data) == 1 for data in peer.held.values()), "the same bytes, however often they are sent"
    assert all((role.spool / one.path).stat().st_size == one.size for one in objects)


def climb(role: ForwardRole, peer: LadderPeer, moments: tuple[str, ...], goal: str) -> None:
    """One life for each moment, each ended there, and one that reaches the top."""
    objects: list[FrozenObject] = []
    for moment in moments:
        fresh = write_objects(role.spool, _A_LIFE, 4000, first=len(objects))
        objects += fresh
        owe(role.spool, fresh, ["main"])
        peer.cut.arm(moment, role.kill)
        with role:
            role.await_end(60, f"the moment {moment!r} never came")
        check(role, peer, objects)
    with role:
        role.await_that(lambda: role.states() == {goal: len(objects)}, 60, f"not all are {goal}")
    check(role, peer, objects)
    assert peer.held.keys() == {one.sop_instance_uid for one in objects}, "and nothing else"
    for event in ("stored", goal):
        told = [row["subject"] for row in role.rows("SELECT subject FROM journal WHERE event = ?", event)]
        assert len(told) == len(set(told)) == len(objects), f"{event} is said once of each"


def test_c_store_where_the_status_is_enough(tmp_path: Path) -> None:
    with DimsePeer() as peer:
        target = Target("main", f"127.0.0.1:{peer.port}", extra="sending = { max_associations = 1 }")
        climb(ForwardRole(tmp_path / "gateway", [target]), peer, _STORING, "stored")


@pytest.mark.parametrize("same_association", [True, False])
def test_storage_commitment(tmp_path: Path, *, same_association: bool) -> None:
    port = free_port()
    with DimsePeer(reports_to=None if same_association else ReportsTo(port, "BOX")) as peer:
        wait_s = 5.0 if same_association else 0.0
        proof = f'proof = "commitment"\ncommitment = {{ {_PACE}, wait_s = {wait_s} }}\n'
        target = Target("main", f"127.0.0.1:{peer.port}", extra=proof + _LISTENER.format(port=port))
        moments = (*_STORING[2:], "called for proof", *_COMMITTING)
        climb(ForwardRole(tmp_path / "gateway", [target]), peer, moments, "committed")


def test_query_back_by_c_find(tmp_path: Path) -> None:
    with DimsePeer() as peer:
        target = Target("main", f"127.0.0.1:{peer.port}", extra=f'proof = "query"\ncommitment = {{ {_PACE} }}\n')
        moments = (*_STORING[2:], "called for proof", *_QUERYING)
        climb(ForwardRole(tmp_path / "gateway", [target]), peer, moments, "committed")


@pytest.mark.parametrize(
    ("proof", "moments", "goal"),
    [
        ("status", ("offered", "stored, not answered", "store half answered", "store answered"), "stored"),
        ("query", ("stored, not answered", *_QUERYING), "committed"),
    ],
)
def test_stow_and_qido(tmp_path: Path, pki: Pki, proof: str, moments: tuple[str, ...], goal: str) -> None:
    with WebPeer(pki) as peer:
        table = stow_table(peer.url, pki, password=tmp_path / "password")
        target = _Stow("main", "-", extra=f'proof = "{proof}"\ncommitment = {{ {_PACE} }}\n{table}')
        climb(ForwardRole(tmp_path / "gateway", [target]), peer, moments, goal)


@pytest.mark.parametrize("moment", ["report sent", "offered", "stored, not answered"])
def test_what_the_peer_lost_is_stored_again(tmp_path: Path, moment: str) -> None:
    with DimsePeer() as peer:
        proof = f'proof = "commitment"\ncommitment = {{ {_PACE}, wait_s = 5.0 }}\n'
        target = Target("main", f"127.0.0.1:{peer.port}", extra=proof + _LISTENER.format(port=free_port()))
        role = ForwardRole(tmp_path / "gateway", [target])
        objects = write_objects(role.spool, 3, 4000)
        owe(role.spool, objects, ["main"])
        lost = objects[1].sop_instance_uid

        def lose() -> None:
            del peer.held[lost]
            peer.cut.arm(moment, role.kill)

        peer.when_asked = lose
        with role:
            role.await_end(60, f"the moment {moment!r} never came")
        with role:
            role.await_that(lambda: role.states() == {"committed": 3}, 60, "not all are committed")
        check(role, peer, objects)
        assert peer.held.keys() == {one.sop_instance_uid for one in objects}
    told = [row["subject"] for row in role.rows("SELECT subject FROM journal WHERE event = 'committed'")]
    assert len(told) == len(set(told)) == 3
