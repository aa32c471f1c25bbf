"""Corrections in the ledger, fact by fact: successors, dropped deliveries, notes, refusals, retention."""

from datetime import timedelta

import pytest

from gateway.domain.corrections import KEY_OBJECT_SELECTION
from gateway.domain.errors import HALF_SENT, Disposition, GatewayError, Phase, SpoolFull
from gateway.domain.identifiers import AcquisitionId, Uid
from gateway.domain.instance import SpooledObject, StoreOutcome
from gateway.domain.lanes import Lane
from gateway.domain.objects import LocalStudy
from gateway.domain.procedure import Patient
from gateway.domain.requests import RequestKind
from gateway.spool.request_fields import NotYet, RequestRefused
from gateway.spool.runs import RoleLock
from gateway.spool.standing_in import StandIn
from tests.support.corrections import carried, make_notes, put_right, send
from tests.support.ledger import TestSpool, fault, step


def test_the_successor_has_the_same_bytes_and_is_tied_to_the_right_step(spool: TestSpool) -> None:
    number = spool.deliverable(content=b"picture")
    outcome = put_right(spool, [number])
    ((old, new),) = outcome.successors
    before, after = spool.row("acquisition", old), spool.row("acquisition", new)
    assert (after["digest"], after["captured_us"], after["state"]) == (
        before["digest"],
        before["captured_us"],
        "matched",
    )
    assert (before["corrected_by"], after["correction_of"]) == (new, old)
    assert after["path"] != before["path"]
    assert (spool.root / after["path"]).read_bytes() == b"picture"
    claimed = spool.acquisitions.claim_next(spool.run())
    assert claimed is not None
    assert claimed.acquisition.id == new
    assert claimed.step is not None
    assert claimed.step.key == step(2).key
    assert "Nurse A" in after["reason"]
    assert ("rejected", f"acquisition {old}") in spool.journal()
    assert ("correction", f"acquisition {new}") in spool.journal()


def emergency(spool: TestSpool, content: bytes) -> AcquisitionId:
    """A picture that was captured under an emergency who is open, and built."""
    if not spool.rows("SELECT 1 FROM active_local_study"):
        assert carried(spool, RequestKind.OPEN_UNSCHEDULED, device="fundus", confirmed="yes").ok
    number = spool.record(content, with_file=True, exam_key=content.decode(), captured_at=spool.clock.now())
    (study,) = spool.rows("SELECT * FROM local_study ORDER BY id DESC LIMIT 1")
    patient = LocalStudy(Patient("E7"))
    spool.acquisitions.matched_locally(number, patient, study["study_instance_uid"], "open")
    spool.assemble(number, content=b"DICM" + content)
    return number


def test_an_emergency_that_was_the_wrong_patient_is_closed_where_she_is_still_open(spool: TestSpool) -> None:
    number = emergency(spool, b"one")
    done = put_right(spool, [number])
    assert any("was still open on fundus; it is closed now" in remark for remark in done.remarks)
    assert spool.rows("SELECT * FROM active_local_study") == []
    assert ("step closed", "device fundus") in spool.journal()


def test_an_emergency_with_other_pictures_stays_open_and_that_is_said(spool: TestSpool) -> None:
    first, _ = emergency(spool, b"one"), emergency(spool, b"two")
    done = put_right(spool, [first])
    assert any("is still open on fundus, for other pictures are in it" in remark for remark in done.remarks)
    assert len(spool.rows("SELECT * FROM active_local_study")) == 1


def test_reconciling_an_open_emergency_opens_the_order_and_closes_nobody(spool: TestSpool) -> None:
    """Her objects are built anew like wrong ones, but she is the same patient."""
    emergency(spool, b"one")
    spool.steps.configure(["HIS"])
    spool.steps.answered("HIS", [step(1)])
    done = carried(spool, RequestKind.RECONCILE, local_study="1", step="1", operator="Nurse A", although="yes")
    assert done.ok, done.outcome
    assert "the order is open on fundus now" in done.outcome
    assert "it is closed now" not in done.outcome
    active = spool.steps.active("fundus")
    assert active is not None
    assert active.key == step(1).key


