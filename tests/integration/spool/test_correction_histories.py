"""Corrections after random histories: who may hold a wrong object is told of it, and nobody else."""

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.domain.commitment import NO_SUCH_INSTANCE, ProofReport, ProofRequest
from gateway.domain.errors import HALF_SENT, Disposition, GatewayError, Phase
from gateway.domain.instance import StoreOutcome
from gateway.domain.requests import RequestKind
from gateway.spool.commitments import CommitmentLedger
from gateway.spool.proof_outcomes import ProofPace
from tests.support.corrections import carried, make_notes, notes_to, put_right, send
from tests.support.ledger import TestSpool, fault

NAMES = ("east", "west")

ACTS = st.one_of(
    st.tuples(st.just("refused link"), st.sampled_from(NAMES)),
    st.tuples(st.just("broken"), st.sampled_from(NAMES)),
    st.tuples(st.just("died"), st.sampled_from(NAMES)),
    st.tuples(st.just("unread"), st.sampled_from(NAMES)),
    st.tuples(st.just("read in part"), st.sampled_from(NAMES)),
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
    "unread": fault(phase=Phase.SPOOL, code="spool"),
    "read in part": fault(phase=Phase.SPOOL, code=HALF_SENT),
    "parked": fault(Disposition.PARK, Phase.RESPONSE, "A900"),
    "not negotiated": fault(Disposition.PARK, Phase.NEGOTIATE),
    "stored": StoreOutcome(0),
}
SENT = {"broken", "died", "read in part", "parked", "stored"}


class World:
    """A ledger with three instances owed to `east`, and what each destination can have seen, told by hand."""

    def __init__(self, root: Path) -> None:
        self.spool = TestSpool(root)
        self.spool.destinations.configure({name: name for name in (*NAMES, "third")})
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
@example(
    before=[("broken", "east"), ("broken", "east"), ("move", "east"), ("broken", "west")],
    after=[("refused link", "east"), ("move", "east")],
    how_many=2,
)
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
