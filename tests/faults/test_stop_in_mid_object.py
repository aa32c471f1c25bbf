"""A role that is asked to end does not wait for a large object on a slow link: it breaks off, and nothing is lost."""

from pathlib import Path

from tests.support.backlog import owe, write_objects
from tests.support.dcmtk import storescp
from tests.support.fault_proxy import FaultProxy, Hurt
from tests.support.forwarding import ForwardRole, Target
from tests.support.ports import free_port

_LARGE_BYTES = 15_000_000
_SLOW_BYTES_S = 100_000
_FAR_LESS_THAN_THE_OBJECT_S = 30.0


def test_what_is_under_way_is_broken_off_and_sent_later(tmp_path: Path) -> None:
    port = free_port()
    with storescp(tmp_path / "pacs", port, "--fork"):
        with FaultProxy(port, lambda _: Hurt(rate_bytes_s=_SLOW_BYTES_S)) as proxy:
            slow = Target("main", f"127.0.0.1:{proxy.port}", stall_s=60, response_s=60)
            role = ForwardRole(tmp_path / "box", [slow])
            owe(role.spool, write_objects(role.spool, 1, _LARGE_BYTES), ["main"])
            with role:
                role.await_that(lambda: proxy.passed > 200_000, 60, "nothing is sent")
                assert role.stop(_FAR_LESS_THAN_THE_OBJECT_S) == 0
        (attempt,) = role.attempts("main")
        assert (attempt["phase"], attempt["disposition"], attempt["code"]) == ("transfer", "retry", "stopped")
        (row,) = role.rows("SELECT state, attempts, unfinished_claims, claimed_by, link_breaks FROM delivery")
        assert row == {
            "state": "pending", "attempts": 1, "unfinished_claims": 0, "claimed_by": None, "link_breaks": 0,
        }  # fmt: skip
        assert role.destination("main")["failures"] == 0, "nobody is to blame"
        with ForwardRole(tmp_path / "box", [Target("main", f"127.0.0.1:{port}")]) as again:
            again.await_all_stored(1, 60)
    assert [path for path in (tmp_path / "pacs").iterdir() if path.stat().st_size > _LARGE_BYTES]


def test_what_waits_for_its_answer_is_counted_as_sent_and_sent_again(tmp_path: Path) -> None:
    port, later = free_port(), free_port()
    with storescp(tmp_path / "pacs", port, "--sleep-after", "40"):
        role = ForwardRole(tmp_path / "box", [Target("main", f"127.0.0.1:{port}", response_s=120, stall_s=60)])
        owe(role.spool, write_objects(role.spool, 3, 20_000), ["main"])
        with role:
            # recorded while the answer to the second is awaited, which the peer takes its time for
            role.await_that(lambda: role.states().get("stored"), 60, "nothing is stored")
            assert role.stop(_FAR_LESS_THAN_THE_OBJECT_S) == 0
    rows = role.rows("SELECT state, attempts, unfinished_claims FROM delivery ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [("stored", 1, 0), ("pending", 1, 0), ("pending", 0, 0)], (
        "the second may have reached the peer, the third was not begun"
    )
    again = ForwardRole(tmp_path / "box", [Target("main", f"127.0.0.1:{later}")])
    with storescp(tmp_path / "later", later), again:
        again.await_all_stored(3, 60)
