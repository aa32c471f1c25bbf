"""What people ask: each verb done or refused with a reason, exactly once, by the right role, and never in the way."""

import json
from datetime import timedelta
from unittest.mock import patch

import pytest

from gateway.domain.errors import GatewayError, UnreadableInput
from gateway.domain.identifiers import AcquisitionId, is_valid_uid
from gateway.domain.instance import StoreOutcome
from gateway.domain.procedure import Hold
from gateway.domain.requests import Request, RequestKind
from gateway.domain.views import RequestView
from gateway.spool.requests import RequestLedger, role_of
from gateway.stages.requests import RequestStage
from tests.support.ledger import TestSpool, fault, step


def ask(spool: TestSpool, kind: RequestKind, **payload: str) -> RequestView:
    """File a request, let its role carry it out, and return what became of it."""
    number = spool.desk.file(kind, payload, by="nurse")
    for request in spool.requests.waiting(role_of(kind)):
        spool.requests.carry_out(request)
    done = spool.status.request(number)
    assert done is not None
    return done


def hold(spool: TestSpool, count: int = 1) -> list[AcquisitionId]:
    numbers = [spool.record(b"%d" % n, exam_key=str(n)) for n in range(count)]
    for number in numbers:
        spool.acquisitions.held(number, Hold("No step fits.", "Choose one.", (step(1).key,)))
    return numbers


def test_assign(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step()])
    first, second = hold(spool, 2)
    done = ask(spool, RequestKind.ASSIGN, acquisitions=f"{first}, {second},{first}", step="1")
    assert (done.ok, done.outcome, done.kind) == (True, "2 assigned", "assign")
    for number in (first, second):
        row = spool.row("acquisition", number)
        assert (row["state"], row["rule"], row["reason"], row["candidates"]) == (
            "matched",
            "operator",
            "assigned by nurse",
            "[]",
        )
    claimed = spool.acquisitions.claim_next(spool.run())
    assert claimed is not None
    assert claimed.step == step()


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        ({"acquisitions": "1", "step": "7"}, "no longer in the worklist cache"),
        ({"acquisitions": "1", "step": "2"}, "no patient id"),
        ({"acquisitions": "1", "step": "one"}, "step is a number"),
        ({"acquisitions": "1", "step": "9" * 30}, "step is a number"),
        ({"acquisitions": "1", "step": "१"}, "step is a number"),
        ({"acquisitions": "1"}, "names no step"),
        ({"acquisitions": "1,,2", "step": "1"}, "numbers with commas"),
        ({"acquisitions": "-1", "step": "1"}, "numbers with commas"),
        ({"acquisitions": "1,99", "step": "1"}, "Acquisition 99 is not held"),
        ({"step": "1"}, "names no acquisitions"),
    ],
)
def test_assign_refused(spool: TestSpool, payload: dict[str, str], outcome: str) -> None:
    spool.steps.answered("HIS", [step(1), step(2, usable=False, faults=("no patient id",))])
    (number,) = hold(spool)
    done = ask(spool, RequestKind.ASSIGN, **payload)
    assert not done.ok
    assert outcome in done.outcome
    assert spool.row("acquisition", number)["state"] == "held"


def test_what_is_being_matched_is_left_to_finish_first(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step()])
    number = spool.record()
    run = spool.run()
    spool.acquisitions.claim_next(run)
    spool.acquisitions.held(number, Hold("No step fits.", ""))
    spool.acquisitions.look_again_at_holds()
    spool.acquisitions.claim_next(run)
    request_id = spool.desk.file(RequestKind.ASSIGN, {"acquisitions": str(number), "step": "1"}, by="nurse")
    (request,) = spool.requests.waiting("assemble")
    spool.requests.carry_out(request)
    assert spool.status.request(request_id) is None
    spool.acquisitions.held(number, Hold("Still no step fits.", ""))
    (request,) = spool.requests.waiting("assemble")
    spool.requests.carry_out(request)
    assert spool.row("acquisition", number)["state"] == "matched"
    done = spool.status.request(request_id)
    assert done is not None
    assert done.ok


