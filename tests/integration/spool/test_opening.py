"""Opening by number and by scanned code: exactly one step, asked again when the patient before was just here."""

import pytest

from gateway.domain.procedure import Patient
from gateway.domain.requests import RequestKind
from gateway.domain.views import RequestView
from gateway.spool.sent_view import SentView
from tests.support.ledger import TestSpool, step


def do(spool: TestSpool, verb: RequestKind, **payload: str) -> RequestView:
    number = spool.desk.file(verb, {"device": "fundus", **payload}, by="scanner desk")
    for request in spool.requests.waiting("assemble"):
        spool.requests.carry_out(request)
    view = spool.status.request(number)
    assert view is not None
    return view


def scan(spool: TestSpool, code: str, **payload: str) -> RequestView:
    spool.clock.advance(2)
    return do(spool, RequestKind.SCAN, code=code, **payload)


def opened(spool: TestSpool) -> str:
    active = spool.steps.active("fundus")
    return "" if active is None else active.key.step_id


def last(spool: TestSpool) -> dict[str, object]:
    return spool.rows("SELECT * FROM scan WHERE device = 'fundus'")[0]


@pytest.fixture
def filled(spool: TestSpool) -> TestSpool:
    spool.steps.configure(["HIS"])
    spool.steps.answered("HIS", [step(1), step(2)])
    return spool


@pytest.mark.parametrize(
    ("code", "kind"),
    [("A2", ""), ("P2", ""), ("SPS2", ""), ("A2", "accession_number"), ("P2", "patient_id"), ("SPS2", "step_id")],
)
def test_a_code_opens_the_one_step_that_it_fits(filled: TestSpool, code: str, kind: str) -> None:
    view = scan(filled, code, kind=kind)
    assert (view.ok, view.outcome, opened(filled)) == (True, "opened", "SPS2")
    assert ("step opened", "device fundus") in filled.journal()


@pytest.mark.parametrize(
    ("code", "kind", "why"),
    [
        ("A9", "", "fits no step"),
        ("P2", "accession_number", "fits no step"),
        ("A2", "unread", "does not have the form"),
        ("A2" + "x" * 130, "", "longer than"),
        ("a2", "", "fits no step"),
    ],
)
def test_a_code_that_fits_nothing_opens_nobody_and_says_why(filled: TestSpool, code: str, kind: str, why: str) -> None:
    view = scan(filled, code, kind=kind)
    assert (view.ok, opened(filled)) == (False, "")
    assert why in view.outcome
    assert last(filled)["outcome"] == view.outcome
    (issue,) = [one for one in filled.status.issues() if one.key == "scan.fundus"]
    assert why in issue.text
    assert code not in issue.text
    assert scan(filled, "A1").ok
    assert not [one for one in filled.status.issues() if one.key == "scan.fundus"]


def test_a_code_that_fits_several_steps_names_them(filled: TestSpool) -> None:
    one = step(1)
    filled.steps.answered("HIS", [one, step(3, patient=one.patient)])
    view = scan(filled, "P1")
    assert "2 steps of one patient" in view.outcome
    assert "SPS1" in str(last(filled)["candidates"])
    assert "SPS3" in str(last(filled)["candidates"])
    filled.steps.answered("HIS", [one, step(4, patient=Patient("A1"))])
    assert "2 steps of different patients" in scan(filled, "A1").outcome
    assert opened(filled) == ""


def test_what_is_faulty_in_doubt_or_gone_is_not_opened(filled: TestSpool) -> None:
    filled.steps.answered("HIS", [step(1, usable=False, faults=("Accession Number has several values.",)), step(2)])
    assert "several values" in scan(filled, "P1").outcome
    filled.steps.answered("HIS", [step(2, patient=Patient("P2", "HOSP", "Other^One", "19800131", "F"))])
    assert "has changed" in scan(filled, "A2").outcome
    filled.steps.answered("HIS", [])
    assert "fits no step" in scan(filled, "A2").outcome
    assert opened(filled) == ""


def test_an_old_scan_is_not_carried_out(filled: TestSpool) -> None:
    filled.desk.file(RequestKind.SCAN, {"device": "fundus", "code": "A1"}, by="scanner desk")
    filled.clock.advance(61)
    (request,) = filled.requests.waiting("assemble")
    filled.requests.carry_out(request)
    assert opened(filled) == ""
    assert "too long ago" in str(last(filled)["outcome"])


def busy(spool: TestSpool) -> None:
    assert scan(spool, "A1").ok
    spool.clock.advance(10)
    spool.record(captured_at=spool.clock.now())


