"""Power cuts while performed steps begin, end and are reported: PACS and RIS agree on every instance in the end."""

from pathlib import Path

import pytest
from pydicom import dcmread

from gateway.bootstrap.people import ask, open_performed
from gateway.domain.checkpoints import Checkpoint
from gateway.domain.requests import RequestKind
from tests.support.dcmtk import storescp
from tests.support.house import House, KillAt
from tests.support.mpps_scp import strict_mpps
from tests.support.ports import free_port

_MPPS = """
[[mpps]]
name = "RIS"
address = "127.0.0.1:{port}"
ae_title = "RIS"
timeouts = {{ connect_s = 2, association_s = 2, response_s = 2, stall_s = 2 }}
retry = {{ base_s = 0.1, cap_s = 1 }}
"""
_AT_ONCE = "\n[performed_step]\nsettle_s = 0\n"
_ROLE_OF = {"assemble": "assemble", "report": "forward"}
_POINTS = [point for point in Checkpoint if point.value.partition(".")[0] in _ROLE_OF]


@pytest.mark.timeout(600)
def test_pacs_and_ris_agree_whenever_power_fails(tmp_path: Path) -> None:
    port = free_port()
    with strict_mpps() as (ris, ris_port), storescp(tmp_path / "pacs", port):
        house = House(tmp_path / "box", port, more_settings=_MPPS.format(port=ris_port), more_of_device=_AT_ONCE)
        for number, point in enumerate(_POINTS):
            house.drop(number, of_order=number % 2)
            assert house.live("capture/camera") == 0
            victim = _ROLE_OF[point.value.partition(".")[0]]
            if victim == "forward":
                assert house.live("assemble") == 0
                end_steps(house)
            assert house.live(victim, KillAt(point)) == -9, f"{point} was never passed"
            house.live_through()
            if number % 3 == 2:
                end_steps(house)
        end_steps(house)
        house.live_through()
        house.live_through()
    at_pacs = [dcmread(path) for path in (tmp_path / "pacs").iterdir() if path.is_file()]
    assert len(at_pacs) == len(_POINTS)
    refers = {(one.ReferencedPerformedProcedureStepSequence[0].ReferencedSOPInstanceUID, one.SeriesInstanceUID,
               one.SOPInstanceUID) for one in at_pacs}  # fmt: skip
    lists = {
        (uid, series.SeriesInstanceUID, image.ReferencedSOPInstanceUID)
        for uid, there in ris.steps.items()
        for series in there.PerformedSeriesSequence
        for image in series.ReferencedImageSequence
    }
    assert refers == lists
    for image in at_pacs:
        there = ris.steps[image.ReferencedPerformedProcedureStepSequence[0].ReferencedSOPInstanceUID]
        assert there.PerformedProcedureStepStatus == "COMPLETED"
        assert (image.PatientID, image.PerformedProcedureStepID) == (there.PatientID, there.PerformedProcedureStepID)
    assert [line.reports for line in open_performed(house.settings).steps(unfinished=True)] == []


def end_steps(house: House) -> None:
    """A person closes the device, and the assembling role sees it."""
    ask(house.settings, RequestKind.CLOSE_STEP, {"device": "camera"}, by="the test")
    assert house.live("assemble") == 0


@pytest.mark.timeout(120)
def test_images_go_their_way_while_the_ris_is_away(tmp_path: Path) -> None:
    port, nobody = free_port(), free_port()
    with storescp(tmp_path / "pacs", port):
        more = _MPPS.format(port=nobody)
        house = House(tmp_path / "box", port, more_settings=more, more_of_device=_AT_ONCE)
        house.drop(1)
        house.live_through()
        assert len([path for path in (tmp_path / "pacs").iterdir() if path.is_file()]) == 1
        (line,) = open_performed(house.settings).steps(unfinished=True)
        assert [(report.kind, report.state) for report in line.reports] == [("create", "pending")]
