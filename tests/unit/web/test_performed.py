"""The list of performed steps, its verbs, and who is open on a device until when."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.requests import RequestKind
from gateway.domain.views import IssueView
from gateway.web.words.opened import closing_words, opened_words
from gateway.web.words.performed import performed_mark, performed_verdict, report_mark, silent_peers
from gateway.web.words.states import Tone
from tests.support.fake_locals import local_study
from tests.support.fake_reader import MORNING, acquisition, device, performed, recent, report, step
from tests.support.page_visitor import Visitor, words

HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>{{7*7}}"
PARKED = report(
    7, kind="set", state="parked", status="0110", attempts=3,
    error="RIS answered 0110: the performed step is final there already.", remedy="Compare its list of images.",
)  # fmt: skip


def test_a_step_in_progress_shows_what_its_ris_was_told(person: Visitor) -> None:
    person.page.reader.performed_rows = [performed()]
    shown = person.text("/performed")
    assert "1 examination in progress." in shown
    assert "शर्मा, सुनीता" in shown
    assert "In progress since 10:36" in shown
    assert "RIS Start told 6 min ago, taken (0000)" in shown
    assert "End as completed" in shown


def test_what_is_over_and_told_is_under_all(person: Visitor) -> None:
    ended = performed(
        2, state="closed", outcome="discontinued", reason="110505", ended_at=MORNING,
        reports=(report(), report(2, kind="set", status="0111")),
    )  # fmt: skip
    person.page.reader.performed_rows = [ended]
    assert "Nothing is in progress, and nothing waits to be told." in person.text("/performed")
    shown = person.text("/performed?all=yes")
    assert "Discontinued Patient refused to continue procedure (110505)" in shown
    assert "End told 6 min ago, it had it from an earlier try (0111)" in shown
    assert "End as completed" not in shown


def test_a_stopped_report_says_what_happened_and_is_told_again(person: Visitor) -> None:
    stopped = performed(3, state="closed", outcome="completed", ended_at=MORNING, reports=(report(6), PARKED))
    person.page.reader.performed_rows = [stopped]
    shown = person.text("/performed")
    assert "1 report stopped. Pictures are not affected." in shown
    assert "final there already" in shown
    assert "Compare its list of images." in shown
    assert person.post("/performed/retry", {"report": "7"}).status_code == 303
    assert person.page.desk.filed == [(RequestKind.RETRY_REPORT, {"report": "7"}, "page")]


def test_a_peer_that_is_away_is_no_alarm(person: Visitor) -> None:
    waits = report(8, state="pending", status="", error="RIS could not be reached.", attempts=4)
    person.page.reader.performed_rows = [performed(4, reports=(waits,))]
    shown = person.text("/performed")
    assert "Reports wait for RIS." in shown
    assert "The gateway keeps trying. Pictures are not affected." in shown


def test_a_step_is_ended_and_broken_off_with_a_reason(person: Visitor) -> None:
    person.page.reader.performed_rows = [performed(5)]
    person.post("/performed/close", {"performed": "5"})
    asked = person.text("/performed/5/discontinue")
    assert "Discontinue the examination of शर्मा, सुनीता?" in asked
    assert "Incorrect worklist entry selected" in asked
    person.post("/performed/discontinue", {"performed": "5", "reason": "110514"})
    assert person.page.desk.filed == [
        (RequestKind.CLOSE_STEP, {"device": "fundus", "performed": "5"}, "page"),
        (RequestKind.CLOSE_STEP, {"device": "fundus", "performed": "5", "discontinue": "110514"}, "page"),
    ]


@pytest.mark.parametrize("reason", ["", "1", "110514 ", "110599", HOSTILE])
def test_a_reason_that_is_none_of_the_list_changes_nothing(person: Visitor, reason: str) -> None:
    person.page.reader.performed_rows = [performed(5)]
    assert person.post("/performed/discontinue", {"performed": "5", "reason": reason}).status_code == 303
    assert "Choose a reason first." in person.text("/performed")
    assert person.page.desk.filed == []


@pytest.mark.parametrize("path", ["/performed/close", "/performed/discontinue", "/performed/retry"])
@pytest.mark.parametrize("number", ["", "x", "-1", "1" * 30, "1.5"])
def test_a_form_that_names_no_row_changes_nothing(person: Visitor, path: str, number: str) -> None:
    assert person.post(path, {"performed": number, "report": number, "reason": "110505"}).status_code == 400
    assert person.page.desk.filed == []


def test_a_step_that_ended_meanwhile_is_not_ended_again(person: Visitor) -> None:
    person.page.reader.performed_rows = [performed(5, state="closing", outcome="completed")]
    for path in ("/performed/close", "/performed/discontinue"):
        assert person.post(path, {"performed": "5", "reason": "110505"}).status_code == 303
    assert person.get("/performed/5/discontinue").status_code == 303
    assert "That examination has ended already." in person.text("/performed")
    assert person.page.desk.filed == []
    assert person.post("/performed/close", {"performed": "77"}).status_code == 404


@pytest.mark.parametrize("path", ["/performed", "/performed?all=yes", "/performed/5/discontinue"])
def test_hostile_text_stays_text_and_out_of_titles(person: Visitor, path: str) -> None:
    hostile = {"patient_name": HOSTILE, "patient_id": HOSTILE, "accession_number": HOSTILE, "description": HOSTILE}
    faulty = report(1, peer=HOSTILE, state="parked", error=HOSTILE, remedy=HOSTILE, status=HOSTILE)
    person.page.reader.performed_rows = [performed(5, device=HOSTILE, reports=(faulty,), **hostile)]
    markup = person.get(path).text
    assert "<script>alert" not in markup
    assert "<img src=x" not in markup
    assert "49" not in words(markup).split()
    assert "alert" not in markup.split("<title>")[1].split("</title>")[0]


def test_marks_have_a_tone_and_a_word() -> None:
    now = MORNING
    assert performed_mark(performed(state="closing", outcome="completed"), now).word == "Ending"
    done = performed_mark(performed(state="closed", outcome="completed", ended_at=MORNING), now)
    assert (done.tone, done.word, done.detail) == (Tone.SAFE, "Completed", "10:42")
    assert report_mark(report(kind="set", state="pending", status="", attempts=0), now).word == "End not told yet"
    waiting = report(kind="set", state="pending", status="", attempts=0)
    down = IssueView(f"mpps.{waiting.peer}.link", "attention", MORNING, "Nothing listens.", "Look.")
    silent = silent_peers([down, replace(down, key="destination.main.link")])
    assert report_mark(waiting, now, silent).detail == "link down since 10:42"
    told = performed_verdict([performed(reports=(waiting,))], silent)
    assert (told.tone, told.sentence) == (Tone.ATTENTION, f"Reports wait for {waiting.peer}.")
    assert report_mark(replace(waiting, peer="another"), now, silent).detail == "its turn comes"
    assert report_mark(report(status="B999"), now).detail.endswith("taken (B999)")
    assert report_mark(PARKED, now).tone is Tone.DANGER


def test_now_says_who_opened_the_patient_and_when_that_ends(person: Visitor) -> None:
    rows = [device("fundus", step(1), active_by="asha", closes_at=MORNING + timedelta(hours=3, minutes=50))]
    person.page.reader.device_rows = rows
    shown = person.text("/")
    assert "opened by asha at 10:34" in shown
    assert "closes by itself at 14:32 if no picture comes" in shown


def test_now_warns_when_the_patient_is_about_to_be_closed(person: Visitor) -> None:
    soon = MORNING + timedelta(minutes=7)
    person.page.reader.device_rows = [device("fundus", step(1), active_by="page", closes_at=soon)]
    markup = person.get("/").text
    assert "Closes by itself in 7 min if no picture comes" in words(markup)
    assert "opened on the page at 10:34" in words(markup)
    assert "chip-attention" in markup


def test_now_counts_all_pictures_since_the_opening(person: Visitor) -> None:
    person.page.reader.device_rows = [device("fundus", step(1), captured_since=200)]
    person.page.reader.rows = [acquisition(number) for number in range(1, 81)]
    assert "200 pictures, 60 of the newest 60 at PACS" in person.text("/")


@pytest.mark.parametrize(("left_s", "text"), [(-5, "closes by itself now"), (59, "in 50 s"), (3599, "in 59 min")])
def test_the_end_in_words(left_s: float, text: str) -> None:
    assert text in closing_words(MORNING + timedelta(seconds=left_s), MORNING)


def test_nobody_open_has_no_opening() -> None:
    assert opened_words(device("fundus"), MORNING) == ""


def test_closing_asks_when_a_picture_came_a_moment_ago(person: Visitor) -> None:
    busy = device("fundus", step(1), last_captured_at=MORNING - timedelta(seconds=40), captured_since=6)
    person.page.reader.device_rows = [busy]
    asked = person.post("/devices/close", {"device": "fundus"})
    assert "Close शर्मा, सुनीता on fundus?" in words(asked.text)
    assert "A picture arrived 40 s ago (6 pictures since this patient was opened)." in words(asked.text)
    assert person.page.desk.filed == []
    assert person.post("/devices/close", {"device": "fundus", "confirmed": "yes"}).status_code == 303
    assert person.page.desk.filed == [(RequestKind.CLOSE_STEP, {"device": "fundus"}, "page")]


def test_opening_asks_too_when_the_other_patient_was_closed_a_moment_ago(person: Visitor) -> None:
    """Closing first must not be a way around the question."""
    person.page.reader.worklist = [step(1), step(2, patient_name="Doe^Jane", patient_id="P2")]
    person.page.reader.device_rows = [device("fundus")]
    person.page.reader.recent = {"fundus": recent()}
    asked = person.post("/worklist/open", {"device": "fundus", "step": "2"})
    assert "Open Doe, Jane on fundus?" in words(asked.text)
    assert "A picture of शर्मा, सुनीता (ID 4711) arrived" in words(asked.text)
    assert person.post("/worklist/open", {"device": "fundus", "step": "1"}).status_code == 303
    assert person.page.desk.filed == [(RequestKind.OPEN_STEP, {"device": "fundus", "step": "1"}, "page")]


def test_a_changed_patient_is_compared_before_opening(person: Visitor) -> None:
    """The question about pictures is no answer to the one about the patient."""
    doubtful = step(2, patient_id="P2", doubtful=True, faults=("The patient of this entry has changed.",))
    person.page.reader.worklist = [doubtful]
    person.page.reader.device_rows = [device("fundus", last_captured_at=None)]
    form = {"device": "fundus", "step": "2"}
    asked = words(person.post("/worklist/open", form | {"confirmed": "yes"}).text)
    assert "The patient of this entry has changed. Compare name, birth date and ID" in asked
    assert person.page.desk.filed == []
    person.post("/worklist/open", form | {"confirmed": "yes", "compared": "yes"})
    assert person.page.desk.filed == [(RequestKind.OPEN_STEP, form | {"confirmed": "yes"}, "page")]


def test_a_patient_without_an_order_is_shown_and_closed_alike(person: Visitor) -> None:
    busy = device(
        "fundus", active_since=MORNING - timedelta(minutes=8), active_by="asha", captured_since=2,
        closes_at=MORNING + timedelta(minutes=7), last_captured_at=MORNING - timedelta(seconds=40),
    )  # fmt: skip
    person.page.reader.device_rows = [busy]
    person.page.local_studies.open_on = {"fundus": (local_study(), MORNING - timedelta(minutes=8))}
    shown = person.text("/")
    assert "Patient, Unknown" in shown or "Unknown" in shown
    assert shown.count("open for 8 min") == 1
    assert "opened by asha at 10:34" in shown
    assert "Closes by itself in 7 min if no picture comes" in shown
    asked = person.post("/devices/close", {"device": "fundus"})
    assert "(2 pictures since this patient was opened)" in words(asked.text)
    assert "Unknown" in words(asked.text)
    assert person.page.desk.filed == []