def test_nothing_is_corrected_to_where_it_is(spool: TestSpool) -> None:
    number = emergency(spool, b"one")
    words = {"reason": "again", "operator": "Nurse A", "acquisitions": str(number)}
    refused = carried(spool, RequestKind.CORRECT, unscheduled="yes", local_study="1", **words)
    assert (refused.ok, refused.outcome) == (False, f"Acquisition {number} is under that patient already.")
    assert spool.row("acquisition", number)["rejected_us"] is None


def test_what_nobody_saw_is_dropped_without_a_note(spool: TestSpool) -> None:
    number = spool.deliverable(("east", "west"), content=b"picture")
    outcome = put_right(spool, [number])
    assert (outcome.dropped, outcome.told) == (2, ())
    assert {row["state"] for row in spool.rows("SELECT state FROM delivery")} == {"dropped"}
    assert spool.deliveries.claim_due("east", spool.run("forward"), 9) == []
    refused = carried(spool, RequestKind.TAKE_BACK, deliveries="1")
    assert not refused.ok
    assert "wrong patient" in refused.outcome


def test_what_is_being_sent_is_looked_at_again(spool: TestSpool) -> None:
    number = spool.deliverable(content=b"picture")
    lock = RoleLock(spool.root, "forward")
    (claimed,) = spool.deliveries.claim_due("main", spool.run("forward"), 1)
    with pytest.raises(NotYet):
        put_right(spool, [number])
    assert spool.row("delivery", claimed.id)["state"] == "sending"
    spool.deliveries.stored(claimed, StoreOutcome(0), spool.clock.now())
    lock.release()
    assert put_right(spool, [number]).told == ("main",)


def test_what_a_run_that_is_gone_was_sending_is_not_waited_for(spool: TestSpool) -> None:
    number = spool.deliverable(("east", "west"), content=b"picture")
    lock = RoleLock(spool.root, "forward")
    spool.deliveries.claim_due("east", spool.run("forward"), 1)
    lock.release()  # as when its process ends in whatever way
    outcome = put_right(spool, [number])
    assert (outcome.told, outcome.dropped) == (("east",), 1), "it may have reached the one and not the other"
    assert {row["state"] for row in spool.rows("SELECT state FROM delivery")} == {"dropped"}
    assert spool.deliveries.claim_due("east", spool.run("forward"), 9) == []


@pytest.mark.parametrize(
    ("tried", "may_hold"),
    [
        (fault(phase=Phase.TRANSFER), True),
        (fault(phase=Phase.RESPONSE), True),
        (fault(Disposition.QUARANTINE, Phase.SPOOL, HALF_SENT), True),
        (fault(phase=Phase.SPOOL, code="spool"), False),
        (fault(Disposition.QUARANTINE, Phase.SPOOL, "digest"), False),
        (SpoolFull("no room for a copy"), False),
        (fault(phase=Phase.CONNECT), False),
        (fault(Disposition.PARK, Phase.RESPONSE, "0122"), False),
    ],
    ids=lambda value: f"{value.phase.value} {value.code}" if isinstance(value, GatewayError) else "",
)
def test_only_tries_of_which_bytes_reached_the_peer_count(
    spool: TestSpool, tried: GatewayError, may_hold: bool
) -> None:
    number = spool.deliverable(content=b"picture")
    send(spool, "main", tried)
    assert put_right(spool, [number]).told == (("main",) if may_hold else ())


def test_an_acquisition_is_corrected_once_and_its_successor_after_it(spool: TestSpool) -> None:
    number = spool.deliverable(content=b"picture")
    ((_, new),) = put_right(spool, [number]).successors
    with pytest.raises(RequestRefused, match=f"acquisition {new}"):
        put_right(spool, [number])
    spool.acquisitions.claim_next(spool.run())
    spool.assemble(AcquisitionId(new))
    ((_, newest),) = put_right(spool, [new], step(3)).successors
    assert spool.row("acquisition", newest)["exam_key"] == "exam-1, correction 2"


