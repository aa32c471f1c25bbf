"""A provider's loop against worklists in this process: cancelled, partial and huge answers, look-ups, raw answers."""

import resource
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydicom import Dataset
from pynetdicom.events import Event

from gateway.bootstrap.network_verbs import looked_up
from gateway.domain.errors import GatewayError
from gateway.domain.identifiers import Uid
from gateway.worklist.query import WorklistFilter
from gateway.worklist.sent import sent_answer
from tests.support.ledger import NOON, TestSpool
from tests.support.provider_loop import ProviderLoop
from tests.support.worklist_items import answer
from tests.support.worklist_scp import Answers, worklist

TODAY = f"{NOON:%Y%m%d}"


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[TestSpool]:
    made = TestSpool(tmp_path)
    made.steps.configure(["HIS"])
    yield made
    made.close()


def item(number: int, **changes: object) -> Dataset:
    known: dict[str, object] = {
        "PatientID": f"P{number}",
        "AccessionNumber": f"A{number}",
        "StudyInstanceUID": Uid(f"1.2.3.{number + 1}"),
        "sps_ScheduledProcedureStepID": f"S{number}",
        "sps_ScheduledProcedureStepStartDate": TODAY,
    }
    return answer(**{**known, **changes})


def test_a_cut_answer_is_used_and_concludes_nothing(spool: TestSpool) -> None:
    wanted = [item(number) for number in range(6)]

    def found(event: Event) -> Answers:
        for one in wanted:
            if event.is_cancelled:
                yield 0xFE00, None
                return
            yield 0xFF00, one

    with worklist(found) as port:
        ProviderLoop(spool, port).stage.ask()
        wanted = [item(9, PatientName="New^One"), *(item(number) for number in range(3))]
        cut = ProviderLoop(spool, port, max_answers=2)
        cut.stage.ask()
        assert cut.known().keys() == {"S0", "S1", "S2", "S3", "S4", "S5", "S9"}
        assert "more than the 2 answers" in cut.issue("cut")
        shown = cut.answers.round("HIS")
        assert shown is not None
        assert (shown.came, shown.complete) == (2, False)
        whole = ProviderLoop(spool, port)
        whole.stage.ask()
    assert whole.known().keys() == {"S0", "S1", "S2", "S9"}
    assert whole.issue("cut") == ""


def test_what_came_before_a_refusal_is_used_and_the_refusal_shown(spool: TestSpool) -> None:
    refuse = False

    def found(_: Event) -> Answers:
        yield 0xFF00, item(2) if refuse else item(1)
        yield (0xA700, None) if refuse else (0x0000, None)

    with worklist(found) as port:
        provider = ProviderLoop(spool, port)
        provider.stage.ask()
        refuse = True
        with pytest.raises(GatewayError, match="A700"):
            provider.stage.ask()
    assert provider.known().keys() == {"S1", "S2"}
    assert "broke off" in provider.issue("cut")
    (view,) = spool.status.providers()
    assert "A700" in view.error


def test_a_hundred_thousand_answers_are_bounded_in_memory_and_conclude_nothing(spool: TestSpool) -> None:
    """The provider never heard of C-CANCEL; the association is aborted, and what stood stays."""
    base = item(0)

    def endless(_: Event) -> Answers:
        for number in range(100_000):
            base.PatientID, base.AccessionNumber = f"P{number}", f"A{number}"
            base.StudyInstanceUID = f"1.2.3.{number + 1}"
            yield 0xFF00, base

    with worklist(lambda _: iter([(0xFF00, item(999_999))])) as port:
        ProviderLoop(spool, port).stage.ask()
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with worklist(endless) as port:
        provider = ProviderLoop(spool, port, max_answers=500)
        assert provider.stage.ask() == 500
    assert len(spool.steps.candidates("fundus")) == 501
    assert "more than the 500 answers" in provider.issue("cut")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 100_000
    assert len(spool.rows("SELECT * FROM answer_kept")) <= 50


