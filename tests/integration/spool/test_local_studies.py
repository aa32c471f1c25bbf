"""Patients without an order in the ledger: each id once, one patient open at a time, and decisions that stand."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.identifiers import AcquisitionId
from gateway.domain.local_identity import LocalIdentities
from gateway.domain.procedure import Hold
from gateway.domain.requests import RequestKind
from gateway.domain.views import RequestView
from gateway.spool.local_studies import LocalStudyLedger
from gateway.spool.local_view import LocalStudiesView
from gateway.spool.reconciliations import NewSuggestion, ReconciliationLedger
from gateway.spool.requests import RequestLedger, role_of
from gateway.spool.unscheduled_verbs import UnscheduledRules
from tests.support.ledger import NOON, TestSpool, step

NUMBERED = LocalIdentities("E{station}{number:04}{check}", "luhn", "7", issuer="BOX", first_number=5)


def carried(spool: TestSpool, kind: RequestKind, **payload: str) -> RequestView:
    return carried_by(NUMBERED, spool, kind, payload)


def carried_by(
    identities: LocalIdentities, spool: TestSpool, kind: RequestKind, payload: dict[str, str]
) -> RequestView:
    ledger = RequestLedger(spool.database, spool.root, spool.clock, unscheduled=UnscheduledRules(identities))
    number = spool.desk.file(kind, payload, by="nurse")
    for request in ledger.waiting(role_of(kind)):
        ledger.carry_out(request)
    done = spool.status.request(number)
    assert done is not None
    return done


def opened(spool: TestSpool, device: str = "fundus", **payload: str) -> RequestView:
    return carried(spool, RequestKind.OPEN_UNSCHEDULED, device=device, **payload)


def view(spool: TestSpool) -> LocalStudiesView:
    return LocalStudiesView(spool.root, spool.clock, NUMBERED)


def patient_ids(spool: TestSpool) -> list[str]:
    rows = spool.rows("SELECT snapshot ->> '$.patient[0]' AS given FROM local_study ORDER BY id")
    return [row["given"] for row in rows]


def test_numbers_are_taken_once_whatever_the_clock_does(spool: TestSpool) -> None:
    for jump in (0, 3600, -86_400, 10):
        spool.clock.advance(jump)
        assert opened(spool).ok
    assert [one[:6] for one in patient_ids(spool)] == ["E70005", "E70006", "E70007", "E70008"]
    assert view(spool).next_id()[:6] == "E70009"
    assert opened(spool).outcome == f"opened without an order, as patient ID {patient_ids(spool)[-1]}"
    assert spool.rows("SELECT snapshot ->> '$.patient[1]' AS issuer FROM local_study")[0]["issuer"] == "BOX"


def test_nobody_is_opened_over_somebody_whose_pictures_came_a_moment_ago(spool: TestSpool) -> None:
    assert opened(spool).ok
    spool.record(captured_at=spool.clock.now())
    assert opened(spool).outcome.startswith("Pictures of the patient before came a moment ago.")
    assert len(patient_ids(spool)) == 1
    assert opened(spool, confirmed="yes").ok
    spool.clock.advance(121)
    assert opened(spool).ok


def test_what_is_refused_takes_no_number(spool: TestSpool) -> None:
    assert opened(spool, age="old").outcome == "age is a number of years, or such as 6M, 3W or 2D."
    assert opened(spool, accession_number="x" * 17).outcome.startswith("accession_number has at most 16")
    assert not opened(spool, patient_name="a\\b").ok
    spool.clock.advance(1)
    spool.desk.file(RequestKind.OPEN_UNSCHEDULED, {"device": "fundus"}, by="nurse")
    spool.clock.advance(600)
    late = opened(spool)
    assert late.ok
    assert [one[:6] for one in patient_ids(spool)] == ["E70005"]


def test_a_typed_id_keeps_no_issuer_of_this_box_and_a_nameless_patient_is_unknown(spool: TestSpool) -> None:
    assert opened(spool, patient_id="4711", age="6m", sex="f").ok
    (study, _) = view(spool).opened()["fundus"]
    assert (study.patient_id, study.issuer, study.given) == ("4711", "", False)
    assert (study.patient_name, study.age, study.sex) == ("Unknown^Patient", "006M", "F")


def test_a_pattern_that_repeats_itself_is_tried_until_the_id_is_new(spool: TestSpool) -> None:
    spool.run_sql("INSERT INTO local_patient_id VALUES (?, 0)", NUMBERED.make(5, NOON))
    spool.run_sql("INSERT INTO local_patient_id VALUES (?, 0)", NUMBERED.make(6, NOON))
    assert opened(spool).ok
    assert patient_ids(spool) == [NUMBERED.make(7, NOON)]


def test_a_step_and_a_patient_without_an_order_are_never_open_together(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step(1)])
    assert carried(spool, RequestKind.OPEN_STEP, device="fundus", step="1").ok
    assert opened(spool).ok
    assert spool.rows("SELECT * FROM active_step") == []
    assert list(view(spool).opened()) == ["fundus"]
    assert carried(spool, RequestKind.OPEN_STEP, device="fundus", step="1").ok
    assert view(spool).opened() == {}
    assert opened(spool).ok
    assert carried(spool, RequestKind.CLOSE_STEP, device="fundus").outcome == "closed"
    assert view(spool).opened() == {}
    assert not carried(spool, RequestKind.CLOSE_STEP, device="fundus").ok


def test_nobody_stays_open_for_ever(spool: TestSpool) -> None:
    ledger = LocalStudyLedger(spool.database, spool.clock)
    assert opened(spool).ok
    spool.clock.advance(500)
    spool.record(captured_at=spool.clock.now())
    spool.clock.advance(500)
    assert not ledger.close_idle("fundus", 600)
    spool.clock.advance(200)
    assert ledger.close_idle("fundus", 600)
    assert not ledger.close_idle("fundus", 600)
    assert opened(spool).ok
    spool.clock.put_back(7200)
    assert ledger.close_idle("fundus", 600)


def test_captures_know_who_was_open_and_not_who_came_later(spool: TestSpool) -> None:
    early = spool.record(b"early", exam_key="1", captured_at=NOON - timedelta(minutes=1))
    assert opened(spool).ok
    before = spool.record(b"before", exam_key="2", captured_at=NOON - timedelta(minutes=1))
    during = spool.record(b"during", exam_key="3", captured_at=NOON)
    claims = {}
    for _ in range(3):
        claim = spool.acquisitions.claim_next(spool.run(f"r{_}"))
        assert claim is not None
        claims[claim.acquisition.id] = claim.open_local
    assert claims[early] is None
    assert claims[before] is None
    study, uid = claims[during] or (None, "")
    assert study is not None
    spool.acquisitions.matched_locally(during, study, uid, "captured while this patient was open")
    row = spool.row("acquisition", during)
    assert (row["state"], row["rule"], row["reason"]) == (
        "matched",
        "unscheduled",
        "captured while this patient was open",
    )


# -- reconciling ----------------------------------------------------------------------------------------------------


def sent(spool: TestSpool, count: int = 1) -> list[AcquisitionId]:
    """Held pictures that a person sends without an order, built and owed to main."""
    numbers = [spool.record(b"%d" % n, exam_key=str(n), with_file=True) for n in range(count)]
    for number in numbers:
        spool.acquisitions.held(number, Hold("No step fits.", ""))
    assert carried(spool, RequestKind.UNSCHEDULED, acquisitions=",".join(map(str, numbers))).ok
    return numbers


def suggested(spool: TestSpool, steps: Sequence[int], study: int = 1) -> list[int]:
    ledger = ReconciliationLedger(spool.database, spool.clock)
    ledger.suggest(study, [NewSuggestion(step(n).key, "order", "The same number.") for n in steps])
    (one,) = view(spool).to_reconcile()
    return [found.number for found in one.suggestions]


def test_suggestions_come_go_and_stay_refused(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step(1), step(2)])
    sent(spool)
    first, second = suggested(spool, [1, 2])
    lines = len(spool.journal())
    assert suggested(spool, [1, 2]) == [first, second]
    assert len(spool.journal()) == lines, "nothing new, nothing written"
    assert carried(spool, RequestKind.NOT_THE_SAME, suggestion=str(first), operator="Nurse A").ok
    assert suggested(spool, [1, 2]) == [second]
    assert suggested(spool, []) == []
    assert suggested(spool, [2]) == [second]
    again = carried(spool, RequestKind.NOT_THE_SAME, suggestion=str(first), operator="Nurse A")
    assert again.outcome == "That suggestion does not stand any more."


def test_what_was_not_built_yet_is_tied_to_the_order(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step(1)])
    (number,) = sent(spool)
    suggested(spool, [1])
    done = carried(spool, RequestKind.RECONCILE, local_study="1", step="1", operator="Nurse A")
    assert done.outcome == "reconciled: 1 picture(s) belong to that order"
    claimed = spool.acquisitions.claim_next(spool.run())
    assert claimed is not None
    assert (claimed.acquisition.id, claimed.step, claimed.local) == (number, step(1), None)
    assert view(spool).to_reconcile() == []
    more = carried(spool, RequestKind.RECONCILE, local_study="1", step="1", operator="Nurse A")
    assert "was reconciled before" in more.outcome
    assert "choose the order" in carried(spool, RequestKind.OPEN_UNSCHEDULED, device="fundus", local_study="1").outcome


def test_what_is_being_built_is_left_to_finish_first(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step(1)])
    sent(spool)
    suggested(spool, [1])
    spool.acquisitions.claim_next(spool.run())
    request_id = spool.desk.file(
        RequestKind.RECONCILE, {"local_study": "1", "step": "1", "operator": "Nurse A"}, by="nurse"
    )
    (request,) = spool.requests.waiting("assemble")
    spool.requests.carry_out(request)
    assert spool.status.request(request_id) is None


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        ({"local_study": "9", "step": "1"}, "There is no local study 9."),
        ({"local_study": "1", "step": "9"}, "no longer in the worklist cache"),
        ({"local_study": "1", "step": "2"}, "cannot be used"),
        ({"local_study": "1", "step": "3"}, "in doubt"),
        ({"local_study": "1", "step": "1"}, "Nothing that is known suggests that order."),
        ({"local_study": "1", "step": "1", "although": "yes", "operator": ""}, "names no operator"),
    ],
)
def test_refused_reconciliations_change_nothing(spool: TestSpool, payload: dict[str, str], outcome: str) -> None:
    spool.steps.answered("HIS", [step(1), step(2, usable=False, faults=("bad",)), step(3, doubtful=True)])
    (number,) = sent(spool)
    done = carried(spool, RequestKind.RECONCILE, **({"operator": "Nurse A"} | payload))
    assert not done.ok
    assert outcome in done.outcome
    assert spool.row("acquisition", number)["local_study"] == 1
    assert spool.rows("SELECT * FROM reconciliation") == []


def test_later_held_pictures_may_go_where_the_earlier_went(spool: TestSpool) -> None:
    sent(spool)
    later = spool.record(b"later", exam_key="0")
    spool.acquisitions.held(later, Hold("No step fits.", ""))
    study = view(spool).of_exam("fundus", "0")
    assert study is not None
    done = carried(spool, RequestKind.UNSCHEDULED, acquisitions=str(later), local_study=str(study.number))
    assert done.outcome == f"1 sent without an order, as patient ID {study.patient_id}"
    assert len(spool.rows("SELECT * FROM local_study")) == 1


def test_only_studies_with_pictures_and_of_these_days_are_compared(spool: TestSpool) -> None:
    ledger = ReconciliationLedger(spool.database, spool.clock)
    assert opened(spool).ok  # nothing was captured under it
    assert ledger.waiting(timedelta(days=14)) == []
    (number,) = sent(spool)
    (one,) = ledger.waiting(timedelta(days=14))
    assert (one.number, one.devices, one.given) == (2, ("fundus",), True)
    spool.clock.advance(15 * 86_400)
    assert ledger.waiting(timedelta(days=14)) == []
    assert spool.row("acquisition", number)["local_study"] == 2


def test_hints_of_its_pictures_are_handed_to_the_rules(spool: TestSpool) -> None:
    hint = Hint(HintKind.ACCESSION_NUMBER, "A1", "file name")
    number = spool.record(hints=(hint,))
    spool.acquisitions.held(number, Hold("No step fits.", ""))
    assert carried(spool, RequestKind.UNSCHEDULED, acquisitions=str(number)).ok
    (one,) = ReconciliationLedger(spool.database, spool.clock).waiting(timedelta(days=1))
    assert one.hints == (hint,)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(verbs=st.lists(st.sampled_from(["number", "random", "typed", "bad", "back", "forth"]), max_size=8))
def test_no_id_is_given_twice(spool: TestSpool, verbs: list[str]) -> None:
    short = LocalIdentities("X{random:1}", issuer="BOX")  # no configuration takes this: it repeats itself at once
    for verb in verbs:
        if verb == "number":
            assert opened(spool).ok
        elif verb == "random" and len([one for one in patient_ids(spool) if one[0] == "X"]) < 12:
            assert carried_by(short, spool, RequestKind.OPEN_UNSCHEDULED, {"device": "fundus"}).ok
        elif verb == "typed":
            assert opened(spool, patient_id="4711").ok
        elif verb == "bad":
            assert not opened(spool, sex="Q").ok
        else:
            spool.clock.advance(86_400 if verb == "forth" else -86_400)
    given_ids = [one for one in patient_ids(spool) if one != "4711"]
    assert len(given_ids) == len(set(given_ids))


def test_a_hold_of_the_same_time_is_not_said_to_belong_to_the_order(spool: TestSpool) -> None:
    """The device named somebody else while the emergency was open: that picture is decided by itself."""
    spool.steps.answered("HIS", [step(1)])
    opened(spool)
    own, other = (spool.record(f"picture {n}".encode(), exam_key=str(n), mtime_ns=n) for n in (1, 2))
    for number in (own, other):
        spool.acquisitions.held(number, Hold("The patient id P9 is not that of this patient.", "", (step(1).key,)))
    assert carried(spool, RequestKind.UNSCHEDULED, acquisitions=str(own), local_study="1").ok
    suggested(spool, [1])
    done = carried(spool, RequestKind.RECONCILE, local_study="1", step="1", operator="Nurse A")
    assert "reconciled: 1 picture(s) belong to that order. 1 more that came while" in done.outcome
    row = spool.row("acquisition", other)
    assert (row["state"], row["step"], row["local_study"]) == ("held", None, None)
