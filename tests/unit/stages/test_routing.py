"""To whom an instance is owed: every rule, all of them together, and never nobody."""

from dataclasses import replace
from datetime import UTC, datetime

from gateway.domain.lanes import Lane
from gateway.stages.hours import Hours
from gateway.stages.routing import Finished, Route, owed_to

OP, US = "1.2.840.10008.5.1.4.1.1.77.1.5.1", "1.2.840.10008.5.1.4.1.1.6.1"
EYE = Finished("fundus", "OP", OP, "ROUTINE", 1000, datetime(2026, 3, 4, 12, tzinfo=UTC))


def names(*routes: Route, of: Finished = EYE) -> list[str]:
    return [name for name, _ in owed_to(routes, of).lanes]


def test_without_rules_everybody_gets_everything_in_order() -> None:
    assert names(Route("a"), Route("b")) == ["a", "b"]


def test_each_rule_keeps_out_what_does_not_fit() -> None:
    for rules in (
        {"devices": frozenset({"ultrasound"})},
        {"modalities": frozenset({"US"})},
        {"sop_class_uids": frozenset({US})},
        {"hours": (Hours.parse("22:00-06:00"),)},
    ):
        assert names(Route("all"), replace(Route("some"), **rules)) == ["all"], rules


def test_all_rules_of_a_destination_must_fit() -> None:
    both = Route("b", devices=frozenset({"fundus"}), modalities=frozenset({"OP"}))
    assert names(Route("a"), both) == ["a", "b"]
    assert names(Route("a"), both, of=replace(EYE, modality="US")) == ["a"]


def test_what_fits_nowhere_goes_to_the_first_and_says_so() -> None:
    only_us = Route("us", modalities=frozenset({"US"}))
    owed = owed_to((only_us, Route("xa", modalities=frozenset({"XA"}))), EYE)
    assert [name for name, _ in owed.lanes] == ["us"]
    assert "no routing rule fits" in owed.note
    assert not owed_to((Route("a"),), EYE).note


def test_who_stands_in_is_owed_nothing_by_itself() -> None:
    assert names(Route("b", stands_in_for="a"), Route("a")) == ["a"]
    assert names(Route("b", stands_in_for="a"), Route("a", modalities=frozenset({"US"}))) == ["a"]


def test_no_destination_at_all() -> None:
    assert owed_to((), EYE).lanes == ()


def test_the_lane_follows_order_and_size_of_each_destination() -> None:
    routes = (Route("a"), Route("slow", clip_bytes=1000))
    assert owed_to(routes, replace(EYE, priority="STAT")).lanes == (("a", Lane.STAT), ("slow", Lane.URGENT_CLIP))
