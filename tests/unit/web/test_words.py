"""Plain words: times, names, states and errors as a person reads them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.errors import Phase
from gateway.domain.lifecycle import AcquisitionState, DeliveryState
from gateway.domain.requests import RequestKind
from gateway.web.words.states import (
    Tone,
    acquisition_mark,
    delivery_mark,
    delivery_trouble,
    layer_word,
    request_word,
    severity_tone,
    status_words,
    troubles,
)
from gateway.web.words.text import birth_date, clock_text, count, exact, listed, person, size, when
from tests.support.fake_reader import MORNING, acquisition, delivery, destination, held


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=3), "a moment ago"),
        (timedelta(seconds=47), "40 s ago"),
        (timedelta(minutes=4, seconds=59), "4 min ago"),
        (timedelta(hours=1, minutes=32), "09:10"),
        (timedelta(hours=11), "2026-11-20 23:42"),
        (timedelta(days=400), "2025-10-17 10:42"),
        (timedelta(seconds=-45), "in 40 s"),
        (timedelta(hours=-3), "13:42"),
    ],
)
def test_times_are_relative_then_clock_then_date(ago: timedelta, text: str) -> None:
    assert when(MORNING - ago, MORNING) == text


def test_no_time_is_never() -> None:
    assert when(None, MORNING) == "never"


def test_exact_times_stand_in_the_station_zone() -> None:
    assert exact(MORNING, MORNING) == "2026-11-21 10:42:00+05:30"
    assert clock_text(MORNING - timedelta(days=1), MORNING) == "2026-11-20 10:42"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("शर्मा^सुनीता", "शर्मा, सुनीता"),
        ("Doe^Jane^Q^Dr^Jr", "Doe, Dr Jane Q, Jr"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou (山田, 太郎)"),
        ("=山田^太郎", "山田, 太郎"),
        ("Plain", "Plain"),
        ("^Only", "Only"),
        ("", "Name not known"),
        ("^^^^", "Name not known"),
        ("a^b^c^d^e^f^g", "a, d b c, e"),
    ],
)
def test_names_in_any_script(name: str, text: str) -> None:
    assert person(name) == text


def test_small_facts() -> None:
    assert [size(n) for n in (0, 999, 1500, 150_000, 2_400_000, 3_000_000_000)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "150 kB",
        "2.4 MB",
        "3.0 GB",
    ]
    assert (count(1, "picture"), count(1234, "picture")) == ("1 picture", "1,234 pictures")
    assert (birth_date("19710402"), birth_date("1971")) == ("1971-04-02", "1971")
    assert (listed([]), listed(["a"]), listed(["a", "b", "c"])) == ("", "a", "a, b and c")


@pytest.mark.parametrize("phase", [*Phase])
def test_every_phase_has_a_word(phase: Phase) -> None:
    assert layer_word(phase.value)


@pytest.mark.parametrize("kind", [*RequestKind])
def test_every_request_has_a_word(kind: RequestKind) -> None:
    assert request_word(kind.value) != kind.value


@pytest.mark.parametrize("state", [*DeliveryState])
def test_every_delivery_state_has_a_word_that_is_no_code(state: DeliveryState) -> None:
    assert delivery_mark(delivery(state=state.value), MORNING).word != state.value


@pytest.mark.parametrize("state", [*AcquisitionState])
def test_every_acquisition_state_has_a_word(state: AcquisitionState) -> None:
    assert acquisition_mark(acquisition(state=state.value), MORNING).word


def test_a_link_that_is_down_says_since_when() -> None:
    down = delivery(state="pending", error="No answer.", phase="connect", since=MORNING - timedelta(minutes=92))
    assert delivery_mark(down, MORNING).word == "Waiting (link down since 09:10)"
    refused = replace(down, phase="response")
    assert "link" not in delivery_mark(refused, MORNING).word


def test_what_waits_says_that_the_link_of_its_destination_is_down() -> None:
    waiting, since = delivery(state="pending"), MORNING - timedelta(minutes=92)
    down = {waiting.destination: destination(error="No answer.", phase="connect", error_at=since)}
    assert delivery_mark(waiting, MORNING).word == "Waiting"
    assert delivery_mark(waiting, MORNING, {"another": down[waiting.destination]}).word == "Waiting"
    assert delivery_mark(waiting, MORNING, down).word == "Waiting (link down since 09:10)"
    assert acquisition_mark(acquisition(deliveries=(waiting,)), MORNING, down).tone is Tone.ATTENTION
    refused = {waiting.destination: destination(error="Refused.", phase="negotiate", error_at=since)}
    assert delivery_mark(waiting, MORNING, refused).word == "Waiting (the last try failed)"
    assert delivery_mark(delivery(), MORNING, down).word == "Confirmed by PACS"


def test_the_worst_delivery_speaks_for_the_acquisition() -> None:
    stored, done = delivery(state="stored"), delivery()
    assert acquisition_mark(acquisition(deliveries=(done, stored)), MORNING).word == "At PACS"
    assert acquisition_mark(acquisition(deliveries=(done,)), MORNING).word == "Confirmed by PACS"
    assert acquisition_mark(acquisition(deliveries=(done, delivery(state="parked"))), MORNING).tone is Tone.DANGER
    assert acquisition_mark(acquisition(deliveries=()), MORNING).word == "Safe here"


@pytest.mark.parametrize(
    "code", ["A700", "a7ff", "A900", "C000", "B007", "0122", "0124", "0000", "0111", "0117", "0210", "0211"]
)
def test_a_status_is_never_a_bare_code(code: str) -> None:
    sentence = status_words(code)
    assert sentence.endswith(f"({code.upper()}).")
    assert len(sentence) > 20


def test_an_unknown_status_is_still_told() -> None:
    trouble = delivery_trouble(delivery(state="parked", status="FE00"))
    assert trouble is not None
    assert trouble.what == "The PACS answered FE00."


def test_trouble_says_what_where_what_the_box_does_and_what_to_do() -> None:
    failed = delivery(
        state="pending", error="No answer.", phase="tls", remedy="Check the clock.", attempts=3, status="A700"
    )
    trouble = delivery_trouble(failed)
    assert trouble is not None
    assert (trouble.what, trouble.layer) == ("No answer. (A700)", "TLS")
    assert trouble.box == "Tried 3 times; the gateway keeps trying."
    assert trouble.remedy == "Check the clock."


def test_what_is_done_has_no_trouble() -> None:
    assert delivery_trouble(delivery(error="old")) is None
    assert troubles(acquisition()) == []


def test_what_is_stored_but_not_proven_says_so() -> None:
    unproven = delivery(state="stored", status="0000", phase="commit", error="main: the peer does not have it (0112).")
    trouble = delivery_trouble(unproven)
    assert trouble is not None
    assert (trouble.tone, trouble.layer) == (Tone.ATTENTION, "confirmation by the PACS")
    assert "asks again" in trouble.box
    assert delivery_trouble(delivery(state="stored", status="0000")) is None


def test_the_worst_trouble_comes_first() -> None:
    slow, stuck = delivery(state="pending", error="Slow."), delivery(state="parked", error="Refused.")
    assert [trouble.what for trouble in troubles(acquisition(deliveries=(slow, stuck)))] == ["Refused.", "Slow."]
    assert [trouble.tone for trouble in troubles(held())] == [Tone.ATTENTION]


@pytest.mark.parametrize(
    ("severity", "tone"),
    [
        ("error", Tone.DANGER),
        ("critical", Tone.DANGER),
        ("warning", Tone.ATTENTION),
        ("info", Tone.BUSY),
        ("?", Tone.ATTENTION),
    ],
)
def test_severities_have_tones(severity: str, tone: Tone) -> None:
    assert severity_tone(severity) is tone
