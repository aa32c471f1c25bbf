"""A provider's whole loop against wlmscpfs: its delays with C-CANCEL, its switches, DCMTK's own sample worklist."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from gateway.bootstrap.network_verbs import looked_up
from gateway.domain.errors import GatewayError
from gateway.worklist.query import WorklistFilter
from tests.support.ledger import NOON, TestSpool
from tests.support.peers import WorklistScp
from tests.support.provider_loop import ProviderLoop
from tests.support.worklist_items import answer

SAMPLES = Path("/usr/share/doc/dcmtk/examples/wlistdb/OFFIS")
ANY_DAY = WorklistFilter(days_back=None, days_ahead=None)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[TestSpool]:
    made = TestSpool(tmp_path / "spool")
    made.steps.configure(["HIS"])
    yield made
    made.close()


def items(count: int) -> list[Dataset]:
    made = [
        answer(PatientID=f"P{n}", AccessionNumber=f"A{n}", StudyInstanceUID=f"1.2.3.{n + 1}", SpecificCharacterSet=None,
               sps_ScheduledProcedureStepID=f"S{n}", sps_ScheduledProcedureStepStartDate=f"{NOON:%Y%m%d}",
               sps_ScheduledPerformingPhysicianName="Perf^Physician")
        for n in range(count)
    ]  # fmt: skip
    for item in made:
        del item.SpecificCharacterSet
    return made


def loop_of(spool: TestSpool, scp: WorklistScp, wanted: WorklistFilter = ANY_DAY, **changes: object) -> ProviderLoop:
    return ProviderLoop(spool, scp.port, wanted, called=scp.ae_title, **changes)


@pytest.mark.parametrize("options", [("--sleep-before", "2"), ("--sleep-after", "2")])
def test_a_slow_provider_is_waited_for(tmp_path: Path, spool: TestSpool, options: tuple[str, ...]) -> None:
    with WorklistScp(tmp_path, items(4), *options) as scp:
        assert loop_of(spool, scp).stage.ask() == 4
    assert spool.status.issues() == []


def test_answers_that_come_too_slowly_are_cancelled_and_nothing_vanishes(tmp_path: Path, spool: TestSpool) -> None:
    with WorklistScp(tmp_path / "whole", items(8)) as scp:
        assert loop_of(spool, scp).stage.ask() == 8
    with WorklistScp(tmp_path / "slow", items(8), "--sleep-during", "1", "-d") as scp:
        slow = loop_of(spool, scp, within_s=3)
        came = slow.stage.ask()
        shown = slow.answers.round("HIS")
        assert "MatchingTerminatedDueToCancelRequest" in scp.log.read_text(errors="replace")
    assert 0 < came < 8
    assert shown is not None
    assert (shown.came, shown.complete) == (came, False)
    assert "more than 3 s" in shown.note
    assert len(slow.steps()) == 8
    assert [issue.key for issue in spool.status.issues()] == ["worklist.HIS.cut"]


@pytest.mark.parametrize("options", [("-nse",), ("+xi",), ("+xe",), ("-dfr",), ("-s",), ("--no-fail",), ("-u",)])
def test_its_other_switches(tmp_path: Path, spool: TestSpool, options: tuple[str, ...]) -> None:
    with WorklistScp(tmp_path, items(3), *options) as scp:
        assert loop_of(spool, scp).stage.ask() == 3
    assert all(step.usable and not step.doubtful for step in spool.steps.candidates("fundus"))


def test_refused_now_and_welcome_later(tmp_path: Path, spool: TestSpool) -> None:
    with WorklistScp(tmp_path / "refusing", items(2), "--refuse") as scp, pytest.raises(GatewayError):
        loop_of(spool, scp).stage.ask()
    assert [issue.key for issue in spool.status.issues()] == ["worklist.HIS.link"]
    with WorklistScp(tmp_path / "open", items(2)) as scp:
        assert loop_of(spool, scp).stage.ask() == 2
    assert spool.status.issues() == []


def test_one_patient_by_id_number_and_name(tmp_path: Path, spool: TestSpool) -> None:
    with WorklistScp(tmp_path, items(5)) as scp:
        loop = loop_of(spool, scp, WorklistFilter(days_back=0, days_ahead=0, modalities=("CT",)))
        assert loop.stage.ask() == 0
        for wanted in (
            WorklistFilter(patient_id="P3"),
            WorklistFilter(accession_number="A3"),
            WorklistFilter(patient_name="Doe*", patient_id="P3"),
        ):
            ok, outcome, detail = looked_up(wanted, [("HIS", loop.stage)])
            assert (ok, outcome) == (True, "HIS: 1 step(s) found.")
            assert "S3" in detail
        assert loop.stage.ask() == 0
    assert [step.key.step_id for step in loop.steps()] == ["S3"]


@pytest.fixture
def samples(tmp_path: Path) -> list[Dataset]:
    found: list[Dataset] = []
    for dump in sorted(SAMPLES.glob("*.dump")):
        made = tmp_path / f"{dump.stem}.wl"
        subprocess.run(["dump2dcm", "-q", str(dump), str(made)], check=True)
        found.append(dcmread(made))
    assert len(found) == 10
    return found


@pytest.mark.parametrize("character_set", ["-csk", "-cs0", "-cs1"])
def test_the_samples_of_dcmtk(tmp_path: Path, spool: TestSpool, samples: list[Dataset], character_set: str) -> None:
    with WorklistScp(tmp_path, samples, character_set=character_set) as scp:
        loop = loop_of(spool, scp)
        assert loop.stage.ask() == len(samples)
        for _ in range(2):
            loop.stage.ask()
    found = {step.key.study_instance_uid: step for step in loop.steps()}
    assert found.keys() == {str(sample.StudyInstanceUID) for sample in samples}
    for sample in samples:
        step = found[str(sample.StudyInstanceUID)]
        assert step.patient.name == str(sample.PatientName)
        assert step.patient.patient_id == sample.PatientID
        assert step.usable
        assert step.start is not None
    assert not any(step.doubtful for step in found.values())
    assert spool.status.issues() == []


def test_the_samples_by_station(tmp_path: Path, spool: TestSpool, samples: list[Dataset]) -> None:
    def of_station(*titles: str) -> set[str]:
        found = set()
        for sample in samples:
            named = sample.ScheduledProcedureStepSequence[0].ScheduledStationAETitle
            if set(titles) & set([named] if isinstance(named, str) else named):
                found.add(str(sample.StudyInstanceUID))
        return found

    assert of_station("AA32", "AA64")
    with WorklistScp(tmp_path, samples, character_set="-csk") as scp:
        loop = loop_of(spool, scp, replace(ANY_DAY, station_ae_titles=("AA32", "AA64")))
        loop.stage.ask()
    assert {step.key.study_instance_uid for step in loop.steps()} == of_station("AA32", "AA64")