def test_one_patient_is_found_although_the_broad_query_is_refused(spool: TestSpool) -> None:
    asked: list[tuple[str, str]] = []

    def found(event: Event) -> Answers:
        identifier = event.identifier
        asked.append(
            (identifier.PatientID, identifier.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStartDate)
        )
        if not identifier.PatientID:
            yield 0xA700, None
            return
        yield 0xFF00, item(7, sps_ScheduledProcedureStepStartDate="20260501")
        yield 0xFF00, item(8)  # a provider that ignores the key

    with worklist(found) as port:
        provider = ProviderLoop(spool, port)
        with pytest.raises(GatewayError):
            provider.stage.ask()
        ok, outcome, detail = looked_up(WorklistFilter(patient_id="P7"), [("HIS", provider.stage)])
    assert (ok, outcome) == (True, "HIS: 1 step(s) found.")
    assert "S7" in detail
    assert asked[-1] == ("P7", "")
    assert provider.known().keys() == {"S7"}
    (view,) = [step for step in spool.status.steps() if step.patient_id == "P7"]
    assert (view.looked_up, view.vanished) == (True, False)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (WorklistFilter(accession_number="A2"), {"S2"}),
        (WorklistFilter(requested_procedure_id="RP1"), {"S1", "S2", "S3"}),
        (WorklistFilter(patient_name="müll*"), {"S3"}),
        (WorklistFilter(patient_name="DOE*JANE"), {"S1"}),
        (WorklistFilter(patient_id="P9"), set()),
    ],
)
def test_a_look_up_is_filtered_here_as_well(spool: TestSpool, wanted: WorklistFilter, found: set[str]) -> None:
    items = [
        item(1),
        item(2, PatientName="Roe^Richard"),
        item(3, PatientName="Müller^Hans", SpecificCharacterSet="ISO_IR 192"),
    ]
    with worklist(lambda _: iter([(0xFF00, one) for one in items])) as port:
        steps, note = ProviderLoop(spool, port).stage.look_up(wanted)
    assert {step.key.step_id for step in steps} == found
    assert note == ""


def test_a_look_up_says_what_is_wrong_with_the_question(spool: TestSpool) -> None:
    provider = ProviderLoop(spool, 9)
    for wanted, why in (
        (WorklistFilter(), "Say whom"),
        (WorklistFilter(patient_name="*"), "Say whom"),
        (WorklistFilter(patient_id="P\\1"), "plain text"),
        (WorklistFilter(patient_id="P1"), "HIS: "),
    ):
        ok, outcome, _ = looked_up(wanted, [("HIS", provider.stage)])
        assert not ok
        assert why in outcome
    assert not looked_up(WorklistFilter(patient_id="P1"), [])[0]


def test_a_step_of_another_day_stays_when_the_broad_answer_comes(spool: TestSpool) -> None:
    far = item(7, sps_ScheduledProcedureStepStartDate="20260501")
    with worklist(lambda event: iter([(0xFF00, far if event.identifier.PatientID else item(1))])) as port:
        provider = ProviderLoop(spool, port)
        provider.stage.look_up(WorklistFilter(patient_id="P7"))
        provider.stage.ask()
        assert provider.known().keys() == {"S1", "S7"}
        spool.clock.advance(60 * 86400)
        spool.steps.expire()
    assert not [step for step in spool.status.steps() if not step.vanished]


def test_several_stations_are_asked_one_by_one(spool: TestSpool) -> None:
    asked = []

    def found(event: Event) -> Answers:
        station = event.identifier.ScheduledProcedureStepSequence[0].ScheduledStationAETitle
        asked.append(station)
        number = 1 if station == "FC1" else 2
        yield 0xFF00, item(number, sps_ScheduledStationAETitle=station)
        yield 0xFF00, item(3, sps_ScheduledStationAETitle="ELSEWHERE")

    with worklist(found) as port:
        provider = ProviderLoop(
            spool, port, WorklistFilter(station_ae_titles=("FC1", "FC2"), days_back=1, days_ahead=1)
        )
        provider.stage.ask()
    assert asked == ["FC1", "FC2"]
    assert provider.known().keys() == {"S1", "S2"}


