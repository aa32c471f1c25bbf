"""Performed steps taken by an SCP that shares no code with us: what it read is what we meant."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.domain.requests import RequestKind
from tests.support.ledger import TestSpool, step
from tests.support.node_peers import NodeMpps
from tests.support.performed import Performed


@pytest.fixture
def ris(dcmjs: Path, tmp_path: Path) -> Iterator[NodeMpps]:
    with NodeMpps(dcmjs, tmp_path) as peer:
        yield peer


@pytest.fixture
def performed(tmp_path: Path) -> Iterator[Performed]:
    spool = TestSpool(tmp_path / "spool")
    yield Performed(spool)
    spool.close()


def name_of(value: object) -> str:
    """The alphabetic part of a Patient's Name, in whichever form the library gives it."""
    found = value[0] if isinstance(value, list) else value
    return str(found["Alphabetic"] if isinstance(found, dict) else found)


def test_a_completed_step_arrives_as_it_was_meant(ris: NodeMpps, performed: Performed) -> None:
    made = [performed.make()[1] for _ in range(2)]
    performed.send(ris.port)
    performed.close()
    performed.send(ris.port)
    created, changed = ris.messages(2)
    (line,) = performed.lines()
    assert [created["operation"], changed["operation"]] == ["N-CREATE", "N-SET"]
    assert created["uid"] == changed["uid"] == line.sop_instance_uid
    said = created["elements"]
    assert said["PerformedProcedureStepStatus"] == "IN PROGRESS"
    assert said["PerformedProcedureStepID"] == line.id
    assert name_of(said["PatientName"]) == "Dēvī^Sītā"
    assert said["PatientID"] == "P1"
    (scheduled,) = said["ScheduledStepAttributesSequence"]
    assert scheduled["StudyInstanceUID"] == step().key.study_instance_uid
    assert (scheduled["AccessionNumber"], scheduled["ScheduledProcedureStepID"]) == ("A1", "SPS1")
    ended = changed["elements"]
    assert ended["PerformedProcedureStepStatus"] == "COMPLETED"
    (series,) = ended["PerformedSeriesSequence"]
    images = [one["ReferencedSOPInstanceUID"] for one in series["ReferencedImageSequence"]]
    assert [f"{series['SeriesInstanceUID']}/{uid}" for uid in images] == made
    assert performed.states() == [("create", "done"), ("set", "done")]


def test_a_discontinued_step_arrives_with_its_reason(ris: NodeMpps, performed: Performed) -> None:
    performed.make()
    performed.ask(RequestKind.CLOSE_STEP, device="fundus", discontinue="110505")
    performed.clock.advance(60)
    performed.look()
    performed.send(ris.port)
    _, changed = ris.messages(2)
    assert changed["elements"]["PerformedProcedureStepStatus"] == "DISCONTINUED"
    (reason,) = changed["elements"]["PerformedProcedureStepDiscontinuationReasonCodeSequence"]
    assert (reason["CodeValue"], reason["CodingSchemeDesignator"]) == ("110505", "DCM")


def operations(ris: NodeMpps, count: int) -> list[str]:
    return [message["operation"] for message in ris.messages(count)]


@pytest.mark.parametrize("cut", [1, 2])
def test_a_lost_answer_is_no_second_step_and_no_alarm(
    dcmjs: Path, tmp_path: Path, performed: Performed, cut: int
) -> None:
    """The first try was taken: 0111 to the repeated start, 0110 without an Error ID to the repeated end, say so."""
    with NodeMpps(dcmjs, tmp_path, cut_after=(cut,)) as ris:
        performed.make()
        performed.close()
        performed.send(ris.port, hours=1)
        assert operations(ris, 2) == ["N-CREATE", "N-SET"]
    assert performed.states() == [("create", "done"), ("set", "done")]
    assert performed.issues() == []


def test_a_peer_that_is_restarted_in_the_middle_gets_the_end(dcmjs: Path, tmp_path: Path, performed: Performed) -> None:
    with NodeMpps(dcmjs, tmp_path) as ris:
        performed.make()
        performed.send(ris.port)
        port = ris.port
    performed.close()
    performed.send(port)
    assert performed.states() == [("create", "done"), ("set", "pending")]
    with NodeMpps(dcmjs, tmp_path, port=port) as ris:
        performed.send(port, hours=1)
        assert operations(ris, 2) == ["N-CREATE", "N-SET"]
    assert performed.states() == [("create", "done"), ("set", "done")]


def test_a_peer_that_lost_everything_is_told_the_start_again(dcmjs: Path, tmp_path: Path, performed: Performed) -> None:
    with NodeMpps(dcmjs, tmp_path) as ris:
        performed.make()
        performed.send(ris.port)
    (tmp_path / "messages.jsonl").unlink()
    with NodeMpps(dcmjs, tmp_path) as ris:
        performed.close()
        performed.send(ris.port, hours=1)
        assert operations(ris, 2) == ["N-CREATE", "N-SET"]
    assert performed.states() == [("create", "done"), ("set", "done")]
