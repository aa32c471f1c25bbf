"""The power fails anywhere while an emergency is reconciled: the archive ends with the same objects, each once."""

from pathlib import Path

import pytest
from pydicom import dcmread

from gateway.domain.checkpoints import Checkpoint
from gateway.domain.requests import RequestKind
from gateway.spool.requests import SpoolRequestDesk
from tests.peers.reconcile.test_emergency import KEY_OBJECT, Clinic, clinic, emergency
from tests.support.house import KillAt

__all__ = ["clinic"]


@pytest.mark.parametrize("clinic", ["replace"], indirect=True)
@pytest.mark.parametrize(
    ("point", "nth"),
    [
        (Checkpoint.CORRECT_LINKED, 1),
        (Checkpoint.NOTE_WRITTEN, 1),
        (Checkpoint.NOTE_COMMITTED, 1),
        (Checkpoint.ASSEMBLE_RESERVED, 2),
        (Checkpoint.ASSEMBLE_RENAMED, 1),
    ],
)
def test_the_archive_ends_with_the_same_whatever_moment_it_is(clinic: Clinic, point: Checkpoint, nth: int) -> None:
    before = set(emergency(clinic))
    clinic.order_turns_up(77)
    assert clinic.house.live("assemble") == 0
    status = clinic.house.status()
    (step,) = (one for one in status.steps() if one.accession_number == "ACC0077")
    payload = {"local_study": "1", "step": str(step.number), "operator": "Nurse A"}
    SpoolRequestDesk(clinic.house.spool, status._clock).file(RequestKind.RECONCILE, payload, by="page")
    assert clinic.house.live("assemble", KillAt(point, nth)) == -9
    clinic.live()
    held = [dcmread(path) for path in Path(clinic.archive).iterdir()]
    assert len(held) == len({d.SOPInstanceUID for d in held}) == 5
    assert sum(d.SOPClassUID == KEY_OBJECT for d in held) == 1
    new = [d for d in held if d.SOPInstanceUID not in before and d.SOPClassUID != KEY_OBJECT]
    assert {(d.PatientID, d.AccessionNumber) for d in new} == {("P77", "ACC0077")}
    assert len(clinic.rows("SELECT 1 FROM reconciliation")) == 1
