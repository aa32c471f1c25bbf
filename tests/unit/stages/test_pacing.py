"""The bandwidth cap counted in bytes by a clock that only waiting moves."""

import threading

import pytest

from gateway.stages.pacing import Bucket


class Waited:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def let_through(bucket: Bucket, clock: Waited, until: float) -> int:
    total = 0
    while clock.now < until:
        total += bucket(100_000)
    return total


@pytest.mark.parametrize("rate", [500.0, 48_000.0, 5_000_000.0])
def test_no_more_than_the_limit_gets_through(rate: float) -> None:
    clock = Waited()
    total = let_through(Bucket(lambda: rate, monotonic=clock.monotonic, wait=clock.wait), clock, 60.0)
    assert rate * 60 <= total <= rate * 60 + max(rate * 0.2, 2 * 1460)


def test_without_a_limit_all_goes_at_once() -> None:
    clock = Waited()
    assert Bucket(lambda: None, monotonic=clock.monotonic, wait=clock.wait)(10**9) == 10**9
    assert clock.now == 0.0


def test_a_pause_saves_up_nothing() -> None:
    clock = Waited()
    bucket = Bucket(lambda: 10_000.0, monotonic=clock.monotonic, wait=clock.wait)
    bucket(1)
    clock.now += 3600
    begun = clock.now
    total = let_through(bucket, clock, begun + 10)
    assert total <= 10_000 * 10 + 2 * 1460


def test_a_limit_that_changes_takes_effect_in_the_middle_of_an_object() -> None:
    clock = Waited()
    bucket = Bucket(lambda: 10_000.0 if clock.now < 10 else None, monotonic=clock.monotonic, wait=clock.wait)
    left = 1_000_000
    while left:
        left -= bucket(left)
    assert 10.0 <= clock.now <= 10.5


def test_those_that_send_share_the_limit_and_those_that_stopped_do_not() -> None:
    clock = Waited()
    bucket = Bucket(lambda: 30_000.0, monotonic=clock.monotonic, wait=clock.wait)
    shares: list[float | None] = []
    workers = [threading.Event() for _ in range(3)]
    threads = [threading.Thread(target=lambda done=done: (bucket(10), done.wait())) for done in workers]
    for thread in threads:
        thread.start()
        while not bucket.share() == 30_000.0 / (len(shares) + 1):  # noqa: SIM201 - waits for the thread's own turn
            threading.Event().wait(0.001)
        shares.append(bucket.share())
    for done in workers:
        done.set()
    assert shares == [30_000.0, 15_000.0, 10_000.0]
    clock.now += 10
    bucket(10)
    assert bucket.share() == 30_000.0


def test_the_share_is_that_of_the_hour() -> None:
    clock = Waited()
    bucket = Bucket(lambda: None if clock.now < 10 else 500.0, monotonic=clock.monotonic, wait=clock.wait)
    bucket(10)
    assert bucket.share() is None
    clock.now += 10
    bucket(10)
    assert bucket.share() == 500.0
