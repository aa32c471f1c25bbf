"""Every screen with no, one and many rows; hostile text; live updates; no patient data where it must not be."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.errors import SpoolFull
from gateway.domain.views import CountsView
from tests.support.fake_page import draw_thumbnail
from tests.support.fake_reader import (
    MORNING,
    FakeReader,
    acquisition,
    beat,
    delivery,
    destination,
    device,
    held,
    issue,
    provider,
    step,
)
from tests.support.page_visitor import Visitor, words

SCREENS = ("/", "/queue", "/holds", "/worklist", "/devices", "/destinations", "/system")
HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>{{7*7}}"


def _fill(reader: FakeReader, text: str = "") -> None:
    first = step(1, open_on=("fundus",))
    fields = {"patient_name": text, "patient_id": text, "description": text, "accession_number": text} if text else {}
    first = replace(first, **fields)  # type: ignore[arg-type]  # the names are those of the view
    reader.worklist = [
        first,
        step(2, usable=False, faults=(text or "no Study Instance UID",), start=None),
        step(3, vanished=True, priority="STAT"),
    ]
    said = (("patient_id", text or "4711", text or "file name"),)
    trouble = {"error": text or "No answer.", "remedy": text or "Check the cable.", "phase": text or "connect"}
    reader.rows = [
        acquisition(1),
        acquisition(
            2,
            deliveries=(
                delivery(id=2, state="parked", status=text or "A900", **trouble),
                delivery(destination=text or "Archive"),
            ),
        ),
        acquisition(3, state="quarantined", reason=text or "Cut short.", deliveries=(), display_name=text or "cut.jpg"),
        held(
            4,
            hints=said,
            candidates=(first.key,),
            reason=text or "Two fit.",
            exam_key=text or "exam",
            device=text or "fundus",
        ),
        acquisition(
            5,
            patient_name=text or "X^Y",
            step_description=text,
            rule=text or "operator",
            hints=said,
            sop_instance_uid=text or "1.2",
        ),
    ]
    reader.device_rows = [device("fundus", first, last_captured_at=MORNING), device(text or "ultrasound")]
    reader.destination_rows = [destination(parked=1, error_at=MORNING, **trouble), destination(text or "Archive")]
    reader.provider_rows = [provider(text or "HIS", error=text or "No answer.", since=MORNING)]
    reader.issue_rows = [issue(text or "Something.", "error")]
    reader.beat_rows = [beat(text or "forward", text or "deliver", age_s=600)]


@pytest.mark.parametrize("path", SCREENS)
def test_an_empty_box_has_every_screen(person: Visitor, path: str) -> None:
    shown = person.get(path)
    assert shown.status_code == 200
    assert 'class="sentence"' in shown.text


@pytest.mark.parametrize("path", [*SCREENS, *(f"/acquisitions/{number}" for number in range(1, 6))])
def test_a_busy_box_has_every_screen(person: Visitor, path: str) -> None:
    _fill(person.page.reader)
    assert person.get(path).status_code == 200


@pytest.mark.parametrize("path", [*SCREENS, *(f"/acquisitions/{number}" for number in range(1, 6))])
def test_hostile_text_stays_text(person: Visitor, path: str) -> None:
    _fill(person.page.reader, HOSTILE)
    markup = person.get(path).text
    assert "<script>alert" not in markup
    assert "<img src=x" not in markup
    assert "49" not in words(markup).split()


@pytest.mark.parametrize("path", ["/holds/choose", "/holds/unscheduled"])
def test_hostile_text_stays_text_in_forms(person: Visitor, path: str) -> None:
    _fill(person.page.reader, HOSTILE)
    markup = person.post(path, {"acquisition": "4", "search": HOSTILE}).text
    assert "<script>alert" not in markup
    assert "<img src=x" not in markup


@pytest.mark.parametrize("path", [*SCREENS, "/acquisitions/1"])
def test_no_patient_data_in_titles_and_addresses(person: Visitor, path: str) -> None:
    _fill(person.page.reader)
    markup = person.get(path).text
    title = markup.split("<title>")[1].split("</title>")[0]
    addresses = [
        part.split('"')[0]
        for key in ('href="', 'src="', 'action="', 'hx-get="', 'hx-post="')
        for part in markup.split(key)[1:]
    ]
    for secret in ("4711", "शर्मा", "2026-8891", "1971"):
        assert secret not in title
        assert not any(secret in address for address in addresses)


def test_now_shows_the_open_patient_and_the_pictures_since(person: Visitor) -> None:
    reader = person.page.reader
    reader.device_rows = [device("fundus", step(1))]
    before = MORNING - timedelta(minutes=30)
    reader.rows = [
        acquisition(1, captured_at=before),
        acquisition(2),
        acquisition(3, deliveries=(delivery(state="pending"),)),
    ]
    shown = person.text("/")
    assert "शर्मा, सुनीता" in shown
    assert "Female 1971-04-02 ID 4711" in shown
    assert "open for 8 min" in shown
    assert "2 pictures, 1 at PACS" in shown
    assert "Close patient" in shown


def test_now_without_an_open_patient_offers_to_open_one(person: Visitor) -> None:
    person.page.reader.device_rows = [device("fundus")]
    assert "No patient is open" in person.text("/")
    assert "Open a patient" in person.text("/")


def test_queue_shows_every_destination_and_the_fault_with_its_remedy(person: Visitor) -> None:
    failed = delivery(
        id=7,
        state="pending",
        error="The network did not answer.",
        phase="connect",
        remedy="Check the cable.",
        attempts=2,
    )
    person.page.reader.rows = [acquisition(1, deliveries=(failed, delivery(destination="Archive", state="stored")))]
    shown = person.text("/queue")
    assert "Main PACS" in shown
    assert "Waiting (link down since 10:37)" in shown
    assert "Archive At PACS" in shown
    assert "The network did not answer. At: network. Tried 2 times; the gateway keeps trying. Check the cable." in shown


def test_queue_turns_its_pages(person: Visitor) -> None:
    person.page.reader.rows = [acquisition(number) for number in range(1, 71)]
    first = person.get("/queue").text
    assert first.count('class="row"') == 30
    assert "/queue?before=41" in first
    second = person.get("/queue?before=41").text
    assert "number" not in second.split("<title>")[0]
    assert "/queue?before=11" in second
    assert "Older" not in words(person.get("/queue?before=11").text)


def test_queue_keeps_its_state_over_pages(person: Visitor) -> None:
    person.page.reader.rows = [held(number) for number in range(1, 41)]
    assert "/queue?state=held&amp;before=11" in person.get("/queue?state=held").text


@pytest.mark.parametrize("query", ["state=nonsense", "before=-1", "state=held'--", f"before={10**30}"])
def test_queue_refuses_what_it_did_not_offer(person: Visitor, query: str) -> None:
    assert person.get(f"/queue?{query}").status_code == 404


def test_holds_are_grouped_by_exam(person: Visitor) -> None:
    first = step(1)
    person.page.reader.worklist = [first]
    person.page.reader.rows = [
        held(1, candidates=(first.key,)),
        held(2, candidates=(first.key,)),
        held(3, exam_key="other"),
    ]
    shown = person.text("/holds")
    assert "2 pictures from fundus" in shown
    assert "1 picture from fundus" in shown
    assert "Two steps fit patient ID 4711." in shown


def test_candidates_keep_their_rank(person: Visitor) -> None:
    first, second = step(1, patient_name="First"), step(2, patient_name="Second")
    person.page.reader.worklist = [first, second]
    person.page.reader.rows = [held(1, candidates=(second.key, first.key))]
    shown = person.text("/holds")
    assert shown.index("Second") < shown.index("First")


def test_many_holds_are_bounded_and_counted(person: Visitor) -> None:
    person.page.reader.rows = [held(number) for number in range(1, 101)]
    shown = person.text("/holds")
    assert "100 pictures need a patient." in shown
    assert "40 older pictures more." in shown


def test_worklist_search_is_not_in_the_address(person: Visitor) -> None:
    person.page.reader.worklist = [step(1), step(2, patient_name="Doe^Jane")]
    answer = person.post("/worklist", {"search": "doe"})
    assert "Doe, Jane" in words(answer.text)
    assert "शर्मा" not in answer.text
    assert 'hx-include="#search"' in answer.text
    assert "Nobody like this" in words(person.post("/worklist", {"search": "nobody"}).text)


def test_worklist_marks_faults_and_vanished_steps(person: Visitor) -> None:
    _fill(person.page.reader)
    shown = person.text("/worklist")
    assert "Cannot be used. no Study Instance UID" in shown
    assert "No longer on the worklist" in shown
    assert "Stat" in shown
    assert "Open on fundus" in shown


def test_a_long_worklist_is_cut_and_says_so(person: Visitor) -> None:
    person.page.reader.worklist = [step(number) for number in range(1, 151)]
    assert "Only the first 100 are shown." in person.text("/worklist")


def test_details_have_identifiers_and_hints(person: Visitor) -> None:
    person.page.reader.rows = [acquisition(1)]
    shown = person.text("/acquisitions/1")
    assert "2.25.329800735698586629295641978511506172918" in shown
    assert "Patient id 4711 file name".casefold() in shown.casefold()
    assert person.get("/acquisitions/2").status_code == 404


def test_thumbnails(person: Visitor, tmp_path: Path) -> None:
    reader = person.page.reader
    reader.rows = [acquisition(1, has_thumbnail=True), acquisition(2)]
    reader.thumbnails = {1: draw_thumbnail(tmp_path / "1.jpg", 1), 2: tmp_path / "gone.jpg"}
    answer = person.get("/acquisitions/1/thumbnail")
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("image/jpeg", "no-store")
    assert answer.data.startswith(b"\xff\xd8")
    assert person.get("/acquisitions/2/thumbnail").status_code == 404


def test_a_live_update_is_a_part_and_nothing_when_nothing_changed(person: Visitor) -> None:
    person.page.reader.rows = [held(1)]
    part = person.get("/holds", HX_Request="true").text
    assert "<html" not in part
    assert 'id="live"' in part
    assert 'id="badge-holds"' in part
    seen = part.split("X-Seen&#34;: &#34;")[1].split("&#34;")[0]
    assert person.get("/holds", HX_Request="true", X_Seen=seen).status_code == 204
    person.page.reader.rows.append(held(2))
    assert person.get("/holds", HX_Request="true", X_Seen=seen).status_code == 200


class _FullReader(FakeReader):
    def counts(self) -> CountsView:
        raise SpoolFull("The spool is full.")


def test_a_ledger_that_cannot_be_read_is_said_in_words(person: Visitor) -> None:
    person.page.reader.__class__ = _FullReader
    answer = person.get("/")
    assert answer.status_code == 503
    assert "The spool is full. Nothing was changed. Free space" in words(answer.text)


def test_nothing_at_an_address_is_said_in_words(person: Visitor) -> None:
    answer = person.get("/no/such/address")
    assert answer.status_code == 404
    assert "There is nothing at this address." in words(answer.text)


def test_opening_from_a_device_offers_that_device_alone(person: Visitor) -> None:
    person.page.reader.worklist = [step(1)]
    person.page.reader.device_rows = [device("fundus"), device("ultrasound")]
    assert "/worklist?device=ultrasound" in person.get("/").text
    shown = person.get("/worklist?device=ultrasound").text
    assert "Open on ultrasound" in words(shown)
    assert 'id="device-' not in shown
    assert 'hx-post="/worklist?device=ultrasound"' in shown
    assert "<select" in person.get("/worklist?device=nobody").text
    assert "nobody" not in person.get("/worklist?device=nobody").text


def test_a_device_shows_its_own_loops_and_no_other(person: Visitor) -> None:
    person.page.reader.device_rows = [device("fundus"), device("fundus2")]
    person.page.reader.beat_rows = [beat("capture/fundus2", "capture", bound_s=1800)]
    assert person.text("/devices").count("Watching") == 1
    assert "30 min" in person.text("/system")