def test_what_the_provider_sent_is_kept_with_its_faults_at_their_places(spool: TestSpool) -> None:
    bad = item(2, PatientID="", AccessionNumber="A" * 20, PatientBirthDate="31.12.99", PatientName="Weiß^Anna")
    bad.SpecificCharacterSet = "ISO_IR 100"
    with worklist(lambda _: iter([(0xFF00, item(1)), (0xFF00, bad)])) as port:
        provider = ProviderLoop(spool, port)
        provider.stage.ask()
        shown = provider.answers.round("HIS")
        assert shown is not None
        written = spool.rows("SELECT at_us, digest FROM answer_round")
        spool.clock.advance(60)
        provider.stage.ask()
        again = spool.rows("SELECT at_us, digest FROM answer_round")
    assert (shown.came, shown.complete, shown.asked) == (2, True, "the list of the configured days")
    good, faulty = shown.answers
    assert (good.usable, good.faults) == (True, ())
    assert not faulty.usable
    assert "It has no Patient ID." in faulty.faults
    lines = {line.name: line for line in faulty.lines}
    assert "longer than the 16 characters" in lines["Accession Number"].fault
    assert (lines["Patient's Birth Date"].text, "invalid" in lines["Patient's Birth Date"].fault) == ("31.12.99", True)
    assert (lines["Patient's Name"].text, lines["Patient's Name"].depth) == ("Weiß^Anna", 0)
    assert lines["Modality"].depth == 1
    latin = next(one for one in shown.preview if one.character_set == "ISO_IR 100")
    assert latin.names == ("Weiß^Anna",)
    assert written[0]["digest"] == again[0]["digest"]
    assert written[0]["at_us"] < again[0]["at_us"]


def test_look_ups_and_the_broad_answer_stand_beside_each_other(spool: TestSpool) -> None:
    with worklist(lambda _: iter([(0xFF00, item(number)) for number in range(1, 9)])) as port:
        provider = ProviderLoop(spool, port)
        provider.stage.ask()
        provider.stage.look_up(WorklistFilter(accession_number="A7"))
        for number in range(1, 7):
            spool.clock.advance(1)
            provider.stage.look_up(WorklistFilter(patient_id=f"P{number}"))
        spool.clock.advance(60)
        provider.stage.ask()
        provider.stage.look_up(WorklistFilter(patient_id="P3"))
    broad, looked_up = provider.answers.round("HIS"), provider.answers.look_ups("HIS")
    assert broad is not None
    assert (broad.asked, broad.came) == ("the list of the configured days", 8)
    assert [one.asked.rpartition(" ")[2] for one in looked_up] == ["P3", "P6", "P5", "P4", "P2"], (
        "newest first, bounded"
    )
    assert looked_up[0].asked == "one patient or order, by patient ID P3"
    assert looked_up[0].at > looked_up[1].at
    assert [len(one.answers) for one in looked_up] == [8] * 5, "as they came, before they are filtered here"
    assert len(spool.rows("SELECT * FROM look_up_kept")) == 40
    spool.steps.configure(["other"])
    assert provider.answers.look_ups("HIS") == []
    assert spool.rows("SELECT * FROM look_up_kept") == []


def test_an_unreadable_answer_is_shown_in_bytes() -> None:
    """By the reader alone: peers in this process send only what can be read."""
    answered = sent_answer(1, b"\x10\x00garbage", None, None, "")
    assert not answered.usable
    assert answered.lines[0].text.startswith("10 00")


def test_doubts_are_an_issue_until_a_person_has_looked(spool: TestSpool) -> None:
    items = [item(1), item(2)]
    with worklist(lambda _: iter([(0xFF00, one) for one in items])) as port:
        provider = ProviderLoop(spool, port)
        provider.stage.ask()
        items = [item(1, PatientName="Else^Somebody"), item(2)]
        provider.stage.ask()
        assert "1 worklist entry(ies)" in provider.issue("doubted")
        assert "Else" not in provider.issue("doubted")
    assert provider.known()["S1"].doubtful


def test_the_providers_own_zone_counts_where_its_answers_name_no_offset(spool: TestSpool) -> None:
    items = [item(1), item(2, TimezoneOffsetFromUTC="+0200")]
    with worklist(lambda _: iter([(0xFF00, one) for one in items])) as port:
        provider = ProviderLoop(spool, port, zone=ZoneInfo("America/New_York"))
        provider.stage.ask()
    starts = {name: step.start.isoformat() for name, step in provider.known().items() if step.start}
    assert starts == {"S1": "2026-03-04T20:00:00+05:30", "S2": "2026-03-04T13:00:00+05:30"}
