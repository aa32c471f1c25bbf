"""The worklist cache: whole answers taken over, what has gone marked, the right candidates, idle steps closed."""

from datetime import timedelta

from gateway.domain.requests import RequestKind
from gateway.spool.snapshots import step_from_text, step_to_text
from tests.support.ledger import NOON, TestSpool, fault, step


def keys(spool: TestSpool, device: str = "fundus") -> list[str]:
    return sorted(found.key.step_id for found in spool.steps.candidates(device))


def test_a_step_survives_storage_in_every_field() -> None:
    full = step(faults=("no start time",), usable=False, priority="HIGH", identifier='{"00100010": {}}', start=None)
    assert step_from_text(step_to_text(full)) == full
    assert step_from_text(step_to_text(step())) == step()


def test_an_answer_is_taken_over_whole(spool: TestSpool) -> None:
    spool.steps.configure(["HIS"])
    assert spool.steps.answered("HIS", [step(1), step(2)])
    assert keys(spool) == ["SPS1", "SPS2"]
    spool.clock.advance(60)
    assert not spool.steps.answered("HIS", [step(1), step(2)])
    spool.clock.advance(60)
    assert not spool.steps.answered("HIS", [step(1)])
    assert keys(spool) == ["SPS1"]
    assert [view.vanished for view in spool.status.step_of([step(2).key])] == [True]
    assert spool.steps.answered("HIS", [step(1), step(2)])  # it has come back


def test_a_changed_entry_is_a_change(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step()])
    spool.clock.advance(60)
    corrected = step(description="Left eye")
    assert spool.steps.answered("HIS", [corrected])
    assert spool.steps.candidates("fundus") == [corrected]


def test_what_has_gone_is_marked_even_when_the_clock_was_put_back_or_stands(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step(1), step(2), step(3)])
    spool.clock.put_back(86400)
    spool.steps.answered("HIS", [step(1), step(2)])
    assert keys(spool) == ["SPS1", "SPS2"]
    spool.steps.answered("HIS", [step(1)])
    assert keys(spool) == ["SPS1"]


def test_an_empty_answer_empties_the_list_of_that_provider_only(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step(1)])
    spool.steps.answered("RIS", [step(2, provider="RIS")])
    spool.clock.advance(60)
    spool.steps.answered("HIS", [])
    assert keys(spool) == ["SPS2"]


def test_a_provider_that_fails_keeps_its_cache_and_its_age(spool: TestSpool) -> None:
    spool.steps.configure(["HIS"])
    spool.steps.answered("HIS", [step(1)])
    answered = spool.clock.now()
    spool.clock.advance(60)
    for _ in range(2):
        spool.steps.failed("HIS", fault())
        spool.clock.advance(60)
    (provider,) = spool.status.providers()
    assert (provider.answered_at, provider.items, provider.error) == (answered, 1, "It did not work.")
    assert provider.since == answered + timedelta(seconds=60)
    assert keys(spool) == ["SPS1"]
    spool.steps.answered("HIS", [step(1)])
    assert spool.status.providers()[0].error == ""


def test_a_provider_that_is_no_longer_configured_offers_nothing(spool: TestSpool) -> None:
    spool.steps.configure(["HIS", "RIS"])
    spool.steps.answered("HIS", [step(1)])
    spool.steps.answered("RIS", [step(2, provider="RIS")])
    spool.steps.configure(["RIS"])
    assert [p.name for p in spool.status.providers()] == ["RIS"]
    assert keys(spool) == ["SPS2"]
    spool.steps.configure([])
    assert keys(spool) == []


def test_a_step_that_vanished_stays_open_for_the_rest_of_its_exam(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step(1), step(2)])
    spool.match(spool.record(), step(1))
    spool.clock.advance(60)
    spool.steps.answered("HIS", [])
    assert keys(spool) == ["SPS1"]
    assert keys(spool, "other") == []
    spool.clock.advance(3 * 86400)
    assert keys(spool) == []


def test_the_rest_of_an_exam_is_found_although_the_entry_was_corrected_meanwhile(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step(1)])
    spool.match(spool.record(), step(1))
    spool.clock.advance(60)
    spool.steps.answered("HIS", [step(1, description="Left eye")])
    spool.clock.advance(60)
    spool.steps.answered("HIS", [])
    assert keys(spool) == ["SPS1"]


def open_step(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step()])
    spool.desk.file(RequestKind.OPEN_STEP, {"device": "fundus", "step": "1"}, by="nurse")
    for request in spool.requests.waiting("assemble"):
        spool.requests.carry_out(request)
    assert spool.rows("SELECT * FROM active_step")


def test_an_idle_step_is_closed_and_a_used_one_is_not(spool: TestSpool) -> None:
    open_step(spool)
    spool.clock.advance(3000)
    spool.record(captured_at=spool.clock.now())
    spool.clock.advance(3000)
    assert not spool.steps.close_idle("fundus", 3600)
    spool.clock.advance(601)
    assert not spool.steps.close_idle("other", 3600)
    assert spool.steps.close_idle("fundus", 3600)
    assert not spool.steps.close_idle("fundus", 3600)
    assert ("step closed", "device fundus") in spool.journal()


def test_a_clock_put_back_closes_the_step_rather_than_keep_it_for_the_next_patient(spool: TestSpool) -> None:
    open_step(spool)
    spool.clock.put_back(30)  # a time server's correction
    assert not spool.steps.close_idle("fundus", 3600)
    spool.clock.put_back(86400)
    assert spool.steps.close_idle("fundus", 3600)


def test_start_is_kept_as_a_moment(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step(1, start=NOON), step(2, start=None)])
    first, second = spool.status.steps()
    assert first.start == NOON
    assert second.start is None
