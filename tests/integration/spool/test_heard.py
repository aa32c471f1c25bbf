"""Heard orders in the ledger: taken over, judged beside what stood, cancelled, over, and the messages kept."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.orders import (
    LOCAL_LIST,
    HeardMessage,
    News,
    OrderCancelled,
    OrderPlaced,
    PatientChanged,
    PatientMerged,
)
from gateway.domain.procedure import Patient, Step, StepKey
from gateway.spool.changed import HEARD_CHANGE as CHANGED
from gateway.spool.heard import HeardLedger
from gateway.spool.heard_marks import MERGED, OTHER_PERSON, OVER
from tests.support.ledger import NOON, TestSpool, step

ASHA = Patient("P1", "", "Rao^Asha", "19710402", "F")


@pytest.fixture
def heard(spool: TestSpool) -> HeardLedger:
    spool.steps.configure(["HIS"], feeds=["RIS"])
    return HeardLedger(spool.database, spool.clock)


def order(number: int = 1, patient: Patient = ASHA, *, provider: str = "RIS", **changes: object) -> Step:
    made = replace(step(number), key=StepKey(provider, f"2.25.{number}", "1"), patient=patient)
    return replace(made, accession_number=f"A{number}", start=NOON, faults=(), usable=True, **changes)  # type: ignore[arg-type]  # fields of Step


def say(heard: HeardLedger, *news: News, fault: str = "", answer: str = "AA") -> HeardMessage:
    message = HeardMessage(b"MSH|...", "ORM^O01", "17", news, answer, fault)
    return heard.hear("RIS", message, sender="127.0.0.1", keep_days=1)[0]


def known(spool: TestSpool) -> dict[str, Step]:
    return {found.accession_number: found for found in spool.steps.candidates("fundus")}


def test_an_order_is_on_the_worklist_until_its_day_and_one_more_are_over(spool: TestSpool, heard: HeardLedger) -> None:
    assert say(heard, OrderPlaced(order())).answer == "AA"
    (provider,) = [view for view in spool.status.providers() if view.name == "RIS"]
    assert (provider.kind, provider.items, provider.answered_at) == ("hl7", 1, NOON)
    spool.clock.advance(timedelta(days=1, hours=11).total_seconds())
    assert spool.steps.expire() == 0
    spool.clock.advance(timedelta(hours=2).total_seconds())
    assert spool.steps.expire() == 1
    assert known(spool) == {}


def test_an_order_of_long_ago_is_never_usable(spool: TestSpool, heard: HeardLedger) -> None:
    assert say(heard, OrderPlaced(replace(order(), start=NOON - timedelta(days=9)))).answer == "AE"
    assert OVER in known(spool)["A1"].faults


def test_a_cancelled_order_goes_and_another_patients_order_stays(spool: TestSpool, heard: HeardLedger) -> None:
    say(heard, OrderPlaced(order(1)), OrderPlaced(order(2)))
    refused = say(heard, OrderCancelled("P2", "A1"))
    assert (refused.answer, "another patient" in refused.fault) == ("AE", True)
    assert known(spool).keys() == {"A1", "A2"}
    assert say(heard, OrderCancelled("P1", "A1")).answer == "AA"
    assert say(heard, OrderCancelled("P1", "", "2.25.2")).answer == "AA"
    assert known(spool) == {}
    assert say(heard, OrderCancelled("P1", "A77")).answer == "AA"


@pytest.mark.parametrize("other", ["RIS", "HIS", LOCAL_LIST])
def test_an_accession_number_of_another_patient_is_marked(spool: TestSpool, heard: HeardLedger, other: str) -> None:
    before = order(1, provider=other)
    if other == LOCAL_LIST:
        heard.take_list([before], whole=False, keep_days=1, actor="page")
    elif other == "HIS":
        spool.steps.answered("HIS", [before])
    else:
        say(heard, OrderPlaced(before))
    reused = replace(order(9, Patient("P2")), accession_number="A1")
    assert say(heard, OrderPlaced(reused)).answer == "AE"
    found = [one for one in spool.steps.candidates("fundus") if one.patient.patient_id == "P2"]
    assert [one.usable for one in found] == [False]


def test_one_change_of_a_patient_is_marked_and_stays_marked(spool: TestSpool, heard: HeardLedger) -> None:
    say(heard, OrderPlaced(order(identifier='{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Rao^Asha"}]}}')))
    say(heard, PatientChanged(replace(ASHA, name="Rao-Sen^Asha")))
    found = known(spool)["A1"]
    assert (found.patient.name, found.usable, found.faults) == ("Rao-Sen^Asha", True, (CHANGED,))
    assert "Rao-Sen^Asha" in found.identifier
    say(heard, OrderPlaced(order(patient=replace(ASHA, name="Rao-Sen^Asha"))))
    assert known(spool)["A1"].faults == (CHANGED,)
    assert ("patient changed", "provider RIS") in spool.journal()


@pytest.mark.parametrize("by_order", [True, False])
def test_another_person_under_the_same_id_is_never_usable_until_ordered_anew(
    spool: TestSpool, heard: HeardLedger, *, by_order: bool
) -> None:
    say(heard, OrderPlaced(order()))
    roy = replace(ASHA, name="Roy^Ravi", birth_date="19800101", sex="M")
    for _ in range(2):
        say(heard, OrderPlaced(order(patient=roy)) if by_order else PatientChanged(roy))
        assert not known(spool)["A1"].usable
        assert OTHER_PERSON in known(spool)["A1"].faults
    say(heard, OrderPlaced(order(patient=roy)))
    assert not known(spool)["A1"].usable
    say(heard, OrderCancelled("P1", "A1"))
    say(heard, OrderPlaced(order(patient=roy)))
    assert known(spool)["A1"].usable


def test_what_is_filled_in_later_is_no_change_of_person(spool: TestSpool, heard: HeardLedger) -> None:
    say(heard, OrderPlaced(order(patient=Patient("P1", "", "Rao^Asha"))))
    say(heard, PatientChanged(ASHA))
    assert (known(spool)["A1"].patient, known(spool)["A1"].faults) == (ASHA, ())


def test_a_merged_patients_orders_are_not_used(spool: TestSpool, heard: HeardLedger) -> None:
    say(heard, OrderPlaced(order()))
    say(heard, PatientMerged("P1"))
    assert (known(spool)["A1"].usable, MERGED in known(spool)["A1"].faults) == (False, True)
    say(heard, OrderPlaced(order()))
    assert not known(spool)["A1"].usable


def test_messages_are_kept_as_they_came_and_bounded(heard: HeardLedger) -> None:
    for number in range(205):
        heard.hear("RIS", HeardMessage(b"x" * 20_000, "", str(number), (), "AR", "no"), sender="10.0.0.1", keep_days=1)
    kept = heard.messages("RIS", limit=1000)
    assert len(kept) == 200
    assert (kept[0].control_id, kept[0].answer, kept[0].fault, len(kept[0].body)) == ("204", "AR", "no", 16_384)
    assert heard.messages("other") == []


def test_the_local_list_needs_no_configuration_and_survives_it(spool: TestSpool, heard: HeardLedger) -> None:
    ours = order(1, provider=LOCAL_LIST)
    assert heard.take_list([ours], whole=False, keep_days=1, actor="page").changed == 1
    assert heard.take_list([ours], whole=False, keep_days=1, actor="page").changed == 0
    spool.steps.configure([])
    assert known(spool).keys() == {"A1"}
    assert [(view.name, view.kind, view.items) for view in spool.status.providers()] == [(LOCAL_LIST, "local", 1)]
    assert heard.take_list([order(2, provider=LOCAL_LIST)], whole=True, keep_days=1, actor="page").gone == 1
    assert known(spool).keys() == {"A2"}
    (view,) = spool.status.step_of([order(2, provider=LOCAL_LIST).key])
    assert heard.remove(view.number, actor="page")
    assert not heard.remove(view.number, actor="page")
    assert known(spool) == {}


def test_only_the_local_list_is_a_persons_to_cut(spool: TestSpool, heard: HeardLedger) -> None:
    say(heard, OrderPlaced(order()))
    (view,) = spool.status.step_of([order().key])
    assert not heard.remove(view.number, actor="page")


def test_the_seed_is_this_ledgers_own(heard: HeardLedger) -> None:
    assert len(heard.seed()) == 32
    assert heard.seed() == heard.seed()