def test_unscheduled_makes_one_local_study(spool: TestSpool) -> None:
    numbers = hold(spool, 2)
    done = ask(
        spool,
        RequestKind.UNSCHEDULED,
        acquisitions=",".join(map(str, numbers)),
        patient_id=" 77 ",
        patient_name="Dēvī^Sītā",
        birth_date="1980-01-31",
        sex="f",
        description="Screening",
    )
    assert done.ok, done.outcome
    claims = [spool.acquisitions.claim_next(spool.run(role)) for role in ("one", "two")]
    studies = {claim.local for claim in claims if claim and claim.local}
    assert len(studies) == 1
    (study, uid) = studies.pop()
    assert is_valid_uid(uid)
    assert (study.patient.patient_id, study.patient.name, study.patient.birth_date, study.patient.sex) == (
        "77",
        "Dēvī^Sītā",
        "19800131",
        "F",
    )
    assert study.description == "Screening"


def test_a_patient_without_an_id_gets_one_that_no_other_box_gives(spool: TestSpool) -> None:
    given = set()
    for number in hold(spool, 3):
        assert ask(spool, RequestKind.UNSCHEDULED, acquisitions=str(number)).ok
        view = spool.status.acquisition(number)
        assert view is not None
        given.add(view.patient_id)
    assert len(given) == 3
    assert all(patient_id.startswith("LOCAL-") and len(patient_id) == 16 for patient_id in given)


@pytest.mark.parametrize(
    ("key", "value", "outcome"),
    [
        ("birth_date", "31.1.1980", "birth_date is a date"),
        ("birth_date", "1980-02-30", "birth_date is a date"),
        ("sex", "X", "sex is"),
        ("patient_id", "a\\b", "patient_id has characters"),
        ("patient_name", "a\nb", "patient_name has characters"),
        ("patient_name", "a" * 65, "patient_name has characters"),
        ("acquisitions", "5", "Acquisition 5 is not held"),
    ],
)
def test_unscheduled_refused(spool: TestSpool, key: str, value: str, outcome: str) -> None:
    (number,) = hold(spool)
    done = ask(spool, RequestKind.UNSCHEDULED, **{"acquisitions": str(number), key: value})
    assert not done.ok
    assert outcome in done.outcome
    assert spool.row("acquisition", number)["state"] == "held"
    assert spool.rows("SELECT * FROM local_study") == []


def test_open_and_close_a_step(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step(1), step(2), step(3, usable=False)])
    assert ask(spool, RequestKind.OPEN_STEP, device="fundus", step="1").ok
    assert ask(spool, RequestKind.OPEN_STEP, device="fundus", step="2").ok
    (device,) = spool.status.devices()
    assert device.active_step is not None
    assert (device.active_step.key, device.active_step.open_on) == (step(2).key, ("fundus",))
    assert not ask(spool, RequestKind.OPEN_STEP, device="fundus", step="3").ok
    assert not ask(spool, RequestKind.OPEN_STEP, device="fundus", step="4").ok
    assert not ask(spool, RequestKind.OPEN_STEP, step="1").ok
    assert ask(spool, RequestKind.CLOSE_STEP, device="fundus").ok
    assert not ask(spool, RequestKind.CLOSE_STEP, device="fundus").ok
    assert spool.status.devices()[0].active_step is None


def test_a_step_asked_for_long_ago_is_not_opened_for_whoever_sits_there_now(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step()])
    number = spool.desk.file(RequestKind.OPEN_STEP, {"device": "fundus", "step": "1"}, by="nurse")
    spool.clock.advance(301)
    for request in spool.requests.waiting("assemble"):
        spool.requests.carry_out(request)
    done = spool.status.request(number)
    assert done is not None
    assert not done.ok
    assert "too long ago" in done.outcome
    assert spool.rows("SELECT * FROM active_step") == []


