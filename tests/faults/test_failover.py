"""A primary that is silent, one that stands in, and the way back: the real forward role with DCMTK on both sides."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.backlog import owe, write_objects
from tests.support.dcmtk import storescp
from tests.support.forwarding import ForwardRole, Target
from tests.support.ports import free_port

_STANDS_IN = 'takes = { stands_in_for = "main", stands_in_after_min = 0 }'


def test_the_second_takes_over_and_the_first_gets_everything_when_it_is_back(tmp_path: Path) -> None:
    first, second, third = free_port(), free_port(), free_port()
    targets = [
        Target("main", f"127.0.0.1:{first}"),
        Target("second", f"127.0.0.1:{second}", extra=_STANDS_IN),
        Target("other", f"127.0.0.1:{third}"),
    ]
    role = ForwardRole(tmp_path / "box", targets)
    owe(role.spool, write_objects(role.spool, 6, 20_000), ["main", "other"])
    with storescp(tmp_path / "b", second), storescp(tmp_path / "c", third), role:
        role.await_all_stored(6, 60, "other")  # what befalls main is nothing to it
        role.await_all_stored(6, 60, "second")
        owed = role.states("main")
        assert set(owed) <= {"pending", "sending"}, "nobody answers there"
        assert sum(owed.values()) == 6, "somebody else has it, and main is owed it all the same"
        with storescp(tmp_path / "a", first):
            role.await_all_stored(6, 60, "main")
            owe(role.spool, write_objects(role.spool, 4, 20_000, first=10), ["main"])
            role.await_all_stored(10, 60, "main")
    assert {name: len(list((tmp_path / name).iterdir())) for name in "abc"} == {"a": 10, "b": 6, "c": 6}
    assert [path.name for path in sorted((tmp_path / "b").iterdir())] == [
        path.name for path in sorted((tmp_path / "c").iterdir())
    ], "the same objects under the same UIDs"
    events = {row["event"] for row in role.rows("SELECT event FROM journal WHERE subject = 'destination second'")}
    assert "stands in" in events


def test_what_the_second_has_not_begun_goes_back_to_the_first(tmp_path: Path) -> None:
    """The second is silent as well: when the first is back, nobody is owed anything by the second."""
    first, second = free_port(), free_port()
    targets = [
        Target("main", f"127.0.0.1:{first}"),
        Target("second", f"127.0.0.1:{second}", extra=f'sending = {{ hours = ["{_hours_not_now()}"] }}\n{_STANDS_IN}'),
    ]
    role = ForwardRole(tmp_path / "box", targets)
    owe(role.spool, write_objects(role.spool, 5, 20_000), ["main"])
    with role:
        role.await_that(lambda: role.states("second") == {"pending": 5}, 60, "nothing was taken over")
        with storescp(tmp_path / "a", first):
            role.await_all_stored(5, 60, "main")
            role.await_that(lambda: role.states("second") == {}, 60, "nothing was handed back")
    events = [row["event"] for row in role.rows("SELECT event FROM journal WHERE subject = 'destination second'")]
    # In between, a slow machine's primary may have missed a time-out of its own, and lost its deliveries again.
    assert (events[0], events[-1]) == ("stands in", "hands back")


def _hours_not_now() -> str:
    """Half an hour of the day that is twelve hours away, in UTC, the zone of the role's station."""
    far = datetime.now(UTC) + timedelta(hours=12)
    return f"{far:%H}:00-{far:%H}:30"
