"""Random days of one device: whatever people open, close and confirm, no picture ever changes to another patient."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.requests import RequestKind
from gateway.stages.performing import new_case
from tests.support.ledger import SC, TestSpool, step
from tests.support.performed import PROFILE, STATION, Performed

DEEDS = st.one_of(
    st.tuples(st.just("emergency"), st.just(0)),
    st.tuples(st.just("step"), st.integers(1, 3)),
    st.tuples(st.just("close"), st.just(0)),
    st.tuples(st.just("picture"), st.just(0)),
    st.tuples(st.just("build"), st.integers(1, 9)),
    st.tuples(st.just("deliver"), st.just(0)),
    st.tuples(st.just("confirm"), st.integers(1, 3)),
)


class Day:
    """One device, three orders, and what each picture was captured under."""

    def __init__(self, root: Path) -> None:
        self.spool = TestSpool(root)
        self.performed = Performed(self.spool)
        self.spool.steps.configure(["HIS"])
        self.spool.steps.answered("HIS", [step(1), step(2), step(3)])
        self.under: dict[int, str] = {}
        """By picture: the patient who was open, as ``step N``, ``study N`` or nobody."""
        self.orders: dict[str, str] = {}
        """By study: the order that was confirmed for it."""
        self.made = 0

    def ask(self, kind: RequestKind, **payload: str) -> bool:
        ok, _ = self.performed.ask(kind, **payload)
        return ok

    def open_now(self) -> str:
        steps = self.spool.rows("SELECT 'step ' || step AS who FROM active_step")
        studies = self.spool.rows("SELECT 'study ' || local_study AS who FROM active_local_study")
        assert len(steps) + len(studies) <= 1, "two patients open at once"
        return str((steps + studies)[0]["who"]) if steps or studies else ""

    def do(self, deed: str, number: int) -> None:
        self.spool.clock.advance(3)
        if deed == "emergency":
            assert self.ask(RequestKind.OPEN_UNSCHEDULED, device="fundus", confirmed="yes")
        elif deed == "step":
            self.ask(RequestKind.OPEN_STEP, device="fundus", step=str(number), confirmed="yes")
        elif deed == "close":
            self.ask(RequestKind.CLOSE_STEP, device="fundus")
        elif deed == "picture":
            self.made += 1
            who = self.open_now()
            self.under[self.spool.record(b"%d" % self.made, exam_key=f"e{self.made}", with_file=True,
                                         captured_at=self.spool.clock.now(), mtime_ns=self.made)] = who  # fmt: skip
        elif deed == "build":
            self.build(number)
        elif deed == "deliver":
            self.spool.run_sql("UPDATE delivery SET state = 'stored', stored_us = 1, status = '0000'"
                               " WHERE state = 'pending'")  # fmt: skip
        else:
            self.confirm(number)

    def confirm(self, number: int) -> None:
        studies = self.spool.rows("SELECT id FROM local_study WHERE settled = '' ORDER BY id")
        for row in studies[:1]:
            payload = {"local_study": str(row["id"]), "step": str(number), "operator": "Nurse A", "although": "yes"}
            if self.ask(RequestKind.RECONCILE, **payload):
                self.orders[f"study {row['id']}"] = f"step {number}"

    def build(self, most: int) -> None:
        """What assembling does with the oldest open acquisitions that belong to somebody."""
        run = self.spool.run()
        for _ in range(most):
            claim = self.spool.acquisitions.claim_next(run)
            if claim is None:
                return
            number = claim.acquisition.id
            if claim.step is None and claim.local is None:
                if claim.open_local is not None:
                    self.spool.acquisitions.matched_locally(number, *claim.open_local, "open")
                elif claim.active is not None:
                    self.spool.match(number, claim.active)
                else:
                    self.spool.run_sql("UPDATE acquisition SET state = 'quarantined', claimed_by = NULL WHERE id = ?",
                                       number)  # fmt: skip
                    continue
                claim = self.spool.acquisitions.known(number)
                assert claim is not None
            subject, uid = (
                (claim.step, claim.step.key.study_instance_uid) if claim.step else (claim.local or (None, ""))
            )
            assert subject is not None
            case = new_case(STATION, PROFILE, subject, uid, claim.acquisition.captured_at, sop_class_uid=SC)
            begun, _ = self.performed.ledger.begin(number, case, peers=(), captured_at=claim.acquisition.captured_at)
            self.performed.build(number, begun, uid)

    def check(self) -> None:
        """Each picture's newest object is its own patient's: whom it was captured under, or the confirmed order."""
        rows = self.spool.rows(
            "SELECT acquisition.*, series.study_instance_uid AS uid FROM acquisition"
            " LEFT JOIN instance ON instance.acquisition = acquisition.id AND instance.part = 0"
            " LEFT JOIN series ON series.id = instance.series WHERE acquisition.state IN ('matched', 'assembled')"
        )
        uids = {f"study {row['id']}": row["study_instance_uid"] for row in self.spool.rows("SELECT * FROM local_study")}
        uids |= {f"step {n}": step(n).key.study_instance_uid for n in (1, 2, 3)}
        for row in rows:
            who = self.under[row["correction_of"] or row["id"]]
            meant = f"step {row['step']}" if row["step"] else f"study {row['local_study']}"
            assert meant in (who, self.orders.get(who)), "under somebody else"
            assert row["uid"] is None or row["uid"] == uids[meant], "an object in another study than its patient's"
            if row["correction_of"]:
                assert meant == self.orders[who], "corrected without a confirmed order"


@contextmanager
def day() -> Iterator[Day]:
    with TemporaryDirectory() as folder:
        made = Day(Path(folder) / "spool")
        try:
            yield made
        finally:
            made.spool.close()


@settings(max_examples=60, deadline=None)
@given(deeds=st.lists(DEEDS, min_size=4, max_size=24))
def test_no_picture_ever_changes_to_another_patient(deeds: list[tuple[str, int]]) -> None:
    with day() as lived:
        for deed, number in deeds:
            lived.do(deed, number)
            lived.check()
        lived.do("build", 9)
        lived.check()
        waits = lived.spool.rows("SELECT state FROM acquisition WHERE state = 'captured'")
        assert len(waits) <= max(0, len(lived.under) - 9)


def test_an_emergency_is_confirmed_while_pictures_still_come() -> None:
    with day() as lived:
        for deed, number in (
            ("emergency", 0), ("picture", 0), ("build", 1), ("deliver", 0), ("picture", 0), ("confirm", 2),
            ("picture", 0), ("build", 9),
        ):  # fmt: skip
            lived.do(deed, number)
            lived.check()
        assert lived.under == {1: "study 1", 2: "study 1", 3: "step 2"}
        assert lived.spool.rows("SELECT step FROM acquisition WHERE id = 2") == [{"step": 2}]
        lived.spool.clock.advance(timedelta(hours=1).total_seconds())
        assert lived.open_now() == "step 2"
