"""Whose pictures came a moment ago: one rule for whoever opens the next patient, by whatever way."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.identifiers import AcquisitionId
from gateway.domain.procedure import Patient
from gateway.domain.requests import RequestKind
from gateway.domain.views import RequestView
from gateway.spool.opening import OpeningRules
from gateway.spool.requests import RequestLedger
from tests.support.corrections import put_right
from tests.support.ledger import TestSpool, step

ASKS = "Pictures of the patient before came a moment ago."
WAYS = {
    "number": (RequestKind.OPEN_STEP, {"step": "2"}),
    "code": (RequestKind.SCAN, {"code": "A2"}),
    "emergency": (RequestKind.OPEN_UNSCHEDULED, {}),
    "known without an order": (RequestKind.OPEN_UNSCHEDULED, {"patient_id": "P7"}),
}


def do(spool: TestSpool, kind: RequestKind, **payload: str) -> RequestView:
    return do_by(None, spool, kind, payload)


def do_by(rules: OpeningRules | None, spool: TestSpool, kind: RequestKind, payload: dict[str, str]) -> RequestView:
    spool.clock.advance(2)
    ledger = RequestLedger(spool.database, spool.root, spool.clock, opening=rules)
    number = spool.desk.file(kind, {"device": "fundus", **payload}, by="nurse")
    for request in ledger.waiting("assemble"):
        ledger.carry_out(request)
    view = spool.status.request(number)
    assert view is not None
    return view


def picture(spool: TestSpool, content: bytes = b"picture", *, late_s: float = 0, **changes: Any) -> AcquisitionId:
    moment = spool.clock.now() - timedelta(seconds=late_s)
    return spool.record(content, captured_at=moment, **changes)


@pytest.fixture
def filled(spool: TestSpool) -> TestSpool:
    spool.steps.configure(["HIS"])
    spool.steps.answered("HIS", [step(1), step(2), step(3, patient=step(1).patient)])
    return spool


@pytest.fixture(params=["open still", "just closed"])
def before(request: pytest.FixtureRequest, filled: TestSpool) -> TestSpool:
    """A picture of the first patient, who is open still, or was closed."""
    assert do(filled, RequestKind.OPEN_STEP, step="1").ok
    picture(filled)
    if request.param == "just closed":
        assert do(filled, RequestKind.CLOSE_STEP).ok
    return filled


@pytest.mark.parametrize("way", WAYS)
def test_another_patient_is_asked_about_whether_the_one_before_is_open_or_just_closed(
    before: TestSpool, way: str
) -> None:
    kind, payload = WAYS[way]
    asked = do(before, kind, **payload)
    assert not asked.ok
    assert asked.outcome.startswith(ASKS)
    spool_says = before.status.recent_patient("fundus", step=2)
    assert spool_says is not None
    assert spool_says.patient_id == "P1"
    confirmed = (
        do(before, kind, **payload, confirmed="yes") if kind is not RequestKind.SCAN else do(before, kind, **payload)
    )
    assert confirmed.ok


@pytest.mark.parametrize("way", WAYS)
def test_after_two_minutes_nothing_is_asked(before: TestSpool, way: str) -> None:
    before.clock.advance(121)
    kind, payload = WAYS[way]
    assert do(before, kind, **payload).ok


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (RequestKind.OPEN_STEP, {"step": "1"}),
        (RequestKind.OPEN_STEP, {"step": "3"}),
        (RequestKind.SCAN, {"code": "A3"}),
    ],
)
def test_the_same_patient_is_never_asked_about(before: TestSpool, kind: RequestKind, payload: dict[str, str]) -> None:
    assert do(before, kind, **payload).ok
    assert before.status.recent_patient("fundus", step=3) is None


def test_an_emergency_that_was_closed_a_moment_ago_counts_and_is_herself(filled: TestSpool) -> None:
    assert do(filled, RequestKind.OPEN_UNSCHEDULED).ok
    picture(filled)
    assert do(filled, RequestKind.CLOSE_STEP).ok
    assert do(filled, RequestKind.OPEN_STEP, step="1").outcome.startswith(ASKS)
    assert do(filled, RequestKind.OPEN_UNSCHEDULED).outcome.startswith(ASKS), "another one whom nobody knows"
    assert filled.status.recent_patient("fundus", local_study=1) is None
    assert do(filled, RequestKind.OPEN_UNSCHEDULED, local_study="1").ok


def test_one_id_with_two_birth_dates_is_two_patients(filled: TestSpool) -> None:
    assert do(filled, RequestKind.OPEN_STEP, step="1").ok
    picture(filled)
    other = step(2, patient=Patient("P1", "HOSP", "Dēvī^Sītā", "19910131", "F"))
    filled.steps.configure(["HIS", "RIS"])
    filled.steps.answered("RIS", [step(9, provider="RIS", patient=other.patient)])
    (row,) = filled.rows("SELECT id FROM step WHERE step_id = 'SPS9'")
    assert filled.status.recent_patient("fundus", step=row["id"]) is not None


def test_back_to_the_one_whose_pictures_they_are_after_a_wrong_opening(before: TestSpool) -> None:
    assert do(before, RequestKind.OPEN_STEP, step="2", confirmed="yes").ok
    assert do(before, RequestKind.OPEN_STEP, step="1").ok, "nobody was captured under the wrong one"


def test_a_picture_of_nobody_does_not_count_and_hides_nobody(filled: TestSpool) -> None:
    picture(filled)
    assert do(filled, RequestKind.OPEN_STEP, step="1").ok
    assert do(filled, RequestKind.OPEN_STEP, step="2").ok, "that picture came before anybody was open"
    picture(filled, b"of 2", exam_key="2")
    assert do(filled, RequestKind.CLOSE_STEP).ok
    picture(filled, b"of nobody", exam_key="3")
    assert do(filled, RequestKind.OPEN_STEP, step="1").outcome.startswith(ASKS)


@pytest.mark.parametrize("late_s", [3600, -3600])
def test_a_device_whose_clock_is_off_is_asked_about_like_any_other(filled: TestSpool, late_s: float) -> None:
    assert do(filled, RequestKind.OPEN_STEP, step="1").ok
    filled.clock.advance(10)
    picture(filled, late_s=late_s)
    assert do(filled, RequestKind.OPEN_STEP, step="2").outcome.startswith(ASKS)
    filled.clock.advance(121)
    assert do(filled, RequestKind.OPEN_STEP, step="2").ok, "what counts is when it came"


def test_another_device_asks_nothing(before: TestSpool) -> None:
    assert do(before, RequestKind.OPEN_STEP, device="ultrasound", step="2").ok


def test_a_corrected_picture_is_that_of_the_right_patient(filled: TestSpool) -> None:
    assert do(filled, RequestKind.OPEN_STEP, step="1").ok
    number = picture(filled, with_file=True)
    filled.match(number, step(1))
    filled.assemble(number, content=b"DICM")
    put_right(filled, [number], step(2))
    assert do(filled, RequestKind.OPEN_STEP, step="2").ok
    asked = filled.status.recent_patient("fundus", step=1)
    assert asked is not None
    assert asked.patient_id == "P2"


@pytest.mark.parametrize("way", WAYS)
def test_where_an_opened_patient_would_get_no_picture_nobody_is_opened(filled: TestSpool, way: str) -> None:
    rules = OpeningRules({"fundus": ("accession_number", "single_in_window"), "held": ()})
    kind, payload = WAYS[way]
    refused = do_by(rules, filled, kind, payload)
    assert refused.outcome == (
        "Nobody can be opened on fundus: its pictures find their patient by accession number or scheduled time alone,"
        ' so it would change nothing. If people are to open patients there, add "active_step" to match.rules in'
        " devices/fundus.toml."
    )
    assert not refused.ok
    assert filled.rows("SELECT device FROM active_step UNION SELECT device FROM active_local_study") == []
    assert "all wait for a person" in do_by(rules, filled, kind, payload | {"device": "held"}).outcome
    assert "There is no device kamera" in do_by(rules, filled, kind, payload | {"device": "kamera"}).outcome
    assert filled.rows("SELECT id FROM local_study") == []
    assert do_by(OpeningRules({"fundus": ("patient_id", "active_step")}), filled, kind, payload).ok
