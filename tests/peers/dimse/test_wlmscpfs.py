"""DCMTK's wlmscpfs, honest and dishonest about character sets, slow and refusing."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydicom import Dataset

from gateway.dimse.find import find_worklist
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.procedure import Step
from gateway.worklist.query import WorklistFilter, admits, query_identifiers
from gateway.worklist.response import parse_response
from tests.peers.dimse.conftest import HASTY, peer_at
from tests.support.peers import WorklistScp
from tests.support.worklist_items import answer

TODAY = date(2026, 11, 21)
ZONE = ZoneInfo("Asia/Kolkata")
NAMES = ["शर्मा^सुनीता", "Yamada^Tarou=山田^太郎=やまだ^たろう", "Иванов^Пётр", "Doe^Jane"]


def items(*character_sets: str) -> list[Dataset]:
    made = []
    for number, name in enumerate(NAMES):
        item = answer(
            PatientName=name,
            PatientID=f"P{number}",
            AccessionNumber=f"A{number}",
            StudyInstanceUID=f"1.2.{number}",
            sps_ScheduledPerformingPhysicianName="Perf^Physician",
        )
        declared = character_sets[number] if number < len(character_sets) else "ISO_IR 192"
        item.SpecificCharacterSet = declared.split("\\")
        made.append(item)
    return made


def ask(scp: WorklistScp, wanted: WorklistFilter, assumed: str | None = None) -> list[Step]:
    found = find_worklist(peer_at(scp.port, scp.ae_title), query_identifiers(wanted, TODAY))
    assert found.complete
    return [
        parse_response(item, provider="HIS", zone=ZONE, assumed_character_set=assumed) for item in found.identifiers
    ]


@pytest.mark.parametrize(
    ("character_set", "assumed", "faulty"),
    [("-csk", None, False), ("-csk", "ISO_IR 192", False), ("-cs0", "ISO_IR 192", True), ("-cs1", "ISO_IR 192", True)],
)
def test_names_arrive_in_unicode_whatever_the_label_says(
    tmp_path: Path, character_set: str, assumed: str | None, faulty: bool
) -> None:
    with WorklistScp(tmp_path, items(), character_set=character_set) as scp:
        steps = ask(scp, WorklistFilter(), assumed)
    assert {step.patient.patient_id: step.patient.name for step in steps} == {
        f"P{n}": name for n, name in enumerate(NAMES)
    }
    for step in steps:
        assert step.usable
        beyond_ascii = not step.patient.name.isascii()
        assert bool(step.faults) is (faulty and beyond_ascii)


def test_unlabelled_names_are_not_guessed_when_nothing_is_assumed(tmp_path: Path) -> None:
    with WorklistScp(tmp_path, items(), character_set="-cs0") as scp:
        steps = ask(scp, WorklistFilter())
    assert {step.patient.patient_id for step in steps if step.usable} == {"P3"}


def test_national_sets_and_code_extensions(tmp_path: Path) -> None:
    sets = ("ISO_IR 192", "\\ISO 2022 IR 87", "ISO_IR 144", "ISO_IR 100")
    with WorklistScp(tmp_path, items(*sets)) as scp:
        steps = ask(scp, WorklistFilter())
    assert {step.patient.name for step in steps} == set(NAMES)
    assert all(step.usable and not step.faults for step in steps)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (WorklistFilter(modalities=("OP",), station_ae_titles=("FC1",)), {"P0", "P1", "P2", "P3"}),
        (WorklistFilter(modalities=("CT",)), set()),
        (WorklistFilter(station_ae_titles=("OTHER",)), set()),
        (WorklistFilter(patient_id="P2", days_back=None, days_ahead=None), {"P2"}),
        (WorklistFilter(accession_number="A3"), {"P3"}),
        (WorklistFilter(days_back=1, days_ahead=1), {"P0", "P1", "P2", "P3"}),
        (WorklistFilter(days_back=-1, days_ahead=5), set()),
    ],
)
def test_filters(tmp_path: Path, wanted: WorklistFilter, expected: set[str]) -> None:
    with WorklistScp(tmp_path, items()) as scp:
        steps = [step for step in ask(scp, wanted) if admits(wanted, step, TODAY, ZONE)]
    assert {step.patient.patient_id for step in steps} == expected


@pytest.mark.parametrize(
    ("options", "phase"),
    [(("--refuse",), Phase.NEGOTIATE), (("--sleep-before", "9"), Phase.QUERY), (("--sleep-during", "9"), Phase.QUERY)],
)
def test_its_fault_switches(tmp_path: Path, options: tuple[str, ...], phase: Phase) -> None:
    with WorklistScp(tmp_path, items(), *options) as scp, pytest.raises(GatewayError) as caught:
        find_worklist(peer_at(scp.port, scp.ae_title, timeouts=HASTY), query_identifiers(WorklistFilter(), TODAY))
    assert caught.value.phase is phase


def test_an_unknown_worklist_is_refused(tmp_path: Path) -> None:
    with WorklistScp(tmp_path, items()) as scp, pytest.raises(GatewayError) as caught:
        find_worklist(peer_at(scp.port, "OTHER"), query_identifiers(WorklistFilter(), TODAY))
    assert caught.value.phase is Phase.NEGOTIATE
    assert caught.value.disposition in {Disposition.PARK, Disposition.RETRY}