def test_the_patient_before_is_left_only_when_the_code_is_read_again(filled: TestSpool) -> None:
    busy(filled)
    asked = scan(filled, "A2")
    assert (asked.ok, opened(filled)) == (False, "SPS1")
    assert "Scan the code again" in asked.outcome
    assert last(filled)["waiting_step"] is not None
    assert scan(filled, "A2").ok
    assert opened(filled) == "SPS2"


def test_a_bounce_of_the_scanner_confirms_nothing(filled: TestSpool) -> None:
    busy(filled)
    scan(filled, "A2")
    do(filled, RequestKind.SCAN, code="A2")  # in the same moment
    assert opened(filled) == "SPS1"
    filled.clock.advance(31)
    assert not do(filled, RequestKind.SCAN, code="A2").ok  # too late: it asks anew
    assert opened(filled) == "SPS1"
    scan(filled, "P2")  # another code in between
    assert opened(filled) == "SPS1"


def test_the_same_request_carried_out_again_confirms_nothing(filled: TestSpool) -> None:
    """As after a power cut between the scan and its record; the two are one transaction, and the id tells."""
    busy(filled)
    filled.clock.advance(2)
    filled.desk.file(RequestKind.SCAN, {"device": "fundus", "code": "A2"}, by="scanner desk")
    (request,) = filled.requests.waiting("assemble")
    filled.requests.carry_out(request)
    filled.run_sql("DELETE FROM request WHERE id = ?", request.id)
    filled.clock.advance(2)
    filled.requests.carry_out(request)
    assert opened(filled) == "SPS1"


def test_when_the_pictures_are_older_nothing_is_asked(filled: TestSpool) -> None:
    busy(filled)
    filled.clock.advance(121)
    assert scan(filled, "A2").ok


def test_the_open_step_scanned_again_stays_open(filled: TestSpool) -> None:
    busy(filled)
    assert "open already" in scan(filled, "A1").outcome
    assert opened(filled) == "SPS1"


def test_opening_by_number_asks_as_well(filled: TestSpool) -> None:
    busy(filled)
    refused = do(filled, RequestKind.OPEN_STEP, step="2")
    assert (refused.ok, "Confirm" in refused.outcome) == (False, True)
    assert do(filled, RequestKind.OPEN_STEP, step="2", confirmed="yes").ok
    assert opened(filled) == "SPS2"


def test_another_step_of_the_same_patient_needs_no_second_word(filled: TestSpool) -> None:
    filled.steps.answered("HIS", [step(1), step(3, patient=step(1).patient)])
    busy(filled)
    assert scan(filled, "A3").ok


def test_opening_a_doubted_step_is_accepting_it(filled: TestSpool) -> None:
    filled.steps.answered("HIS", [step(2, patient=Patient("P2", "HOSP", "Other^One", "19800131", "F"))])
    refused = do(filled, RequestKind.OPEN_STEP, step="2")
    assert (refused.ok, "has changed" in refused.outcome) == (False, True)
    assert do(filled, RequestKind.OPEN_STEP, step="2", confirmed="yes").ok
    active = filled.steps.active("fundus")
    assert active is not None
    assert not active.doubtful


def test_a_scanner_that_reads_one_code_without_end_confirms_nothing(filled: TestSpool) -> None:
    busy(filled)
    for _ in range(10):
        assert not do(filled, RequestKind.SCAN, code="A2").ok
        filled.clock.advance(0.4)
    assert opened(filled) == "SPS1"
    filled.clock.advance(2)  # taken away and read once more
    assert do(filled, RequestKind.SCAN, code="A2").ok


def test_a_bounce_of_a_refused_code_is_refused_as_well(filled: TestSpool) -> None:
    assert not do(filled, RequestKind.SCAN, code="XX").ok
    again = do(filled, RequestKind.SCAN, code="XX")
    assert not again.ok
    assert again.outcome == ("The code fits no step of the worklist. Look the order up, or open the patient by hand.")


@pytest.mark.parametrize(
    ("code", "kind", "unknown"),
    [("A9", "", True), ("A9", "accession_number", True), ("A9", "unread", False), ("A9" * 70, "", False)],
)
def test_only_a_code_of_the_right_form_that_no_step_has_may_be_looked_up(
    filled: TestSpool, code: str, kind: str, unknown: bool
) -> None:
    scan(filled, code, kind=kind)
    (shown,) = SentView(filled.root, filled.clock).scans()
    assert (shown.kind, shown.unknown) == (kind, unknown)
    scan(filled, "A1")
    (shown,) = SentView(filled.root, filled.clock).scans()
    assert (shown.ok, shown.unknown) == (True, False)


def test_a_code_of_a_step_that_is_gone_says_so(filled: TestSpool) -> None:
    filled.steps.answered("HIS", [step(1)])
    assert "fits no step of the worklist, but 1 that it no longer has." in scan(filled, "A2").outcome
    (shown,) = SentView(filled.root, filled.clock).scans()
    assert shown.unknown
