"""A day in a clinic without a link, with real peers and the real roles: nothing may end under a wrong patient.

In the morning the worklist comes; then the link goes. Three patients are examined through the step that an operator
opens, one comes as an emergency without an order, one picture comes when nobody is open, and twice pictures are taken
under the wrong patient's step: one mistake is corrected while the link is still away, one after everything was sent.
In the evening the link returns, and with it the emergency's order.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from gateway.bootstrap.local_studies import open_local_studies
from gateway.bootstrap.people import open_performed
from gateway.bootstrap.settings import load_configuration
from tests.peers.chain.box import Box, Peer
from tests.peers.chain.orders import CYRILLIC, HINDI, JAPANESE, entry
from tests.support.clinic import Archive, Cable, Operator, listed_images, png, read_marker, report_order
from tests.support.fault_proxy import FaultProxy
from tests.support.mpps_scp import StrictMpps, strict_mpps
from tests.support.peers import Orthanc, WorklistScp, write_worklist

A, B, C, EMERGENCY = 1, 2, 3, 9
NAMES = {A: HINDI, B: JAPANESE, C: CYRILLIC, EMERGENCY: "Emergency^Elena"}
_CAMERA = """\
profile = "photo-camera-folder"
[source]
path = "drop/camera"
settle_s = 0.1
poll_s = 0.2
after = "delete"
[object]
laterality = "U"
[match]
rules = ["active_step"]
modalities = []
[performed_step]
settle_s = 0.5
"""
_RETRY = "retry = { base_s = 0.2, cap_s = 2 }\n"


@dataclass
class Day:
    """What is left when the day is over."""

    archive: Archive
    ris: StrictMpps
    box: Box
    before_evening: dict[str, str]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    root = tmp_path_factory.mktemp("clinic")
    with ExitStack() as stack:
        worklist = stack.enter_context(WorklistScp(root / "ris", [entry(n, NAMES[n]) for n in (A, B, C)]))
        pacs = stack.enter_context(Orthanc(root / "pacs", None))
        ris, mpps_port = stack.enter_context(strict_mpps())
        proxies = [stack.enter_context(FaultProxy(port)) for port in (worklist.port, pacs.port, mpps_port)]
        ask, store, report = (proxy.port for proxy in proxies)
        peers = [
            Peer(
                "worklist", "HIS", ask, worklist.ae_title, more='refresh_s = 5\nassumed_character_set = "ISO_IR 192"\n'
            ),
            Peer("destination", "main", store, pacs.ae_title, more='reconciliation = "replace"\n'),
            Peer("mpps", "RIS", report, "RIS", more=_RETRY),
        ]
        box = Box(root / "box", root, peers, {"camera": _CAMERA})
        person, cable = Operator(box, "Asha"), Cable(proxies)
        with box.running():
            box.until(lambda: len(list(box.status().steps())) == 3, "the worklist did not come")
            cable.pull()
            examine(box, person, A, [(A, 1), (A, 2), (B, 1)])  # the last one: nobody had opened B
            examine(box, person, B, [(B, 2)])
            box.until(lambda: box.status().providers()[0].error, "the box does not notice that the link is away")
        # the box is switched off over lunch
        with box.running():
            examine(box, person, C, [(C, 1), (A, 3)])  # A came back, and nobody noticed before the evening
            person.says("step", "close", "camera")
            late_picture(box, person, (C, 2))
            emergency(box, person)
            correct(box, person, (B, 1), B)
            before = {row.display_name: row.patient_id for row in box.rows()}
            assert pacs.instances() == []
            assert ris.said == []
            write_worklist(root / "ris" / worklist.ae_title, [entry(n, NAMES[n]) for n in (A, B, C, EMERGENCY)])
            cable.plug()
            evening(box, person)
            settle(box, person)
        yield Day(Archive(pacs), ris, box, before)


def examine(box: Box, person: Operator, opened: int, shots: list[tuple[int, int]]) -> None:
    """Open a patient and take pictures; the next step waits until they are objects."""
    person.opens("camera", f"ACC{opened}")
    for patient, shot in shots:
        box.drop("camera", f"{patient}-{shot}.png", png(patient, shot))
    wait_assembled(box, shots)


def wait_assembled(box: Box, shots: list[tuple[int, int]]) -> None:
    names = {f"{patient}-{shot}.png" for patient, shot in shots}
    box.until(
        lambda: names <= {row.display_name for row in box.rows() if row.state == "assembled"}, f"not made: {names}"
    )


def late_picture(box: Box, person: Operator, shot: tuple[int, int]) -> None:
    """A picture that comes when nobody is open is nobody's until a person says whose."""
    box.drop("camera", f"{shot[0]}-{shot[1]}.png", png(*shot))
    box.until(lambda: len(list(box.status().acquisitions(state="held"))) == 1, "the late picture is not held")
    person.says("hold", "assign", person.number_of(f"ACC{shot[0]}"), str(box.row(f"{shot[0]}-{shot[1]}.png").id))
    wait_assembled(box, [shot])


def emergency(box: Box, person: Operator) -> None:
    """A patient without an order gets an identity of this box."""
    known = ("--patient-name", NAMES[EMERGENCY], "--birth-date", "19700102", "--sex", "F")
    person.says("unscheduled", "open", "camera", *known, "--confirmed")  # the one before was here a moment ago
    shots = [(EMERGENCY, 1), (EMERGENCY, 2)]
    for shot in shots:
        box.drop("camera", f"{shot[0]}-{shot[1]}.png", png(*shot))
    wait_assembled(box, shots)
    person.says("step", "close", "camera")


