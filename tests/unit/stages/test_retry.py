"""Back-off: doubling to a cap, drawn from the upper half, for ever."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.stages.retry import BackOff


@pytest.mark.parametrize(("failures", "full_s"), [(0, 2), (1, 2), (2, 4), (3, 8), (8, 256), (9, 300), (10**9, 300)])
def test_delays_double_to_the_cap(failures: int, full_s: float) -> None:
    back_off = BackOff(base_s=2, cap_s=300, draw=random.Random(1))
    drawn = [back_off.delay_s(failures) for _ in range(200)]
    assert full_s / 2 <= min(drawn) < full_s * 0.6
    assert full_s * 0.9 < max(drawn) <= full_s


@given(
    failures=st.integers(-5, 10**12), base_s=st.floats(0.001, 1000), cap_s=st.floats(0.001, 10_000), seed=st.integers()
)
def test_a_delay_is_never_over_the_cap_and_never_nothing(failures: int, base_s: float, cap_s: float, seed: int) -> None:
    delay_s = BackOff(base_s=base_s, cap_s=cap_s, draw=random.Random(seed)).delay_s(failures)
    assert 0 < delay_s <= cap_s


def test_two_boxes_do_not_march_together() -> None:
    assert BackOff().delay_s(5) != BackOff().delay_s(5)
