"""Tuning takes the quickest candidate, whichever that is, and the stream does not depend on it."""

from collections.abc import Callable

import pytest

from gateway.codec import tuning
from gateway.codec.options import EncodeOptions


@pytest.mark.parametrize("quickest", tuning.CANDIDATES)
def test_the_quickest_candidate_is_taken(monkeypatch: pytest.MonkeyPatch, quickest: int) -> None:
    moment = [0.0]

    def encode(_uid: str, _frame: object, _fmt: object, *, options: EncodeOptions) -> bytes:
        moment[0] += 1.0 if options.strip_samples == quickest else 2.0
        return b""

    monkeypatch.setattr(tuning, "encode", encode)
    now: Callable[[], float] = lambda: moment[0]  # noqa: E731 - a clock of one line
    assert tuning.tuned_strip_samples(now) == quickest


def test_real_tuning_gives_a_candidate() -> None:
    ticks = iter(range(10_000))
    assert tuning.tuned_strip_samples(lambda: float(next(ticks))) in tuning.CANDIDATES
