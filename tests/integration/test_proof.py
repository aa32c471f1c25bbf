"""The proof loops on a real ledger: with a prover that fails as told, and with the demo PACS over the loopback."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.dimse.demo_commitment import ReportsTo
from gateway.dimse.demo_peers import DemoPacs
from gateway.dimse.listener import Listening, ReportListener
from gateway.dimse.peer import Peer, Timeouts
from gateway.dimse.status import PeerRefused, action_meaning
from gateway.domain.commitment import ProofReport, ProofRequest
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.instance import StoreOutcome
from gateway.spool.commitments import CommitmentLedger
from gateway.spool.database import Database
from gateway.spool.proof_outcomes import ProofPace
from gateway.stages.confirm import CommitmentProver, ConfirmStage, ProofRules, Prover
from gateway.stages.listen import ListenStage, reporter_of_its_own
from gateway.stages.retry import BackOff
from tests.support.ledger import TestSpool, fault
from tests.support.pki import Pki, make_pki

PACE = ProofPace(idle_s=30, report_s=86_400, early_s=0, again_s=60)
PEER = Peer("main", "localhost", 1, "DEMOPACS", "BOX")


class Told:
    """A prover that does what it is told, one thing a round, and remembers what it was asked."""

    def __init__(self, *faults: GatewayError | None) -> None:
        self._faults = list(faults)
        self.asked: list[ProofRequest] = []

    def prove(self, request: ProofRequest) -> None:
        self.asked.append(request)
        told = self._faults.pop(0) if self._faults else None
        if told is not None:
            raise told


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[TestSpool]:
    made = TestSpool(tmp_path / "spool")
    yield made
    made.close()


def stored(spool: TestSpool, count: int) -> list[str]:
    """Instances that the PACS has stored; their UIDs."""
    for number in range(count):
        spool.deliverable(exam_key=f"exam-{number}", content=b"%d" % number)
    for delivery in spool.deliveries.claim_due("main", spool.run("forward"), 100):
        spool.deliveries.stored(delivery, StoreOutcome(0), spool.clock.now())
    spool.clock.advance(60)
    return [row["sop_instance_uid"] for row in spool.rows("SELECT sop_instance_uid FROM instance ORDER BY id")]


def ledger_of(spool: TestSpool) -> CommitmentLedger:
    return CommitmentLedger(spool.database, spool.clock, {"main": PACE})


def stage_of(spool: TestSpool, prover: Prover, *, rounds: int = 3) -> ConfirmStage:
    return ConfirmStage(
        destination="main",
        rules=ProofRules(500, rounds, BackOff(2, 300)),
        prover=prover,
        commitments=ledger_of(spool),
        health=spool.health,
        clock=spool.clock,
    )


def states(spool: TestSpool) -> set[str]:
    return {row["state"] for row in spool.rows("SELECT state FROM delivery")}


def issues(spool: TestSpool) -> dict[str, str]:
    return {issue.key: issue.severity for issue in spool.status.issues()}


def test_it_asks_once_and_at_its_own_pace(spool: TestSpool) -> None:
    stored(spool, 2)
    told = Told()
    stage = stage_of(spool, told)
    for _ in range(5):
        stage.round()
        spool.clock.advance(0.5)
    assert [len(request.items) for request in told.asked] == [2]


def test_trouble_with_the_link_backs_off_shows_and_goes(spool: TestSpool) -> None:
    stored(spool, 1)
    told = Told(fault(), fault())
    stage = stage_of(spool, told)
    rests = []
    for _ in range(2):
        rests.append(stage.round())
        spool.clock.advance(rests[-1])
    assert 1 <= rests[0] <= 2 <= rests[1] <= 4
    assert issues(spool) == {"proof.main.link": "attention"}
    stage.round()
    assert issues(spool) == {}
    assert len({request.transaction_uid for request in told.asked}) == 3
    assert spool.row("delivery", 1)["proof_rounds"] == 0


def test_a_refusal_waits_long_and_counts(spool: TestSpool) -> None:
    stored(spool, 1)
    refusals = [PeerRefused(PEER, action_meaning(0x0124), 0x0124, "", Phase.COMMIT) for _ in range(3)]
    stage = stage_of(spool, Told(*refusals))
    for _ in range(3):
        assert stage.round() == pytest.approx(300)
        spool.clock.advance(301)
    assert issues(spool) == {"proof.main.link": "danger", "proof.main.rounds": "danger"}
    (row,) = [issue for issue in spool.status.issues() if issue.key.endswith("rounds")]
    assert "1 object(s) that main has stored are still not proven" in row.text
    assert states(spool) == {"stored"}


def test_a_report_that_never_comes_is_asked_for_anew_until_an_issue_says_so(spool: TestSpool) -> None:
    stored(spool, 1)
    told = Told()
    stage = stage_of(spool, told)
    for _ in range(4):
        stage.round()
        spool.clock.advance(86_400)
    assert len({request.transaction_uid for request in told.asked}) == 4
    assert issues(spool) == {"proof.main.rounds": "danger"}
    last = told.asked[-1]
    pair = (str(last.items[0].sop_class_uid), str(last.items[0].sop_instance_uid))
    ledger_of(spool).report(ProofReport(last.transaction_uid, frozenset({pair}), {}))
    spool.clock.advance(5)
    stage.round()
    assert issues(spool) == {}
    assert states(spool) == {"committed"}


def test_a_crash_while_it_asks_is_asked_anew_by_the_next_life(spool: TestSpool) -> None:
    class PowerCut(BaseException):
        pass

    class Dies:
        def prove(self, request: ProofRequest) -> None:
            del request
            raise PowerCut

    stored(spool, 1)
    with pytest.raises(PowerCut):
        stage_of(spool, Dies()).round()
    told = Told()
    stage_of(spool, told).round()
    assert len(told.asked) == 1
    assert {row["state"] for row in spool.rows("SELECT state FROM commitment")} == {"refused", "asking"}


# -- with the demo PACS -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


@contextmanager
def listening(spool: TestSpool, pki: Pki) -> Iterator[int]:
    """The listening loop with its own ledger connections; its port."""
    take = reporter_of_its_own(lambda: Database(spool.root), spool.clock, {"main": PACE})
    listener = ReportListener(Listening("127.0.0.1", 0, frozenset({"BOX"}), pki.files("box")), take)
    stage, stop = ListenStage(listener, wait_s=0.05), threading.Event()

    def live() -> None:
        while not stop.is_set():
            stage.round()

    thread = threading.Thread(target=live)
    thread.start()
    yield listener.port
    stop.set()
    thread.join()
    stage.close()


def prover_of(spool: TestSpool, pacs: DemoPacs, pki: Pki, *, wait_s: float) -> CommitmentProver:
    peer = Peer("main", "localhost", pacs.port, "DEMOPACS", "BOX", pki.files("box"), Timeouts())
    return CommitmentProver(peer, ledger_of(spool), wait_s=wait_s, beat=lambda: None)


def until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(400):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come about")


def test_a_report_on_the_same_association(spool: TestSpool, tmp_path: Path, pki: Pki) -> None:
    uids = stored(spool, 3)
    with DemoPacs(tmp_path / "pacs", tls=pki.files("pacs"), commits=True) as pacs:
        for uid in uids[:2]:
            (pacs.folder / f"{uid}.dcm").touch()
        stage_of(spool, prover_of(spool, pacs, pki, wait_s=30)).round()
        until(lambda: pacs.commitment.answers == [0])
    assert [row["state"] for row in spool.rows("SELECT state FROM delivery ORDER BY id")] == [
        "committed", "committed", "pending"
    ]  # fmt: skip


def test_a_report_on_a_new_association_ends_the_waiting(spool: TestSpool, tmp_path: Path, pki: Pki) -> None:
    uids = stored(spool, 2)
    with listening(spool, pki) as port:
        to = ReportsTo(port, "BOX", tls=pki.files("pacs"))
        with DemoPacs(tmp_path / "pacs", tls=pki.files("pacs"), commits=True, reports_to=to) as pacs:
            for uid in uids:
                (pacs.folder / f"{uid}.dcm").touch()
            stage_of(spool, prover_of(spool, pacs, pki, wait_s=60)).round()
            until(lambda: pacs.commitment.answers == [0])
    assert states(spool) == {"committed"}


def test_a_ledger_that_cannot_take_a_report_says_so(spool: TestSpool) -> None:
    def broken() -> Database:
        raise GatewayError("no", disposition=Disposition.HALT, phase=Phase.SPOOL)

    take = reporter_of_its_own(broken, spool.clock, {})
    with pytest.raises(GatewayError, match="cannot take a commitment report"):
        take(ProofReport("1.2", frozenset(), {}))
