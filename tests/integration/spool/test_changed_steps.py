"""Reused numbers and changed patients: marked, held back from programs, accepted by people, and never merged."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.procedure import Hold, Patient, Step
from gateway.domain.requests import RequestKind
from gateway.spool.changed import HEARD_CHANGE as HEARD_CHANGED
from gateway.spool.snapshots import step_from_text, step_to_text
from tests.support.ledger import NOON, TestSpool, step

OTHER = Patient("P9", "HOSP", "Roe^Richard", "19500505", "M")


def only(spool: TestSpool) -> Step:
    (found,) = spool.steps.candidates("fundus")
    return found


def do(spool: TestSpool, kind: RequestKind, **payload: str) -> str:
    number = spool.desk.file(kind, payload, by="nurse")
    for request in spool.requests.waiting("assemble"):
        spool.requests.carry_out(request)
    view = spool.status.request(number)
    assert view is not None
    return view.outcome


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"patient_id": "P1-other"}, "patient id"),
        ({"issuer": "ELSEWHERE"}, "issuer"),
        ({"name": "Devi^Gita"}, "name"),
        ({"birth_date": "19800113"}, "birth date"),
        ({"sex": "M"}, "sex"),
    ],
)
def test_each_change_of_a_patient_is_marked_and_stays_marked(
    spool: TestSpool, change: dict[str, str], word: str
) -> None:
    spool.steps.answered("HIS", [step()])
    changed = step(patient=replace(step().patient, **change))
    assert spool.steps.answered("HIS", [changed])
    assert not spool.steps.answered("HIS", [changed])  # nothing new: the mark is not made again
    found = only(spool)
    assert (found.usable, found.doubtful) == (True, True)
    assert f"({word}" in found.faults[0]
    assert "Devi" not in found.faults[0]
    assert spool.steps.doubts("HIS") == (1, 0)


def test_what_only_looks_changed_is_not(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step(patient=Patient("P1", "", "Doe^Jane"))])
    fuller = Patient("P1", "HOSP", "DOE^JANE^^", "19800131", "F")
    spool.steps.answered("HIS", [step(patient=fuller)])
    assert not only(spool).doubtful


def test_a_name_that_is_read_by_another_character_set_is_no_other_name(spool: TestSpool) -> None:
    was = step(patient=Patient("P1", name="MÃ¼ller^A"), faults=(
        "It names no character set; its text was read as ISO_IR 100, as assumed.",))  # fmt: skip
    spool.steps.answered("HIS", [was])
    spool.steps.answered("HIS", [replace(was, patient=Patient("P1", name="Müller^A"), faults=(
        "It names no character set; its text was read as ISO_IR 192, as assumed.",))])  # fmt: skip
    assert not only(spool).doubtful


def test_a_step_with_pictures_whose_patient_changes_says_so(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step()])
    spool.match(spool.record())
    spool.steps.answered("HIS", [step(patient=OTHER)])
    assert "although pictures were taken" in only(spool).faults[0]
    assert spool.steps.doubts("HIS") == (1, 1)


def test_a_reused_accession_number_marks_both(spool: TestSpool) -> None:
    first, second = step(1), step(2, accession_number="A1")
    spool.steps.answered("HIS", [first, second])
    assert {found.doubtful for found in spool.steps.candidates("fundus")} == {True}
    spool.steps.answered("HIS", [first])
    spool.clock.advance(86400)
    # the other patient's entry has vanished, but its number is not free for that
    spool.steps.answered("HIS", [first])
    assert only(spool).doubtful


def test_a_number_of_another_providers_patient_is_marked(spool: TestSpool) -> None:
    spool.steps.answered("RIS", [step(1, provider="RIS")])
    spool.steps.answered("HIS", [step(2, accession_number="A1"), step(3)])
    doubtful = {found.key.step_id: found.doubtful for found in spool.steps.candidates("fundus")}
    assert doubtful == {"SPS1": False, "SPS2": True, "SPS3": False}


def test_two_steps_of_one_order_are_no_reuse(spool: TestSpool) -> None:
    one = step(1)
    spool.steps.answered("HIS", [one, replace(step(2), patient=one.patient, accession_number="A1")])
    assert not any(found.doubtful for found in spool.steps.candidates("fundus"))


def test_a_person_accepts_what_changed_until_it_changes_again(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step()])
    spool.steps.answered("HIS", [step(patient=OTHER)])
    assert "accepted" in do(spool, RequestKind.ACCEPT_STEP, step="1")
    assert (only(spool).doubtful, only(spool).faults) == (False, ())
    assert not spool.steps.answered("HIS", [step(patient=OTHER)])
    assert not only(spool).doubtful
    spool.steps.answered("HIS", [step(patient=replace(OTHER, birth_date="19510505"))])
    assert only(spool).doubtful
    assert ("accept_step", "step 1") in spool.journal()


def test_a_person_accepts_a_reused_number(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step(1), step(2, accession_number="A1")])
    do(spool, RequestKind.ACCEPT_STEP, step="2")
    spool.steps.answered("HIS", [step(1), step(2, accession_number="A1")])
    doubtful = {found.key.step_id: found.doubtful for found in spool.steps.candidates("fundus")}
    assert doubtful == {"SPS1": True, "SPS2": False}


def test_nothing_that_is_not_doubted_is_accepted(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step(1), step(2, usable=False, faults=("It has no Patient ID.",))])
    assert "nothing to accept" in do(spool, RequestKind.ACCEPT_STEP, step="1")
    assert "nothing to accept" in do(spool, RequestKind.ACCEPT_STEP, step="2")
    assert "no longer" in do(spool, RequestKind.ACCEPT_STEP, step="77")


def test_a_change_that_a_feed_told_is_accepted_alike(spool: TestSpool) -> None:
    spool.steps.answered("RIS", [step(1, provider="RIS", doubtful=True, faults=(HEARD_CHANGED,))])
    do(spool, RequestKind.ACCEPT_STEP, step="1")
    assert not only(spool).doubtful


def test_a_step_that_an_earlier_release_kept_is_not_in_doubt() -> None:
    fields = json.loads(step_to_text(step()))
    del fields["doubtful"]
    assert step_from_text(json.dumps(fields)) == step()


# -- the rule of age ----------------------------------------------------------------------------------------------


def test_the_cache_serves_for_days_without_a_link_and_then_ends(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step()], keep_days=3)
    spool.clock.advance(timedelta(days=3, hours=11).total_seconds())
    assert spool.steps.expire() == 0
    assert only(spool)
    spool.clock.advance(3600)
    assert spool.steps.expire() == 1
    assert spool.steps.candidates("fundus") == []


def test_what_a_picture_or_an_open_step_refers_to_does_not_end(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step(1), step(2), step(3)], keep_days=0)
    spool.match(spool.record())
    do(spool, RequestKind.OPEN_STEP, device="fundus", step="2", confirmed="yes")
    spool.clock.advance(5 * 86400)
    assert spool.steps.expire() == 1
    assert {found.key.step_id for found in spool.steps.candidates("fundus")} == {"SPS1", "SPS2"}


def test_a_step_that_its_provider_still_names_does_not_end(spool: TestSpool) -> None:
    old = step(start=NOON - timedelta(days=30))
    spool.steps.answered("HIS", [old], keep_days=1)
    spool.clock.advance(60)
    assert spool.steps.expire() == 0
    assert not spool.steps.answered("HIS", [old], keep_days=1)


def test_what_vanished_long_ago_and_was_never_used_is_forgotten(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step(1), step(2)])
    spool.match(spool.record())
    spool.steps.answered("HIS", [])
    spool.clock.advance(61 * 86400)
    spool.steps.expire()
    assert [row["step_id"] for row in spool.rows("SELECT step_id FROM step")] == ["SPS1"]


def test_looking_a_known_step_up_does_not_shorten_its_life(spool: TestSpool) -> None:
    """The broad question had it; a person looked it up as well, and then the link was down for days."""
    spool.steps.configure(["HIS"])
    spool.steps.answered("HIS", [step(1)], keep_days=7)
    before = spool.rows("SELECT expires_us FROM step")
    spool.steps.looked_up("HIS", [step(1), step(2)])
    after = spool.rows("SELECT expires_us FROM step ORDER BY id")
    assert after[0] == before[0]
    assert after[1]["expires_us"] < after[0]["expires_us"]
    spool.clock.advance(4 * 86_400)
    spool.steps.expire()
    assert [one.key.step_id for one in spool.steps.candidates("fundus")] == ["SPS1"]


def test_a_looked_up_step_outlives_broad_answers_that_do_not_cover_it(spool: TestSpool) -> None:
    wanted, far = step(1), step(2, start=NOON + timedelta(days=9))
    spool.steps.looked_up("HIS", [far])
    spool.steps.answered("HIS", [wanted], covers=lambda one: one.key == wanted.key)
    assert len(spool.steps.candidates("fundus")) == 2
    spool.steps.answered("HIS", [wanted], covers=lambda _: True)
    assert only(spool).key == wanted.key


def test_whoever_chose_an_entry_before_its_patient_changed_is_asked_again(spool: TestSpool) -> None:
    """The page showed the one patient, and the answer that names the other came before the request was carried out."""
    spool.steps.answered("HIS", [step()])
    number = spool.record()
    spool.acquisitions.held(number, Hold("Nothing fits.", "Assign it.", ()))
    built = spool.deliverable(content=b"of another")
    spool.steps.answered("HIS", [step(patient=replace(OTHER, patient_id="P1"))])
    chosen = {"step": "1", "reason": "wrong patient", "operator": "Nurse A"}
    for kind, wrong in ((RequestKind.ASSIGN, number), (RequestKind.CORRECT, built)):
        outcome = do(spool, kind, acquisitions=str(wrong), **chosen)
        assert "has changed" in outcome
        assert "Accept it first" in outcome
    assert spool.row("acquisition", number)["state"] == "held"
    assert do(spool, RequestKind.ACCEPT_STEP, step="1") == "accepted"
    assert do(spool, RequestKind.ASSIGN, acquisitions=str(number), step="1") == "1 assigned"
