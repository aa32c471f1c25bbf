"""Local patient ids: what a pattern makes, what is no usable pattern, and that no id ever breaks the rules of LO."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.check_digits import CHECK_DIGITS
from gateway.domain.local_identity import LONGEST_ID, LocalIdentities, pattern_faults

MOMENT = datetime(2026, 11, 21, 10, 42, tzinfo=UTC)


def test_a_pattern_with_everything() -> None:
    identities = LocalIdentities("E{station}{date:%y%m%d}{number:04}{check}", "iso7064-mod97-10", "FC1")
    assert identities.make(7, MOMENT) == "EFC1261121000779"
    assert int("141512" + "1261121000779") % 97 == 1  # as a reader of such an id checks it
    assert identities.counts


def test_the_default_is_random_and_needs_no_number() -> None:
    made = {LocalIdentities().make(1, MOMENT) for _ in range(50)}
    assert len(made) == 50
    assert all(one.startswith("LOCAL-") and len(one) == 16 for one in made)
    assert not LocalIdentities().counts
    assert not list(pattern_faults(LocalIdentities().pattern, "", ""))


def test_a_number_outgrows_its_width_and_never_begins_anew() -> None:
    identities = LocalIdentities("{station}-{number:03}", station="A")
    assert [identities.make(n, MOMENT) for n in (1, 999, 1000)] == ["A-001", "A-999", "A-1000"]


@pytest.mark.parametrize(
    ("pattern", "check", "station", "fault"),
    [
        ("E{number:04}", "", "", "two boxes would give the same id"),
        ("E{station}", "", "", "nothing in it tells two patients apart"),
        ("E{random:4}", "", "", "nothing in it tells two patients apart"),
        ("E{station}{number:04}{check}", "", "", "{check} needs check_digit"),
        ("E{station}{number:04}", "luhn", "", "the pattern has no {check}"),
        ("{check}{station}{number:04}", "luhn", "", "at the very end"),
        ("{station}{number:04}{check}{check}", "luhn", "", "at the very end"),
        ("E{station}{number:04}{check}", "iso7064-mod11-10", "", "is for digits"),
        ("9{station}{random:8}{number}{check}", "iso7064-mod11-10", "17", "is for digits"),
        ("{station}{number:04}" + "x" * 40, "", "", "may have 65 characters"),
        (r"a\{station}{number:04}", "", "", "a sign that no id may have"),
        ("a^{station}{number:04}", "", "", "a sign that no id may have"),
        ("é{station}{number:04}", "", "", "a sign that no id may have"),
        (" {station}{number:04}", "", "", "a sign that no id may have"),
        ("{station}{number:04", "", "", "a brace without its counterpart"),
        ("{ward}{number:04}", "", "", "{ward} is no field"),
        ("{station!r}{number:04}", "", "", "is no field"),
        ("{station}{date}{number}", "", "", "{date} needs parts"),
        ("{station}{date:%B}{number}", "", "", "{date} needs parts"),
        ("{station}{number:x}", "", "", "{number} takes its least digits"),
        ("{station}{number:0}", "", "", "{number} takes its least digits"),
        ("{random}", "", "", "{random} needs its length"),
        ("{random:99}", "", "", "{random} needs its length"),
        ("{station:>9}{number}", "", "", "takes nothing after a colon"),
    ],
)
def test_unusable_patterns(pattern: str, check: str, station: str, fault: str) -> None:
    rules = [rule for rule, _ in pattern_faults(pattern, check, station)]
    assert any(fault in rule for rule in rules), rules


PIECES = st.sampled_from(
    ["E", "-", "7", "{station}", "{date:%y%m%d}", "{date:%j}", "{number}", "{number:04}", "{random:8}", "{random:2}"]
)


@given(
    pieces=st.lists(PIECES, max_size=6),
    check=st.sampled_from(["", *CHECK_DIGITS]),
    station=st.sampled_from(["", "FC1", "12", "A" * 16]),
    number=st.integers(1, 10**9 - 1),
)
def test_what_is_taken_makes_ids_of_the_right_form(pieces: list[str], check: str, station: str, number: int) -> None:
    pattern = "".join(pieces) + ("{check}" if check else "")
    if list(pattern_faults(pattern, check, station)):
        return
    identities = LocalIdentities(pattern, check, station or "S" * 16)
    made = identities.make(number, MOMENT)
    assert 0 < len(made) <= LONGEST_ID
    assert made.isascii()
    assert made.isprintable()
    assert "\\" not in made
    assert made == made.strip()
    if check:
        end = CHECK_DIGITS[check](made[: -len(CHECK_DIGITS[check]("0"))])
        assert made.endswith(end)
    if "{number" in pattern:
        assert identities.make(number, MOMENT, "F".__mul__) != identities.make(number + 1, MOMENT, "F".__mul__)
