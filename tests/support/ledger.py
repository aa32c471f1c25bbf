"""Small builders for tests that need a ledger: a clock that can be set, a spool, findings, steps, deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gateway.domain.acquisition import AcquisitionKind, Finding, FindingPart, Hint, PartRole
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.identifiers import AcquisitionId, Uid, mint_uid
from gateway.domain.instance import SpooledObject
from gateway.domain.lanes import Lane
from gateway.domain.procedure import Match, MatchRule, Patient, Step, StepKey
from gateway.spool.acquisitions import AcquisitionLedger
from gateway.spool.captures import CaptureLedger, StoredPart
from gateway.spool.database import Database, migrate
from gateway.spool.deliveries import DeliveryLedger
from gateway.spool.destinations import DestinationLedger
from gateway.spool.files import SpoolFiles
from gateway.spool.health import HealthLedger
from gateway.spool.instances import InstanceLedger
from gateway.spool.requests import RequestLedger, SpoolRequestDesk
from gateway.spool.runs import Run, begin_run
from gateway.spool.status import LedgerStatus
from gateway.spool.steps import StepLedger
from gateway.spool.upkeep import Upkeep

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=ZoneInfo("Asia/Kolkata"))
SC = Uid("1.2.840.10008.5.1.4.1.1.7")
RLE = Uid("1.2.840.10008.1.2.5")


class SetClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, moment: datetime = NOON) -> None:
        self.moment = moment
        self.seconds = 1000.0

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Let time pass on both hands."""
        self.moment += timedelta(seconds=seconds)
        self.seconds += seconds

    def put_back(self, seconds: float) -> None:
        """Set the wall clock back, as a person or a time server does; the monotonic hand does not notice."""
        self.moment -= timedelta(seconds=seconds)


@dataclass
class TestSpool:
    """A migrated spool in a temporary directory with one connection and all that works on it."""

    __test__ = False

    root: Path
    clock: SetClock = field(default_factory=SetClock)

    def __post_init__(self) -> None:
        migrate(self.root)
        self.database = Database(self.root)
        self.files = SpoolFiles(self.root, role="capture@fundus")
        self.files.prepare()
        self.captures = CaptureLedger(self.database, self.clock)
        self.acquisitions = AcquisitionLedger(self.database, self.clock)
        self.instances = InstanceLedger(self.database, self.clock)
        self.deliveries = DeliveryLedger(self.database, self.clock)
        self.destinations = DestinationLedger(self.database, self.clock)
        self.steps = StepLedger(self.database, self.clock)
        self.health = HealthLedger(self.database, self.clock)
        self.upkeep = Upkeep(self.database, self.files, self.clock)
        self.requests = RequestLedger(self.database, self.root, self.clock)
        self.desk = SpoolRequestDesk(self.root, self.clock)
        self.status = LedgerStatus(self.root, self.clock, ["fundus"])

    def close(self) -> None:
        """Close the connection."""
        self.database.close()

    def run(self, role: str = "assemble") -> Run:
        """Begin a run of a role."""
        return begin_run(self.database, role, self.clock.now())

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """What a query gives, as plain dictionaries."""
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(sql, values)]

    def row(self, table: str, number: int) -> dict[str, Any]:
        """One row of a table by its id."""
        return self.rows(f"SELECT * FROM {table} WHERE id = ?", number)[0]  # noqa: S608 - test tables are literals

    def run_sql(self, sql: str, *values: object) -> None:
        """Do something to the ledger that no part of the gateway would."""
        with self.database.write() as connection:
            connection.execute(sql, values)

    def journal(self) -> list[tuple[str, str]]:
        """Events and subjects in order."""
        return [(row["event"], row["subject"]) for row in self.rows("SELECT * FROM journal ORDER BY id")]

    def place(self, content: bytes, folder: str, name: str) -> str:
        """A file of the spool."""
        with self.files.new_file() as (stream, temporary):
            stream.write(content)
        return self.files.place(temporary, folder, name)

    def record(
        self, content: bytes = b"picture", *, device: str = "fundus", with_file: bool = False, **of_finding: Any
    ) -> AcquisitionId:
        """A captured acquisition."""
        offered = finding(content, **of_finding)
        digest = sha256(content).hexdigest()
        number = len(self.rows("SELECT id FROM acquisition")) + 1
        path = f"acquisitions/{device}/{number}"
        if with_file:
            self.place(content, f"acquisitions/{device}", str(number))
        return self.captures.record(device, offered, [StoredPart(offered.parts[0], digest, len(content), path)])

    def match(self, number: AcquisitionId, about: Step | None = None) -> Step:
        """Tie an acquisition to a step."""
        about = about or step()
        rule = Match(about.key, MatchRule.ACCESSION_NUMBER, "the accession numbers are equal")
        self.acquisitions.matched(number, rule, about, actor="assemble")
        return about

    def assemble(self, number: AcquisitionId, destinations: Sequence[str] = ("main",), *, content: bytes = b"") -> Uid:
        """Build the instance of a matched acquisition and owe it to `destinations`."""
        identity, _ = self.instances.reserve(
            number, sop_class_uid=SC, study_instance_uid=step().key.study_instance_uid, started_at=self.clock.now()
        )
        path = f"instances/{identity.sop_instance_uid}.dcm"
        if content:
            self.place(content, "instances", f"{identity.sop_instance_uid}.dcm")
        digest = sha256(content).hexdigest()
        spooled = SpooledObject(path, digest, len(content), SC, RLE)
        lanes = [(name, Lane.NORMAL) for name in destinations]
        self.instances.complete(number, identity, spooled, lanes, ["a note"])
        return identity.sop_instance_uid

    def deliverable(
        self, destinations: Sequence[str] = ("main",), *, content: bytes | None = None, **of_finding: Any
    ) -> AcquisitionId:
        """A captured, matched and assembled acquisition with its deliveries; with real files if `content` is given."""
        unique = content if content is not None else mint_uid().encode()
        number = self.record(unique, with_file=content is not None, **of_finding)
        self.match(number)
        self.assemble(number, destinations, content=b"DICM" + content if content is not None else b"")
        return number