def test_retry(spool: TestSpool) -> None:
    spool.destinations.configure({"main": "f"})
    spool.deliverable()
    forward = spool.run("forward")
    late = spool.clock.now() + timedelta(seconds=3000)
    for park in (True, False):
        (delivery,) = spool.deliveries.claim_due("main", forward, 1)
        assert not ask(spool, RequestKind.RETRY, delivery="1").ok  # it is being sent
        spool.deliveries.failed(delivery, fault(), spool.clock.now(), park=park, due=late)
        spool.destinations.failed("main", fault(), late)
        assert spool.deliveries.claim_due("main", forward, 1) == []
        assert ask(spool, RequestKind.RETRY, delivery="1").ok
    (delivery,) = spool.deliveries.claim_due("main", forward, 1)
    spool.deliveries.stored(delivery, StoreOutcome(0), spool.clock.now())
    assert "nothing to retry" in ask(spool, RequestKind.RETRY, delivery="1").outcome
    assert "no delivery 2" in ask(spool, RequestKind.RETRY, delivery="2").outcome


def test_release(spool: TestSpool) -> None:
    number = spool.record(fault=UnreadableInput("It is cut off."))
    assert ask(spool, RequestKind.RELEASE, acquisition=str(number)).ok
    row = spool.row("acquisition", number)
    assert (row["state"], row["reason"]) == ("captured", "")
    assert spool.acquisitions.claim_next(spool.run()) is not None
    assert not ask(spool, RequestKind.RELEASE, acquisition=str(number)).ok
    assert not ask(spool, RequestKind.RELEASE, acquisition="9").ok


def test_a_request_is_carried_out_once_however_often_it_is_tried(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step()])
    hold(spool)
    spool.desk.file(RequestKind.ASSIGN, {"acquisitions": "1", "step": "1"}, by="nurse")
    (request,) = spool.requests.waiting("assemble")
    for _ in range(3):
        spool.requests.carry_out(request)
    assert [event for event, _ in spool.journal()].count("assign") == 1
    done = spool.status.request(request.id)
    assert done is not None
    assert done.ok


def test_a_crash_after_the_commit_does_not_repeat_it(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step()])
    hold(spool)
    spool.desk.file(RequestKind.ASSIGN, {"acquisitions": "1", "step": "1"}, by="nurse")
    (path,) = (spool.root / "requests/assemble").glob("*.json")
    filed = path.read_bytes()
    (request,) = spool.requests.waiting("assemble")
    spool.requests.carry_out(request)
    path.write_bytes(filed)  # the removal of its file was not yet on the disk
    assert spool.requests.waiting("assemble") == []
    assert not path.exists()


def test_requests_come_in_the_order_they_were_filed(spool: TestSpool) -> None:
    filed = []
    for device in "abc":
        filed.append(spool.desk.file(RequestKind.CLOSE_STEP, {"device": device}, by="nurse"))
        spool.clock.advance(1)
    assert [request.id for request in spool.requests.waiting("assemble")] == filed


def test_each_role_sees_its_own(spool: TestSpool) -> None:
    assert {kind for kind in RequestKind if role_of(kind) == "forward"} == {
        RequestKind.ECHO, RequestKind.LEARN_ANEW, RequestKind.REFRESH, RequestKind.LOOK_UP,
    }  # fmt: skip
    spool.desk.file(RequestKind.ECHO, {"destination": "main"}, by="nurse")
    spool.desk.file(RequestKind.CLOSE_STEP, {"device": "fundus"}, by="nurse")
    assert [r.kind for r in spool.requests.waiting("forward")] == [RequestKind.ECHO]
    assert [r.kind for r in spool.requests.waiting("assemble")] == [RequestKind.CLOSE_STEP]
    assert spool.requests.waiting("capture") == []


