"""Requests grow with the round trip of the link, and shrink when objects take long."""

from gateway.stages.request_width import RequestWidth


def width() -> RequestWidth:
    return RequestWidth(6, lambda: 0.0)


def test_the_first_request_is_small() -> None:
    assert width().batch() == 8


def test_a_fast_link_carries_three_seconds_in_a_request_and_one_request_at_a_time() -> None:
    lan = width()
    lan.measured(8, 0.4, 0.001)
    assert lan.batch() == 60
    assert [bool(lan.lanes(worker)) for worker in (0, 2, 3)] == [True, False, False]


def test_on_a_long_link_a_request_takes_ten_round_trips() -> None:
    satellite = width()
    satellite.measured(8, 8 * 0.4 + 0.7, 0.7)  # 20 kB objects at 384 kbit/s
    assert satellite.batch() == 17
    assert [bool(satellite.lanes(worker)) for worker in (0, 2, 3, 5)] == [True, True, False, False]


def test_on_a_long_link_others_call_the_service_while_the_first_request_is_sent() -> None:
    early = width()
    assert [early.calls_first(worker) for worker in (0, 1)] == [True, True]
    early.connected(0.001)
    assert [bool(early.lanes(worker)) for worker in (0, 2, 3)] == [True, False, False]
    early.connected(0.7)
    assert [bool(early.lanes(worker)) for worker in (0, 2, 3)] == [True, True, False]


def test_large_objects_travel_one_by_one() -> None:
    slow = width()
    slow.measured(1, 60, 0.1)
    assert slow.batch() == 1


def test_no_request_is_larger_than_a_hundred() -> None:
    quick = width()
    quick.measured(8, 0.001, 0.0)
    assert quick.batch() == 100


def test_what_was_not_stored_is_not_counted_and_trouble_begins_anew() -> None:
    link = width()
    link.measured(0, 30, 0.7)
    assert link.batch() == 8
    link.measured(10, 1, 0.7)
    link.trouble()
    assert link.batch() == 8
