"""How many associations, and which worker takes which lanes."""

import threading

from gateway.domain.lanes import ALL_LANES, CLIP_LANES, QUICK_LANES, Lane, lane_of
from gateway.stages.width import Width


class Hand:
    """A monotonic hand that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def active(width: Width, most: int = 16) -> int:
    """How many workers take small images."""
    return sum(Lane.NORMAL in width.lanes(worker) for worker in range(most))


def run_link(width: Width, *, object_s: float, round_trip_s: float, rounds: int = 40) -> int:
    """Send over a link on which an object occupies the wire for `object_s`; the workers it settles at.

    What does not fit onto the wire waits before it, and so does half of an object's own bytes.
    """
    for _ in range(rounds):
        width.connected(round_trip_s)
        workers = [w for w in range(16) if Lane.NORMAL in width.lanes(w)]
        for worker in workers:
            width.begun(worker)
        alone = round_trip_s + object_s
        took = max(alone, len(workers) * object_s)
        for _ in workers:
            width.measured(1, took, round_trip_s, took - alone + object_s / 2)
        for worker in workers:
            width.ended(worker)
    return active(width)


def test_begins_with_one_and_stays_there_on_a_short_link() -> None:
    width = Width(8, Hand())
    assert active(width) == 1
    assert run_link(width, object_s=0.1, round_trip_s=0.0004) == 1


def test_a_second_one_on_a_short_link_lets_both_sides_work_on_quick_objects() -> None:
    assert run_link(Width(8, Hand()), object_s=0.002, round_trip_s=0.0004) == 2


def test_grows_until_the_satellite_link_is_full_and_no_farther() -> None:
    settled = run_link(Width(16, Hand()), object_s=0.42, round_trip_s=0.715)
    assert 3 <= settled <= 6


def test_never_more_than_configured() -> None:
    assert run_link(Width(3, Hand()), object_s=0.01, round_trip_s=0.7) == 3


def test_a_long_link_begins_with_some_before_anything_is_measured() -> None:
    width = Width(8, Hand())
    width.connected(0.3)
    assert active(width) == 4
    short = Width(8, Hand())
    short.connected(0.001)
    assert active(short) == 1


def test_begins_with_as_many_as_filled_the_link_last_time() -> None:
    width = Width(8, Hand())
    width.recall(6)
    assert active(width) == 6
    width.recall(0)
    assert active(width) == 6
    few = Width(2, Hand())
    few.recall(6)
    assert active(few) == 2


def test_long_objects_need_little_company() -> None:
    assert run_link(Width(16, Hand()), object_s=30.0, round_trip_s=0.7) <= 2


def test_a_worker_is_told_at_once_when_it_is_needed() -> None:
    width = Width(4, Hand())
    assert not width.await_need(3, 0.0)
    told = threading.Thread(target=width.connected, args=(0.5,))
    told.start()
    assert width.await_need(3, 30.0)
    told.join()


def test_no_more_than_there_is_work_for() -> None:
    width = Width(16, Hand())
    width.connected(0.7)
    for _ in range(20):
        width.begun(0)
        width.measured(1, 1.1, 0.7, 0.0)
        width.measured(1, 1.1, 0.7, 0.0)
        width.ended(0)
    assert active(width) == 4


def test_a_batch_is_about_a_quarter_of_a_second() -> None:
    width = Width(8, Hand())
    assert width.batch() == 1
    width.measured(10, 0.25, 0.0)
    assert width.batch() == 10
    for _ in range(50):
        width.measured(1, 5.0, 0.0)
    assert width.batch() == 1


def test_a_refusal_while_others_stand_limits_for_a_while() -> None:
    hand = Hand()
    width = Width(8, hand)
    width.begun(0)
    width.begun(1)
    assert width.refused(2)
    for _ in range(20):
        width.measured(1, 1.0, 0.9)
    assert active(width) == 2


def test_a_refusal_while_another_is_being_opened_may_be_one_too_many() -> None:
    hand = Hand()
    width = Width(8, hand)
    for worker in range(3):
        width.opening(worker, [("1.2", "1.2.3")])
    assert width.refused(2)
    assert width.refused(1)
    assert not width.refused(0)
    width = Width(8, hand)
    width.begun(0)
    width.begun(1)
    width.refused(2)
    for _ in range(20):
        width.measured(1, 1.0, 0.9)
    hand.now += 301
    assert active(width) > 2


def test_who_was_refused_does_not_call_every_second_while_another_has_the_only_association() -> None:
    hand = Hand()
    width = Width(2, hand)
    width.begun(1)  # an hour's clip, at a peer that grants one association
    assert width.refused(0)
    assert width.lanes(0) == ()
    hand.now += 9
    assert width.lanes(0) == ()
    hand.now += 1
    assert width.lanes(0)
    assert width.refused(0)
    width.closed(1)
    assert width.lanes(0), "the other has let go"


def test_a_refusal_of_the_only_association_is_not_one_too_many() -> None:
    assert not Width(8, Hand()).refused(0)


def test_trouble_begins_again_with_one() -> None:
    width = Width(8, Hand())
    assert run_link(width, object_s=0.1, round_trip_s=0.7) > 1
    width.trouble()
    assert active(width) == 1


def test_the_first_worker_never_takes_a_clip_and_the_second_always_may() -> None:
    width = Width(2, Hand())
    assert tuple(width.lanes(0)) == QUICK_LANES
    assert tuple(width.lanes(1)) == CLIP_LANES
    run_link(width, object_s=0.1, round_trip_s=0.7)
    assert not set(CLIP_LANES) & set(width.lanes(0))
    assert set(width.lanes(1)) == set(ALL_LANES)


def test_a_third_worker_takes_a_clip_when_nothing_else_is_due_and_no_other_does() -> None:
    width = Width(5, Hand())
    width.recall(5)
    assert tuple(width.lanes(2)) == (*QUICK_LANES, *CLIP_LANES)
    assert tuple(width.lanes(3)) == tuple(width.lanes(4)) == QUICK_LANES


def test_a_single_worker_takes_everything_in_order() -> None:
    width = Width(1, Hand())
    assert tuple(width.lanes(0)) == ALL_LANES
    assert not width.lanes(1)


def test_lanes_of_orders_and_sizes() -> None:
    assert lane_of("STAT", 10, 100) is Lane.STAT
    assert lane_of(" high ", 10, 100) is Lane.URGENT
    assert [lane_of(text, 10, 100) for text in ("", "ROUTINE", "LOW", "nonsense")] == [Lane.NORMAL] * 4
    assert lane_of("STAT", 100, 100) is Lane.URGENT_CLIP
    assert lane_of("ROUTINE", 100, 100) is Lane.CLIP