def correct(box: Box, person: Operator, shot: tuple[int, int], to: int) -> None:
    """A picture is another patient's."""
    number = str(box.row(f"{shot[0]}-{shot[1]}.png").id)
    step = person.number_of(f"ACC{to}")
    person.says("correct", number, "--step", step, "--reason", "wrong step was open", "--operator", person.name)


def evening(box: Box, person: Operator) -> None:
    """Everything goes its way; then the emergency is reconciled with her order, and the last mistake is found."""
    box.until(lambda: box.stored_at("main") == 9, "not everything arrives")
    box.until(lambda: len(list(box.status().steps())) == 4, "the emergency's order does not come")
    box.until(lambda: suggestions(box), "nobody suggests the emergency's order")
    ((study, step),) = suggestions(box)
    assert step == person.number_of(f"ACC{EMERGENCY}")
    assert person.says("reconcile", "list").count("suggestion") == 1
    person.says("reconcile", "confirm", study, step, "--operator", person.name)
    correct(box, person, (A, 3), A)


def suggestions(box: Box) -> list[tuple[str, str]]:
    """Local studies with the steps that may be their orders, as the box found them."""
    waiting = open_local_studies(load_configuration(box.config)).to_reconcile()
    return [(str(one.study.number), str(found.step.number)) for one in waiting for found in one.suggestions]


def settle(box: Box, person: Operator) -> None:
    """Nothing is owed any more, to the PACS or to the RIS."""
    performed = open_performed(load_configuration(box.config))
    notes = 2  # one for the emergency's two pictures, one for the mistake
    box.until(lambda: box.stored_at("main") == 9 + 3 + notes, "what was built anew does not arrive")
    person.says("step", "close", "camera")  # nobody is open: this ends the examinations that go on
    box.until(lambda: not any(d.state in {"pending", "sending"} for row in box.rows() for d in row.deliveries), "owed")
    box.until(lambda: not performed.steps(unfinished=True), "the RIS is still owed something")


def right_patient(number: int) -> str:
    return f"P{number}"


def test_no_standing_image_is_under_a_wrong_patient(day: Day) -> None:
    standing = {read_marker(image): image for image in day.archive.standing()}
    taken = {(A, 1), (A, 2), (A, 3), (B, 1), (B, 2), (C, 1), (C, 2), (EMERGENCY, 1), (EMERGENCY, 2)}
    assert set(standing) == taken
    assert len(day.archive.standing()) == len(taken), "a picture stands there twice"
    for (patient, _), image in standing.items():
        assert (image.PatientID, str(image.PatientName)) == (right_patient(patient), NAMES[patient])
        assert image.StudyInstanceUID == f"1.2.826.0.1.3680043.8.498.77.{patient}"
        assert image.AccessionNumber == f"ACC{patient}"


def test_only_what_left_wrongly_is_rejected_and_nothing_else(day: Day) -> None:
    """One mistake was corrected before the link came back: the PACS never saw it. The other one it is told of."""
    rejected = {read_marker(day.archive.images[uid]) for uid in day.archive.rejected}
    assert rejected == {(A, 3), (EMERGENCY, 1), (EMERGENCY, 2)}
    wrong = [image for uid, image in day.archive.images.items() if uid in day.archive.rejected]
    assert {right_patient(C)} == {str(image.PatientID) for image in wrong if read_marker(image)[0] == A}
    assert len(day.archive.images) == len(day.archive.standing()) + len(wrong)
    assert not [
        image for image in day.archive.images.values() if read_marker(image) == (B, 1) and image.PatientID != "P2"
    ]


def test_the_emergency_had_an_identity_of_this_box_until_its_order_came(day: Day) -> None:
    local = {day.before_evening[f"{EMERGENCY}-{shot}.png"] for shot in (1, 2)}
    assert len(local) == 1
    assert local.isdisjoint({right_patient(number) for number in NAMES} | {""})


def test_every_performed_step_was_told_in_order_and_once(day: Day) -> None:
    taken = report_order(day.ris.said)
    assert set(map(tuple, taken.values())) == {("N-CREATE", "N-SET")}
    assert [status for _, _, status in day.ris.said if status] == []
    assert {there.PerformedProcedureStepStatus for there in day.ris.steps.values()} <= {"COMPLETED", "DISCONTINUED"}


def test_ris_and_pacs_agree_on_every_standing_image(day: Day) -> None:
    for image in day.archive.standing():
        (reference,) = image.ReferencedPerformedProcedureStepSequence
        there = day.ris.steps[reference.ReferencedSOPInstanceUID]
        assert there.PatientID == image.PatientID
        assert there.PerformedProcedureStepID == image.PerformedProcedureStepID
        assert str(image.SOPInstanceUID) in listed_images(there)
        (scheduled,) = there.ScheduledStepAttributesSequence
        assert (scheduled.StudyInstanceUID, scheduled.AccessionNumber) == (
            image.StudyInstanceUID,
            image.AccessionNumber,
        )


def test_what_the_pacs_never_saw_no_list_names(day: Day) -> None:
    named = set().union(*(listed_images(there) for there in day.ris.steps.values()))
    assert named <= set(day.archive.images)
    for uid, there in day.ris.steps.items():
        for image in listed_images(there):
            assert day.archive.images[image].PatientID == there.PatientID, uid