@pytest.mark.parametrize("state", ["held", "quarantined"])
def test_what_was_never_built_is_refused(spool: TestSpool, state: str) -> None:
    number = spool.record(with_file=True)
    spool.run_sql("UPDATE acquisition SET state = ? WHERE id = ?", state, number)
    with pytest.raises(RequestRefused, match=state):
        put_right(spool, [number])


def test_the_same_step_is_no_correction(spool: TestSpool) -> None:
    number = spool.deliverable(content=b"picture")
    with pytest.raises(RequestRefused, match="already"):
        put_right(spool, [number], step(1))


def test_without_its_bytes_there_is_only_the_note(spool: TestSpool) -> None:
    number = spool.deliverable(content=b"picture")
    send(spool, "main", StoreOutcome(0))
    spool.clock.advance(86_400)
    assert spool.upkeep.retire(timedelta(hours=1)) == 1
    with pytest.raises(RequestRefused, match="note-only"):
        put_right(spool, [number])
    outcome = put_right(spool, [number], note_only=True)
    assert (outcome.successors, outcome.told) == ((), ("main",))
    make_notes(spool)
    (note,) = spool.deliveries.claim_due("main", spool.run("forward"), 9)
    assert (spool.root / note.spooled.path).is_file()


def test_bytes_of_what_was_corrected_go_and_its_successors_stay(spool: TestSpool) -> None:
    unseen, seen = spool.deliverable(content=b"unseen"), spool.deliverable(content=b"seen", exam_key="exam-2")
    spool.run_sql("UPDATE delivery SET due_us = due_us + 9000000 WHERE acquisition = ?", unseen)
    send(spool, "main", StoreOutcome(0))
    outcome = put_right(spool, [unseen, seen])
    spool.clock.advance(86_400)
    assert spool.upkeep.retire(timedelta(hours=1)) == 1, "the note about the other one is still owed"
    assert spool.row("acquisition", seen)["source_bytes_kept"] == 1
    make_notes(spool)
    spool.clock.advance(86_400)
    assert spool.upkeep.retire(timedelta(hours=1)) == 0
    send(spool, "main", StoreOutcome(0))
    spool.clock.advance(86_400)
    assert spool.upkeep.retire(timedelta(hours=1)) == 1
    for old, new in outcome.successors:
        assert not (spool.root / spool.row("acquisition", old)["path"]).exists()
        assert (spool.root / spool.row("acquisition", new)["path"]).is_file()


def test_what_was_rejected_without_a_successor_keeps_its_bytes(spool: TestSpool) -> None:
    number = spool.deliverable(content=b"picture")
    put_right(spool, [number], note_only=True)
    spool.clock.advance(86_400)
    assert spool.upkeep.retire(timedelta(hours=1)) == 0


def test_the_note_goes_before_everything_else(spool: TestSpool) -> None:
    first = spool.deliverable(content=b"picture")
    send(spool, "main", StoreOutcome(0))
    spool.deliverable(content=b"another", exam_key="exam-2")
    put_right(spool, [first])
    make_notes(spool)
    due = spool.deliveries.claim_due("main", spool.run("forward"), 9)
    assert due[0].spooled.sop_class_uid == KEY_OBJECT_SELECTION


def test_two_studies_get_a_note_each(spool: TestSpool) -> None:
    one = spool.deliverable(content=b"one")
    two = spool.record(b"two", with_file=True, exam_key="exam-2")
    spool.match(two, step(5))
    identity, _ = spool.instances.reserve(
        two, sop_class_uid="1.2.840.10008.5.1.4.1.1.7", study_instance_uid="1.2.3.5", started_at=spool.clock.now()
    )
    spooled = SpooledObject("instances/two", "0", 1, Uid("1.2.840.10008.5.1.4.1.1.7"), Uid("1.2.840.10008.1.2.1"))
    spool.instances.complete(two, identity, spooled, [("main", Lane.NORMAL)], [])
    send(spool, "main", StoreOutcome(0), 9)
    put_right(spool, [one, two], step(2))
    rows = spool.rows(
        "SELECT study_instance_uid, series_number FROM rejection_note JOIN instance ON instance.id ="
        " rejection_note.instance JOIN series ON series.id = instance.series ORDER BY study_instance_uid"
    )
    assert [(row["study_instance_uid"], row["series_number"]) for row in rows] == [("1.2.3.1", 2), ("1.2.3.5", 2)]


