"""Corrections in the ledger: whatever happened to a delivery before, no destination keeps wrong objects untold."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.domain.commitment import NO_SUCH_INSTANCE, ProofReport, ProofRequest
from gateway.domain.corrections import KEY_OBJECT_SELECTION, Corrected
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.identifiers import AcquisitionId, Uid
from gateway.domain.instance import SpooledObject, StoreOutcome
from gateway.domain.objects import LocalStudy
from gateway.domain.procedure import Patient, Step
from gateway.domain.requests import RequestKind
from gateway.domain.views import RequestView
from gateway.spool.commitments import CommitmentLedger, ProofPace
from gateway.spool.corrections import correct
from gateway.spool.rejections import RejectionLedger
from gateway.spool.request_fields import NotYet, RequestRefused
from tests.support.ledger import TestSpool, fault, step

NAMES = ("east", "west")


def put_right(
    spool: TestSpool,
    numbers: Sequence[int],
    target: Step | LocalStudy | None = None,
    *,
    note_only: bool = False,
    untouched: Sequence[str] = (),
) -> Corrected:
    about = None if note_only else target or step(2)
    now, why = int(spool.clock.now().timestamp() * 1_000_000), "wrong patient open"
    with spool.database.write() as connection:
        return correct(
            connection, now, numbers, about, spool=spool.root, actor="Nurse A", reason=why, untouched=untouched
        )


def make_notes(spool: TestSpool) -> None:
    """What the assembling role does about owed notes, without their contents."""
    notes = RejectionLedger(spool.database, spool.clock)
    while (note := notes.next_owed()) is not None:
        path = spool.place(b"note", "instances", f"{note.identity.sop_instance_uid}.dcm")
        notes.made(note, SpooledObject(path, "0" * 64, 4, KEY_OBJECT_SELECTION, Uid("1.2.840.10008.1.2.1")))


def notes_to(spool: TestSpool) -> dict[str, set[int]]:
    """By destination the instances that notes owed to it name."""
    named: dict[str, set[int]] = defaultdict(set)
    for row in spool.rows(
        "SELECT delivery.destination, value FROM rejection_note JOIN delivery ON delivery.instance ="
        " rejection_note.instance, json_each(rejection_note.rejected)"
    ):
        assert row["value"] not in named[row["destination"]], "two notes about one object"
        named[row["destination"]].add(row["value"])
    return named


def carried(spool: TestSpool, kind: RequestKind, **payload: str) -> RequestView:
    number = spool.desk.file(kind, payload, by="page")
    for request in spool.requests.waiting("assemble"):
        spool.requests.carry_out(request)
    view = spool.status.request(number)
    assert view is not None
    return view


def send(spool: TestSpool, name: str, outcome: StoreOutcome | GatewayError | None, limit: int = 1) -> list[int]:
    """One try of what `name` is owed; no outcome stands for a role that died in the middle of it."""
    run = spool.run("forward")
    due = spool.deliveries.claim_due(name, run, limit)
    for delivery in due:
        if isinstance(outcome, StoreOutcome):
            spool.deliveries.stored(delivery, outcome, spool.clock.now())
        elif outcome is not None:
            park = outcome.disposition is Disposition.PARK
            spool.deliveries.failed(delivery, outcome, spool.clock.now(), park=park, due=spool.clock.now())
    spool.run("forward")  # voids what died
    return [delivery.instance_id for delivery in due]


# -- whatever happened before ------------------------------------------------------------------------------------

ACTS = st.one_of(
    st.tuples(st.just("refused link"), st.sampled_from(NAMES)),
    st.tuples(st.just("broken"), st.sampled_from(NAMES)),
    st.tuples(st.just("died"), st.sampled_from(NAMES)),
    st.tuples(st.just("parked"), st.sampled_from(NAMES)),
    st.tuples(st.just("not negotiated"), st.sampled_from(NAMES)),
    st.tuples(st.just("stored"), st.sampled_from(NAMES)),
    st.tuples(st.just("drop"), st.sampled_from(NAMES)),
    st.tuples(st.just("hold"), st.sampled_from(NAMES)),
    st.tuples(st.just("move"), st.sampled_from(NAMES)),
    st.tuples(st.just("ask"), st.sampled_from(NAMES)),
    st.tuples(st.just("denied"), st.sampled_from(NAMES)),
)
OUTCOMES: dict[str, StoreOutcome | GatewayError | None] = {
    "refused link": fault(phase=Phase.CONNECT),
    "broken": fault(phase=Phase.TRANSFER),
    "died": None,
    "parked": fault(Disposition.PARK, Phase.RESPONSE, "A900"),
    "not negotiated": fault(Disposition.PARK, Phase.NEGOTIATE),
    "stored": StoreOutcome(0),
}
SENT = {"broken", "died", "parked", "stored"}


class World:
    """A ledger with three instances owed to `east`, and what each destination can have seen, told by hand."""

    def __init__(self, root: Path) -> None:
        self.spool = TestSpool(root)
        self.spool.deliveries.configure({name: name for name in (*NAMES, "third")})
        self.numbers = [
            self.spool.deliverable(("east",), content=b"picture %d" % number, exam_key="exam") for number in range(3)
        ]
        self.saw: dict[str, set[int]] = defaultdict(set)
        self.begun: list[int] = []
        self.asked: dict[str, ProofRequest | None] = {}

    def act(self, what: str, name: str) -> None:
        spool = self.spool
        spool.clock.advance(10)
        if what in OUTCOMES:
            instances = send(spool, name, OUTCOMES[what])
            self.begun += instances
            if what in SENT:
                self.saw[name] |= set(instances)
            return
        if what in ("ask", "denied"):
            self.prove(what, name)
            return
        rows = spool.rows(
            "SELECT id FROM delivery WHERE destination = ? AND state IN ('pending', 'parked')"
            " ORDER BY attempts DESC, id",
            name,
        )
        if rows and what in ("drop", "hold"):
            kind = RequestKind.DROP if what == "drop" else RequestKind.HOLD_BACK
            carried(spool, kind, deliveries=str(rows[0]["id"]), reason="tried", operator="Nurse A")
        elif rows and what == "move":
            to = NAMES[1 - NAMES.index(name)]
            carried(spool, RequestKind.RETARGET, deliveries=str(rows[0]["id"]), destination=to)

    def prove(self, what: str, name: str) -> None:
        """An archive is asked, and says long after it stored them that it has them not: they would be stored again."""
        spool = self.spool
        proofs = CommitmentLedger(spool.database, spool.clock, {name: ProofPace(idle_s=1)})
        spool.clock.advance(4000)
        asked = self.asked.pop(name, None) or proofs.begin(name, 10)
        if what == "ask":
            self.asked[name] = asked
        elif asked is not None:
            failed = {(str(one.sop_class_uid), str(one.sop_instance_uid)): NO_SUCH_INSTANCE for one in asked.items}
            proofs.report(ProofReport(asked.transaction_uid, frozenset(), failed))


@settings(max_examples=40, deadline=None)
@given(before=st.lists(ACTS, max_size=14), after=st.lists(ACTS, max_size=10), how_many=st.integers(1, 3))
@example(before=[("broken", "east"), ("move", "east")], after=[("stored", "west")], how_many=1)
@example(
    before=[("stored", "east"), ("ask", "east")], after=[("denied", "east"), *[("stored", "east")] * 5], how_many=1
)
@example(before=[("stored", "east")], after=[("denied", "east"), *[("stored", "east")] * 5], how_many=1)
@example(before=[("died", "east"), ("stored", "east"), ("move", "east")], after=[("stored", "west")], how_many=3)
def test_every_holder_is_told_and_nobody_else(
    before: list[tuple[str, str]], after: list[tuple[str, str]], how_many: int
) -> None:
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        spool = world.spool
        for act in before:
            world.act(*act)
        wrong = world.numbers[:how_many]
        outcome = put_right(spool, wrong)
        make_notes(spool)
        instances = {
            row["id"] for row in spool.rows("SELECT * FROM instance WHERE part = 0") if row["acquisition"] in wrong
        }
        expected = {name: world.saw[name] & instances for name in world.saw if world.saw[name] & instances}
        assert notes_to(spool) == expected
        assert set(outcome.told) == set(expected)
        world.begun.clear()
        for act in after:
            world.act(*act)
        assert not instances & set(world.begun), "a rejected object was sent"
        assert notes_to(spool) == {name: named for name, named in notes_to(spool).items() if named <= instances}
        rows = spool.rows("SELECT * FROM acquisition WHERE correction_of IS NOT NULL")
        assert sorted(row["correction_of"] for row in rows) == sorted(wrong)
        assert all((spool.root / row["path"]).read_bytes().startswith(b"picture") for row in rows)
        spool.close()


# -- single facts -------------------------------------------------------------------------------------------------


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
    (claimed,) = spool.deliveries.claim_due("main", spool.run("forward"), 1)
    with pytest.raises(NotYet):
        put_right(spool, [number])
    spool.deliveries.stored(claimed, StoreOutcome(0), spool.clock.now())
    assert put_right(spool, [number]).told == ("main",)


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
    spool.instances.complete(two, identity, spooled, ["main"], [])
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


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[TestSpool]:
    made = TestSpool(tmp_path / "spool")
    yield made
    made.close()
