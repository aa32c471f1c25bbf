"""Rules of a destination that name what is not there, and hours that are none, are faults with their place."""

import pytest

from gateway.config.faults import BadValue
from gateway.config.routes import Takes, fallback_faults, route_faults
from gateway.config.sending import Sending, hours, rate_limit

CLASSES = frozenset({"ultrasound", "secondary-capture"})


def faults(*takes: tuple[str, Takes]) -> list[tuple[str, str]]:
    return [(path, bad.rule) for path, bad in route_faults(takes, ("fundus",), CLASSES)]


def test_what_is_there_is_no_fault() -> None:
    good = Takes(devices=("fundus",), sop_classes=("ultrasound",), hours=("22:00-06:00",))
    assert faults(("a", good), ("b", Takes(stands_in_for="a"))) == []


@pytest.mark.parametrize(
    ("takes", "path", "word"),
    [
        (Takes(devices=("fundis",)), "devices", "fundis"),
        (Takes(sop_classes=("ultrasond",)), "sop_classes", "ultrasond"),
        (Takes(stands_in_for="c"), "stands_in_for", "no destination c"),
        (Takes(stands_in_for="b"), "stands_in_for", "for itself"),
        (Takes(stands_in_for="d"), "stands_in_for", "only stands in itself"),
    ],
)
def test_what_is_not_there_is_named(takes: Takes, path: str, word: str) -> None:
    found = faults(("a", Takes()), ("b", takes), ("d", Takes(stands_in_for="a")))
    assert [one[0] for one in found] == [f"destination[1].takes.{path}"]
    assert word in found[0][1]


def test_somebody_must_be_the_primary() -> None:
    found = faults(("a", Takes(stands_in_for="b")), ("b", Takes(stands_in_for="a")))
    assert any("must stand in for nobody" in rule for _, rule in found)


@pytest.mark.parametrize("text", ["22:00", "22-06", "24:00-06:00", "22:00-06:61", "22:00 - 06:00", ""])
def test_hours_that_are_none(text: str) -> None:
    with pytest.raises(BadValue, match="hours of the day"):
        hours(text)


@pytest.mark.parametrize("text", ["08:00-18:00", "08:00-18:00 fast", "08:00-18:00 0", "64000", "08:00-18:00 -5"])
def test_rate_limits_that_are_none(text: str) -> None:
    with pytest.raises(BadValue, match="must be"):
        rate_limit(text)


def test_what_is_written_well_passes() -> None:
    hours("18:30-24:00")
    rate_limit("00:00-24:00 48000")
    assert Sending().clip_bytes == 16 << 20


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ({"ultrasound": "secondary-capture"}, []),
        ({"ultrasond": "secondary-capture"}, ["ultrasond"]),
        ({"ultrasound": "secondary"}, ["secondary"]),
        ({"ultrasound": "ultrasound"}, ["for itself"]),
    ],
)
def test_classes_that_stand_in_are_known_ones(pairs: dict[str, str], words: list[str]) -> None:
    found = list(fallback_faults([{}, pairs], CLASSES))
    assert [path for path, _ in found] == [f"destination[1].fallback.{name}" for name in pairs if words]
    assert all(word in bad.rule for word, (_, bad) in zip(words, found, strict=True))
