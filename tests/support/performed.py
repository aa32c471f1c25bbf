"""A spool with performed steps and the loops that end and report them, for tests in one process."""

from datetime import datetime, timedelta

from gateway.dimse.peer import Peer, Timeouts
from gateway.domain.checkpoints import Passage, pass_by
from gateway.domain.identifiers import AcquisitionId
from gateway.domain.instance import SpooledObject
from gateway.domain.lanes import Lane
from gateway.domain.objects import LocalStudy, ObjectProfile, Station
from gateway.domain.performed_case import PerformedCase
from gateway.domain.performed_step import PerformedResult
from gateway.domain.procedure import Step
from gateway.domain.requests import RequestKind
from gateway.domain.views import PerformedStepView
from gateway.spool.performed_reports import PerformedReportLedger
from gateway.spool.performed_snapshots import result_from_text
from gateway.spool.performed_steps import ClosingRules, PerformedStepLedger
from gateway.spool.performed_view import PerformedView
from gateway.stages.beat import Beat
from gateway.stages.performing import CloseStepsStage, PerformingRules, new_case
from gateway.stages.report import ReportRules, ReportStage
from gateway.stages.retry import BackOff
from tests.support.ledger import NOON, RLE, SC, TestSpool, step

STATION = Station("Fundus room", "RAMPUR_FC1", "District Hospital", "0.1")
PROFILE = ObjectProfile("secondary-capture")
RULES = ClosingRules(timedelta(minutes=30), timedelta(seconds=15))


class Performed:
    """A spool in which acquisitions join performed steps."""

    def __init__(self, spool: TestSpool) -> None:
        self.spool = spool
        self.clock = spool.clock
        self.ledger = PerformedStepLedger(spool.database, spool.clock)
        self.reports = PerformedReportLedger(spool.database, spool.clock)
        self.reports.configure({"RIS": "as it was"})
        self.made = 0

    def capture(self, *, at: datetime | None = None, exam_key: str = "exam-1") -> AcquisitionId:
        """An acquisition that nobody has looked at yet."""
        self.made += 1
        return self.spool.record(
            f"picture {self.made}".encode(),
            captured_at=at or self.clock.now(),
            mtime_ns=self.made,
            exam_key=exam_key,
            with_file=True,
        )

    def begin(
        self, number: AcquisitionId, subject: Step | LocalStudy | None = None, *, study_uid: str = "2.25.1"
    ) -> tuple[int, PerformedCase]:
        """Match the acquisition and let it join its performed step."""
        about = step() if subject is None else subject
        captured = datetime.fromtimestamp(self.spool.row("acquisition", number)["captured_us"] / 1e6, NOON.tzinfo)
        if isinstance(about, Step):
            self.spool.match(number, about)
            study_uid = about.key.study_instance_uid
        case = new_case(STATION, PROFILE, about, study_uid, captured, sop_class_uid=SC)
        return self.ledger.begin(number, case, peers=("RIS",), captured_at=captured)

    def build(self, number: AcquisitionId, performed: int, study_uid: str = step().key.study_instance_uid) -> str:
        """Make the instance of a matched acquisition; its series and SOP Instance UIDs joined by a slash."""
        identity, _ = self.spool.instances.reserve(
            number, sop_class_uid=SC, study_instance_uid=study_uid, started_at=NOON, performed_step=performed
        )
        spooled = SpooledObject(f"instances/{identity.sop_instance_uid}.dcm", "0" * 64, 1, SC, RLE)
        self.spool.instances.complete(number, identity, spooled, [("main", Lane.NORMAL)], [])
        return f"{identity.series_instance_uid}/{identity.sop_instance_uid}"

    def make(self, subject: Step | None = None, *, exam_key: str = "exam-1") -> tuple[int, str]:
        """Capture, match and build one instance; its performed step and its UIDs."""
        number = self.capture(exam_key=exam_key)
        performed, _ = self.begin(number, subject)
        study_uid = (subject or step()).key.study_instance_uid
        return performed, self.build(number, performed, study_uid)

    def open_step(self, about: Step) -> None:
        """Make a step the active one of the device."""
        self.spool.steps.configure(["HIS"])
        self.spool.steps.answered("HIS", [step(1), step(2)])
        (row,) = self.spool.rows("SELECT id FROM step WHERE step_id = ?", about.key.step_id)
        opened = self.ask(RequestKind.OPEN_STEP, device="fundus", step=str(row["id"]), confirmed="yes")
        assert opened == (True, "opened")

    def ask(self, kind: RequestKind, **payload: str) -> tuple[bool, str]:
        """File a request and carry it out."""
        self.spool.desk.file(kind, payload, by="the test")
        (request,) = self.spool.requests.waiting("assemble")
        self.spool.requests.carry_out(request)
        row = self.spool.rows("SELECT * FROM request WHERE id = ?", request.id)[0]
        return bool(row["ok"]), row["outcome"]

    def look(self) -> None:
        """One round of the closing loop."""
        self.stage().round()

    def stage(self, peers: tuple[str, ...] = ("RIS",), devices: tuple[str, ...] = ("fundus",)) -> CloseStepsStage:
        """The closing loop's work."""
        return CloseStepsStage(
            rules=PerformingRules(dict.fromkeys(devices, RULES), peers),
            steps=self.ledger,
            reports=self.reports,
            health=self.spool.health,
            monotonic=self.clock.monotonic,
        )

    def close(self) -> None:
        """A person ends what is in progress, and its last acquisitions are through."""
        ok, outcome = self.ask(RequestKind.CLOSE_STEP, device="fundus")
        assert ok, outcome
        self.clock.advance(60)
        self.look()

    def lines(self) -> list[PerformedStepView]:
        """The performed steps, oldest first."""
        return list(reversed(PerformedView(self.spool.root, self.clock).steps()))

    def states(self) -> list[tuple[str, str]]:
        """Kind and state of every report in order."""
        return [
            (row["kind"], row["state"]) for row in self.spool.rows("SELECT * FROM performed_step_report ORDER BY id")
        ]

    def results(self) -> list[PerformedResult]:
        """What the final reports say, in the order of the steps."""
        rows = self.spool.rows("SELECT result FROM performed_step WHERE state = 'closed' ORDER BY id")
        return [result_from_text(row["result"]) for row in rows]

    def issues(self) -> list[str]:
        return [row["key"] for row in self.spool.rows("SELECT key FROM issue ORDER BY key")]

    def reporter(self, port: int, passage: Passage = pass_by, beat: Beat = lambda: None) -> ReportStage:
        """The reporting loop's work towards a peer on this machine."""
        waits = Timeouts(connect_s=2, association_s=2, response_s=2, response_s_per_megabyte=0, stall_s=2, release_s=1)
        return ReportStage(
            rules=ReportRules(Peer("RIS", "127.0.0.1", port, "RIS", "BOX", None, waits), BackOff(2, 60)),
            reports=self.reports,
            health=self.spool.health,
            clock=self.clock,
            passage=passage,
            beat=beat,
        )

    def send(self, port: int, *, hours: float = 0) -> None:
        """Let the reporter live until nothing is due, and again after each wait for `hours`."""
        end = self.clock.now() + timedelta(hours=hours)
        stage = self.reporter(port)
        while True:
            while stage.round() == 0.0:
                pass
            if self.clock.now() >= end:
                break
            self.clock.advance(60)
        stage.close()