def sound() -> dict[str, object]:
    return {"kind": "close_step", "payload": {"device": "x"}, "filed_by": "a", "filed_at": "2026-03-04T12:00:00+05:30"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[1, 2]",
        b"null",
        b"[" * 100_000,
        json.dumps({**sound(), "kind": "explode"}).encode(),
        json.dumps({**sound(), "kind": "echo"}).encode(),
        json.dumps({**sound(), "payload": []}).encode(),
        json.dumps({**sound(), "payload": {"device": "\ud800"}}).encode(),
        json.dumps({**sound(), "filed_at": "2026-03-04T12:00:00"}).encode(),
        json.dumps({**sound(), "filed_at": 7}).encode(),
        json.dumps({key: value for key, value in sound().items() if key != "filed_by"}).encode(),
    ],
)
def test_a_damaged_file_is_put_out_of_the_way_of_the_others(spool: TestSpool, content: bytes) -> None:
    spool.desk.file(RequestKind.CLOSE_STEP, {"device": "fundus"}, by="nurse")
    broken = spool.root / "requests/assemble/00000000000000000-broken.json"
    broken.write_bytes(content)
    assert len(spool.requests.waiting("assemble")) == 1
    assert not broken.exists()
    assert ("request unreadable", "spool") in spool.journal()


def test_a_file_that_is_still_being_written_is_not_seen(spool: TestSpool) -> None:
    folder = spool.root / "requests/assemble"
    folder.mkdir(parents=True)
    (folder / ".0001").write_text("{", encoding="utf-8")
    assert spool.requests.waiting("assemble") == []
    assert (folder / ".0001").exists()


def test_the_stage_does_network_verbs_first_and_records_what_they_said(spool: TestSpool) -> None:
    asked: list[Request] = []

    def echo(request: Request) -> tuple[bool, str, str]:
        asked.append(request)
        return True, "answered", "TLS 1.3"

    def refresh(_: Request) -> tuple[bool, str, str]:
        raise fault()

    verbs = {RequestKind.ECHO: echo, RequestKind.REFRESH: refresh}
    stage = RequestStage(role="forward", requests=spool.requests, verbs=verbs)
    first = spool.desk.file(RequestKind.ECHO, {"destination": "main"}, by="nurse")
    second = spool.desk.file(RequestKind.REFRESH, {"provider": "HIS"}, by="nurse")
    stage.round()
    stage.round()
    stage.close()
    assert len(asked) == 1
    views = [spool.status.request(number) for number in (first, second)]
    assert [(v.ok, v.outcome, v.detail) for v in views if v] == [
        (True, "answered", "TLS 1.3"),
        (False, "It did not work. Look at it.", ""),
    ]


def test_a_request_that_breaks_its_role_keeps_no_other_waiting_and_is_given_up(spool: TestSpool) -> None:
    beats: list[int] = []

    def echo(_: Request) -> tuple[bool, str, str]:
        raise RuntimeError("a defect")

    verbs = {RequestKind.ECHO: echo, RequestKind.REFRESH: lambda _: (True, "2 steps", "")}
    stage = RequestStage(role="forward", requests=spool.requests, beat=lambda: beats.append(1), verbs=verbs)
    poison = spool.desk.file(RequestKind.ECHO, {"destination": "main"}, by="nurse")
    spool.clock.advance(1)
    good = spool.desk.file(RequestKind.REFRESH, {"provider": "HIS"}, by="nurse")
    for _ in range(3):
        with pytest.raises(RuntimeError, match="a defect"):
            stage.round()
    stage.round()
    done, given_up = spool.status.request(good), spool.status.request(poison)
    assert done is not None
    assert (done.ok, done.outcome) == (True, "2 steps")
    assert given_up is not None
    assert not given_up.ok
    assert "was begun 3 times" in given_up.outcome
    assert spool.requests.waiting("forward") == []
    assert len(beats) == 5


def test_a_ledger_that_is_in_use_does_not_give_a_request_up(spool: TestSpool) -> None:
    calls: list[int] = []

    def busy(_: Request) -> None:
        calls.append(1)
        if len(calls) < 9:
            raise fault()
        RequestLedger.carry_out(spool.requests, request)

    stage = RequestStage(role="assemble", requests=spool.requests)
    number = spool.desk.file(RequestKind.RETRY, {"delivery": "7"}, by="nurse")
    (request,) = spool.requests.waiting("assemble")
    with patch.object(spool.requests, "carry_out", busy):
        for _ in range(8):
            with pytest.raises(GatewayError):
                stage.round()
        stage.round()
    view = spool.status.request(number)
    assert view is not None
    assert view.outcome == "There is no delivery 7."
