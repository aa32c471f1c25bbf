"""The same with Orthanc: before, an unknown woman with two pictures; after, the order's patient with two new ones."""

from pathlib import Path

from tests.peers.reconcile.test_emergency import KEY_OBJECT, SETTINGS, Clinic, with_active_step
from tests.support.house import House, order
from tests.support.peers import Orthanc


def test_orthanc_holds_old_and_new_and_the_note_that_tells_them_apart(tmp_path: Path) -> None:
    with Orthanc(tmp_path / "orthanc", None, ae_title="PACS") as orthanc:
        house = House(tmp_path / "box", orthanc.port, orders=3, more_settings=SETTINGS.format(policy="replace"))
        with_active_step(house)
        clinic = Clinic(house, tmp_path)
        clinic.run("unscheduled", "open", "camera", "--sex", "F", "--accession-number", "ACC0077")
        clinic.picture(1)
        clinic.picture(2)
        clinic.live()
        clinic.run("step", "close", "camera")
        before = {uid for uid, _ in orthanc.held()}
        assert len(before) == 2
        clinic.order_turns_up(77)
        assert house.live("assemble") == 0
        (step,) = (one for one in house.status().steps() if one.accession_number == "ACC0077")
        clinic.run("reconcile", "confirm", "1", str(step.number))
        clinic.live()
        patients: dict[str, list[tuple[str, bool]]] = {}
        for uid, number in orthanc.held():
            tags = orthanc.tags_of(number)
            patients.setdefault(tags["PatientID"], []).append((tags["SOPClassUID"], uid in before))
            if tags["PatientID"] == "P77":
                assert tags["StudyInstanceUID"] == order(77).key.study_instance_uid
                assert tags["PatientName"] == "Patient^Number77"
    (local_id,) = set(patients) - {"P77"}
    assert [is_old for _, is_old in patients["P77"]] == [False, False]
    notes = [one for one in patients[local_id] if one[0] == KEY_OBJECT]
    assert len(notes) == 1
    assert sorted(is_old for _, is_old in patients[local_id]) == [False, True, True]