def test_a_destination_left_untouched_keeps_what_it_has_and_gets_nothing_new(spool: TestSpool) -> None:
    number = spool.deliverable(("east", "west"), content=b"picture")
    for name in ("east", "west"):
        send(spool, name, StoreOutcome(0))
    outcome = put_right(spool, [number], untouched=("west",))
    assert outcome.told == ("east",)
    claimed = spool.acquisitions.claim_next(spool.run())
    assert claimed is not None
    assert claimed.not_to == {"west"}
    rejected = {row["destination"]: row["rejected_us"] for row in spool.rows("SELECT * FROM delivery")}
    assert rejected["west"] is None
    assert rejected["east"] is not None


def test_an_untouched_destination_that_has_seen_nothing_gets_the_new_object(spool: TestSpool) -> None:
    number = spool.deliverable(("east", "west"), content=b"picture")
    send(spool, "east", StoreOutcome(0))
    put_right(spool, [number], untouched=("west",))
    claimed = spool.acquisitions.claim_next(spool.run())
    assert claimed is not None
    assert claimed.not_to == frozenset()
    assert {row["state"] for row in spool.rows("SELECT state FROM delivery WHERE destination = 'west'")} == {"dropped"}


def test_an_unscheduled_identity_may_be_the_right_one(spool: TestSpool) -> None:
    number = spool.deliverable(content=b"picture")
    other = spool.deliverable(content=b"second", exam_key="exam-1")
    put_right(spool, [number, other], LocalStudy(Patient("E-1", "", "Unknown^Man")))
    claimed = spool.acquisitions.claim_next(spool.run())
    assert claimed is not None
    assert claimed.local is not None
    assert claimed.local[0].patient.patient_id == "E-1"
    assert len(spool.rows("SELECT * FROM local_study")) == 1


def test_an_exported_object_is_told_of_and_its_medium_named(spool: TestSpool) -> None:
    number = spool.deliverable(content=b"picture")
    spool.run_sql("INSERT INTO export VALUES (1, '2.25.1', '/media/stick', 1, 'Asha', NULL)")
    spool.run_sql("INSERT INTO export_item VALUES (1, 1, 1, 'main', 'DICOM/A', 'd', 1)")
    outcome = put_right(spool, [number])
    assert outcome.told == ("main",)
    assert "/media/stick" in outcome.words


def test_a_note_goes_to_its_own_destination_alone(spool: TestSpool) -> None:
    spool.destinations.configure({"main": "1", "other": "2"})
    number = spool.deliverable(content=b"picture")
    send(spool, "main", StoreOutcome(0))
    put_right(spool, [number])
    make_notes(spool)
    (note,) = spool.rows("SELECT id FROM delivery WHERE state = 'pending'")
    refused = carried(spool, RequestKind.RETARGET, deliveries=str(note["id"]), destination="other")
    assert not refused.ok
    assert "rejection note" in refused.outcome
    assert "Nothing waits" in carried(spool, RequestKind.RETARGET, source="main", destination="other").outcome
    spool.destinations.failed("main", fault(), spool.clock.now())
    spool.clock.advance(7200)
    second = StandIn(spool.database, spool.clock, destination="other", primary="main", after=timedelta(minutes=30))
    assert second.look() == 0, "nor does a stand-in take it"


def test_a_correction_is_no_further_capture(spool: TestSpool) -> None:
    number = spool.deliverable(content=b"picture")
    put_right(spool, [number])
    assert spool.status.counts().captured_today == 1
    (device,) = spool.status.devices()
    assert device.captured_today == 1
