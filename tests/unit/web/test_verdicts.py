"""The one sentence on top of each screen."""

from datetime import timedelta

from gateway.domain.views import CountsView
from gateway.web.words.states import Tone
from gateway.web.words.verdicts import (
    destinations_verdict,
    devices_verdict,
    holds_verdict,
    last_picture,
    now_verdict,
    queue_verdict,
    system_verdict,
    worklist_verdict,
)
from tests.support.fake_reader import MORNING, acquisition, beat, delivery, destination, device, issue, provider


def _counts(undelivered: int = 0, today: int = 214, **by_state: int) -> CountsView:
    return CountsView(by_state, undelivered, today, today - undelivered)


def test_now_when_all_is_well() -> None:
    verdict = now_verdict(_counts(), [destination()], [], "Last picture 10:36:00")
    assert verdict.tone is Tone.SAFE
    assert verdict.sentence == "All safe. 214 captured today, 214 at Main PACS."
    assert verdict.more == "Last picture 10:36:00"
    assert now_verdict(_counts(today=0), [], [], "").sentence == "All safe. No pictures yet today."


def test_now_tells_what_needs_a_person() -> None:
    verdict = now_verdict(_counts(held=1), [destination()], [], "")
    assert (verdict.tone, verdict.sentence) == (Tone.ATTENTION, "All kept safe here, but 1 picture needs a patient.")
    verdict = now_verdict(_counts(held=2, quarantined=1), [destination(parked=1)], [], "")
    assert verdict.tone is Tone.DANGER
    assert (
        verdict.sentence
        == "All kept safe here, but 2 pictures need a patient, 1 delivery stopped and 1 file set aside."
    )


def test_now_while_the_link_is_down_and_while_it_is_busy() -> None:
    down = destination(pending=3, error="No answer.")
    verdict = now_verdict(_counts(undelivered=3), [down], [], "")
    assert (verdict.tone, verdict.sentence) == (Tone.ATTENTION, "All safe here. 3 pictures wait for Main PACS.")
    verdict = now_verdict(_counts(undelivered=3), [destination(pending=3)], [], "")
    assert (verdict.tone, verdict.sentence) == (Tone.BUSY, "All safe here. 3 pictures on the way to the PACS.")


def test_now_with_two_destinations_counts_what_is_owed() -> None:
    both = [destination(pending=2), destination("Archive", pending=1)]
    assert (
        now_verdict(_counts(), both, [], "").sentence
        == "All safe. 214 captured today; nothing waits for a destination."
    )
    verdict = now_verdict(_counts(undelivered=3), both, [], "")
    assert verdict.sentence == "All safe here. 3 deliveries on the way to the PACS."


def test_now_when_the_box_itself_fails() -> None:
    verdict = now_verdict(_counts(), [], [issue("The spool is full.", "error")], "")
    assert (verdict.tone, verdict.sentence) == (Tone.DANGER, "The box needs help: The spool is full.")


def test_the_last_picture_and_its_arrival() -> None:
    assert last_picture(None, MORNING) == ""
    newest = acquisition(deliveries=(delivery(since=MORNING - timedelta(minutes=5, seconds=51)),))
    assert last_picture(newest, MORNING) == "Last picture 10:36:00 → at PACS 10:36:09"
    waiting = acquisition(deliveries=(delivery(), delivery(state="pending")))
    assert last_picture(waiting, MORNING) == "Last picture 10:36:00"


def test_queue() -> None:
    assert queue_verdict(_counts(assembled=3), [destination()]).tone is Tone.SAFE
    verdict = queue_verdict(_counts(undelivered=3, captured=1, held=1, quarantined=1), [destination(parked=1)])
    assert verdict.sentence == (
        "1 picture being prepared, 2 on the way to the PACS, 1 delivery stopped, "
        "1 waiting for a patient and 1 set aside."
    )


def test_holds() -> None:
    assert holds_verdict(0).sentence == "No picture needs you."
    assert holds_verdict(1).sentence == "1 picture needs a patient."
    assert holds_verdict(2).sentence == "2 pictures need a patient."


def test_worklist() -> None:
    assert worklist_verdict([], 0, MORNING).tone is Tone.ATTENTION
    assert worklist_verdict([provider()], 12, MORNING).more == "Worklist answered 1 min ago."
    silent = provider(error="No answer.", answered_at=MORNING - timedelta(hours=2))
    assert worklist_verdict([silent], 12, MORNING).sentence == "The worklist may be old: HIS last answered 08:42."
    never = provider(error="No answer.", answered_at=None)
    assert worklist_verdict([never], 0, MORNING).sentence == "The worklist may be old: HIS has not answered yet."
    assert worklist_verdict([provider(answered_at=None)], 0, MORNING).tone is Tone.BUSY


def test_devices() -> None:
    assert devices_verdict([], [], MORNING).tone is Tone.ATTENTION
    assert devices_verdict([device()], [], MORNING).sentence == "1 device watched, 6 pictures captured today."
    late = beat("capture@fundus", "capture", age_s=600)
    assert devices_verdict([device()], [late], MORNING).sentence == "Capture has not moved since 10:32."


def test_destinations() -> None:
    assert destinations_verdict([], MORNING).tone is Tone.ATTENTION
    assert destinations_verdict([destination()], MORNING).tone is Tone.SAFE
    assert destinations_verdict([destination(pending=1, sending=1)], MORNING).sentence == "2 deliveries under way."
    failed = destination(error="Refused.", parked=1, error_at=MORNING - timedelta(minutes=4))
    verdict = destinations_verdict([failed, destination("Archive")], MORNING)
    assert (verdict.tone, verdict.sentence) == (Tone.DANGER, "Trouble with Main PACS.")


def test_system() -> None:
    assert system_verdict([], [], MORNING).tone is Tone.BUSY
    assert system_verdict([], [beat()], MORNING).sentence == "The box is well."
    assert system_verdict([issue()], [beat()], MORNING).tone is Tone.ATTENTION
    late = beat("forward", "deliver", age_s=600)
    assert system_verdict([], [late], MORNING).sentence == "1 loop stopped moving: forward (deliver)."
