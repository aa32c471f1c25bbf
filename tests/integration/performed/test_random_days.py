"""Random days of one device before a strict RIS: whatever people do and links lose, it is told the truth, in order."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.procedure import Step
from gateway.domain.requests import RequestKind
from gateway.stages.performing import new_case
from tests.support.ledger import SC, TestSpool, step
from tests.support.mpps_scp import StrictMpps, strict_mpps
from tests.support.performed import PROFILE, STATION, Performed

PATIENTS = (1, 2, 3)
LINKS: tuple[tuple[str, ...], ...] = ((), ("lose",), ("take", "lose"), ("abort",), ("lose", "take", "abort", "lose"))
"""What the link does to the next messages: an answer lost, or the message itself."""
ACTIONS = st.one_of(
    st.tuples(st.just("capture"), st.sampled_from(PATIENTS)),
    st.tuples(st.just("capture"), st.sampled_from(PATIENTS)),
    st.tuples(st.just("open"), st.sampled_from(PATIENTS)),
    st.tuples(st.sampled_from(["close", "break off", "correct", "restart"]), st.just(0)),
    st.tuples(st.just("tell"), st.sampled_from(range(len(LINKS)))),
    st.tuples(st.just("wait"), st.sampled_from([5, 60, 2000])),
)


@dataclass
class RandomDay:
    """One device, its ledger and its RIS; `instances` are UIDs with the patient whose they are said to be."""

    performed: Performed
    ris: StrictMpps
    port: int
    opened: int = 0
    instances: dict[int, tuple[str, int]] = field(default_factory=dict)
    corrected: set[str] = field(default_factory=set)

    def act(self, what: str, about: int) -> None:
        match what:
            case "capture":
                self.capture(self.opened or about)
            case "open":
                self.ask(RequestKind.OPEN_STEP, step=str(self.number_of(about)), confirmed="yes")
                self.opened = about
            case "close" | "break off":
                reason = {"discontinue": "110505"} if what == "break off" else {}
                if self.performed.ask(RequestKind.CLOSE_STEP, device="fundus", **reason)[0]:
                    self.opened = 0
            case "wait":
                self.performed.clock.advance(about)
            case "tell":
                self.ris.plan.extend(LINKS[about])
                self.performed.send(self.port, hours=0.02)
            case "correct":
                self.correct()
            case _:
                self.performed.reports.configure({"RIS": "as it was"})
        self.performed.stage().round()

    def ask(self, kind: RequestKind, **payload: str) -> None:
        ok, outcome = self.performed.ask(kind, device="fundus", **payload)
        assert ok, outcome

    def number_of(self, patient: int) -> int:
        (row,) = self.performed.spool.rows("SELECT id FROM step WHERE step_id = ?", f"SPS{patient}")
        return int(row["id"])

    def capture(self, patient: int) -> None:
        self.performed.clock.advance(1)
        number = self.performed.capture()
        performed, _ = self.performed.begin(number, step(patient))
        self.instances[number] = (self.build(number, performed, step(patient)), patient)

    def build(self, number: int, performed: int, about: Step) -> str:
        uids = self.performed.build(number, performed, about.key.study_instance_uid)  # type: ignore[arg-type] # a row's id
        return uids.partition("/")[2]

    def correct(self) -> None:
        """The newest picture was the next patient's."""
        if not self.instances:
            return
        number = max(self.instances)
        uid, wrong = self.instances.pop(number)
        right = wrong % len(PATIENTS) + 1
        ok, outcome = self.performed.ask(
            RequestKind.CORRECT, acquisitions=str(number), step=str(self.number_of(right)), reason="x", operator="Asha"
        )
        assert ok, outcome
        self.corrected.add(uid)
        if not self.performed.spool.rows("SELECT 1 FROM active_step"):
            self.opened = 0
        (row,) = self.performed.spool.rows("SELECT id FROM acquisition WHERE correction_of = ?", number)
        now = self.performed.clock.now()
        case = new_case(STATION, PROFILE, step(right), step(right).key.study_instance_uid, now, sop_class_uid=SC)
        performed, _ = self.performed.ledger.begin(row["id"], case, peers=("RIS",), captured_at=now)
        self.instances[row["id"]] = (self.build(row["id"], performed, step(right)), right)

    def end(self) -> None:
        """The night: nobody is open, and the link is well."""
        self.performed.ask(RequestKind.CLOSE_STEP, device="fundus")
        for _ in range(3):
            self.performed.clock.advance(3600)
            self.performed.stage().round()
        self.ris.plan.clear()
        self.performed.send(self.port, hours=3)


@contextmanager
def random_day() -> Iterator[RandomDay]:
    with TemporaryDirectory() as folder, strict_mpps() as (ris, port):
        spool = TestSpool(Path(folder))
        spool.steps.configure(["HIS"])
        spool.steps.answered("HIS", [step(number) for number in PATIENTS])
        yield RandomDay(Performed(spool), ris, port)
        spool.close()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ACTIONS, min_size=6, max_size=18))
def test_the_ris_is_told_the_truth_in_order(actions: list[tuple[str, int]]) -> None:
    with random_day() as day:
        for what, about in actions:
            day.act(what, about)
        day.end()
        assert {state for _, state in day.performed.states()} <= {"done"}
        taken: dict[str, list[str]] = {}
        for what, uid, status in day.ris.said:
            if status == 0:
                taken.setdefault(uid, []).append(what)
        assert all(order == ["N-CREATE", "N-SET"] for order in taken.values())
        assert {status for _, _, status in day.ris.said} <= {0, 0x0111, 0x0110}
        check_lists(day)


def check_lists(day: RandomDay) -> None:
    """Every picture that stands is in one list, of its own patient; what was corrected is in no completed new one."""
    places: dict[str, list[str]] = {}
    for there in day.ris.steps.values():
        for series in there.PerformedSeriesSequence:
            for image in series.ReferencedImageSequence:
                places.setdefault(image.ReferencedSOPInstanceUID, []).append(there.PatientID)
    standing = dict(day.instances.values())
    assert {uid: places.get(uid) for uid in standing} == {uid: [f"P{patient}"] for uid, patient in standing.items()}
    assert set(places) <= set(standing) | day.corrected
