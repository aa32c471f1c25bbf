"""Rejection notes before foreign eyes: dciodvfy, dcentvfy with the objects they name, and DCMTK's SR reader."""

import re
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.sr.codedict import codes

from gateway.domain.corrections import KEY_OBJECT_SELECTION, NoteOrder, RejectedSeries
from gateway.domain.errors import InvalidObject
from gateway.domain.identifiers import InstanceId, Uid, mint_uid
from gateway.domain.instance import InstanceIdentity
from gateway.domain.objects import LocalStudy, ObjectOrder
from gateway.domain.procedure import Patient, Step
from gateway.objects.rejection_note import rejection_note, write_rejection_note
from tests.conformance.objects.made import made, series, tool_output, uncompressed, validator_findings
from tests.unit.objects.orders import CAPTURED_AT, IMPLICIT, STATION, order, step, unscheduled

OTHER = Patient("4712", "", "Другой^Пациент", "19600229", "M")
SUBJECTS: dict[str, Step | LocalStudy] = {
    "scheduled": step(),
    "bare": step({}),
    "unscheduled": unscheduled(description="Emergency"),
    "other script": step(patient=OTHER),
}


def note_for(orders: list[ObjectOrder], paths: list[Path], subject: Step | LocalStudy) -> NoteOrder:
    first = orders[0].identity
    rejected: dict[str, list[tuple[Uid, Uid]]] = {}
    for path in paths:
        read = dcmread(path, stop_before_pixels=True)
        pair = (Uid(read.SOPClassUID), Uid(read.SOPInstanceUID))
        rejected.setdefault(read.SeriesInstanceUID, []).append(pair)
    return NoteOrder(
        identity=InstanceIdentity(InstanceId(9), first.study_instance_uid, mint_uid(), mint_uid(), 7, 1),
        subject=subject,
        station=STATION,
        study_started_at=orders[0].study_started_at,
        made_at=CAPTURED_AT + timedelta(hours=3),
        rejected=tuple(RejectedSeries(Uid(uid), tuple(pairs)) for uid, pairs in rejected.items()),
    )


def written(note: NoteOrder, path: Path) -> Path:
    with path.open("wb") as target:
        write_rejection_note(note, target)
    return path


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_note_has_no_error_and_agrees_with_what_it_rejects(tmp_path: Path, subject: str) -> None:
    about = SUBJECTS[subject]
    orders = [order("vl-photographic", subject=about) for _ in range(3)]
    paths = series(orders, tmp_path)
    note = written(note_for(orders, paths, about), tmp_path / "note.dcm")
    assert validator_findings("dciodvfy", note) == []
    # studies that a worklist answer refers to are no files of this set
    left = [text for text in validator_findings("dcentvfy", *paths, note) if "that was referenced" not in text]
    assert left == []


def test_the_whole_file_set_of_a_correction_is_consistent(tmp_path: Path) -> None:
    wrong, right = step({}), step({}, patient=OTHER, key=replace(step().key, study_instance_uid="1.2.826.0.1.77"))
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
    old = [order("vl-photographic", subject=wrong) for _ in range(2)]
    old_paths = series(old, tmp_path / "old")
    fresh = order("vl-photographic", subject=right)
    identity = replace(fresh.identity, study_instance_uid=Uid("1.2.826.0.1.77"))
    new_paths = [made(replace(fresh, identity=identity), tmp_path / "new" / "1.dcm")]
    note = written(note_for(old, old_paths, wrong), tmp_path / "note.dcm")
    assert validator_findings("dcentvfy", *old_paths, note, *new_paths) == []


def test_dcmtk_reads_title_template_and_every_reference(tmp_path: Path) -> None:
    orders = [order("vl-photographic") for _ in range(3)]
    paths = series(orders, tmp_path)
    note = written(note_for(orders, paths, SUBJECTS["scheduled"]), tmp_path / "note.dcm")
    text = tool_output("dsr2xml", note)
    assert "<value>113038</value>" in text
    assert "Incorrect Modality Worklist Entry" in text
    uids = {str(dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in paths}
    assert all(text.count(f'<instance uid="{uid}"') >= 2 for uid in uids), "evidence and content name each"
    dump = tool_output("dcmdump", note)
    assert f"({KEY_OBJECT_SELECTION}" not in dump
    assert re.search(r"\(0008,0060\) CS \[KO", dump)
    assert re.search(r"\(0040,db00\) CS \[2010", dump)
    assert "KeyObjectSelectionDocument" in dump


def test_the_title_is_the_codebooks_own() -> None:
    title = codes.DCM.IncorrectModalityWorklistEntry
    orders = [order("vl-photographic")]
    note = NoteOrder(
        orders[0].identity,
        step(),
        STATION,
        CAPTURED_AT,
        CAPTURED_AT,
        (RejectedSeries(mint_uid(), ((mint_uid(),) * 2,)),),
    )
    item = rejection_note(note).ConceptNameCodeSequence[0]
    assert (item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning) == (
        title.value,
        title.scheme_designator,
        title.meaning,
    )


def test_the_same_order_gives_the_same_bytes_and_an_implicit_copy_the_same_note(tmp_path: Path) -> None:
    orders = [order("vl-photographic")]
    order_of_note = note_for(orders, series(orders, tmp_path), step())
    first, second = written(order_of_note, tmp_path / "a"), written(order_of_note, tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    copy = BytesIO()
    uncompressed(first, copy, IMPLICIT)
    copy.seek(0)
    assert dcmread(copy) == dcmread(first)


def test_a_note_about_nothing_is_refused() -> None:
    with pytest.raises(InvalidObject):
        rejection_note(NoteOrder(order().identity, step(), STATION, CAPTURED_AT, CAPTURED_AT, ()))