def finding(
    content: bytes = b"picture",
    *,
    name: bytes = b"eye.jpg",
    exam_key: str = "exam-1",
    captured_at: datetime = NOON,
    mtime_ns: int = 1,
    hints: tuple[Hint, ...] = (),
    fault: GatewayError | None = None,
    sidecar: bytes | None = None,
) -> Finding:
    """What a source offers."""
    parts = [FindingPart(PartRole.PRIMARY, name, len(content), mtime_ns)]
    if sidecar is not None:
        parts.append(FindingPart(PartRole.SIDECAR, name + b".xml", len(sidecar), mtime_ns))
    return Finding(AcquisitionKind.IMAGE_FILE, exam_key, captured_at, tuple(parts), hints, fault)


def step(number: int = 1, *, provider: str = "HIS", start: datetime | None = NOON, **changes: Any) -> Step:
    """A worklist step; different numbers are different patients, studies and orders."""
    facts: dict[str, Any] = {
        "key": StepKey(provider, f"1.2.3.{number}", f"SPS{number}"),
        "patient": Patient(f"P{number}", "HOSP", "Dēvī^Sītā", "19800131", "F"),
        "accession_number": f"A{number}",
        "requested_procedure_id": f"RP{number}",
        "requested_procedure_description": "Fundus photography",
        "description": "Both eyes",
        "modality": "OP",
        "station_ae_title": "RAMPUR_FC1",
        "start": start.astimezone(UTC) if start else None,
    }
    return Step(**{**facts, **changes})


def fault(disposition: Disposition = Disposition.RETRY, phase: Phase = Phase.CONNECT, code: str = "") -> GatewayError:
    """A fault of any kind."""
    return GatewayError("It did not work.", disposition=disposition, phase=phase, remedy="Look at it.", code=code)
