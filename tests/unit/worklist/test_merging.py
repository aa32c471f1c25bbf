"""Answers of overlapping queries as one list."""

from dataclasses import replace

import pytest

from gateway.domain.procedure import Step
from gateway.worklist.merging import merged
from tests.support.worklist_items import step


def test_an_entry_that_comes_twice_is_one_step_and_the_later_answer_counts() -> None:
    later = replace(step(1), description="moved")
    assert merged([step(1), step(2), later]) == (later, step(2))


def test_one_entry_of_two_patients_is_unusable_however_often_it_comes() -> None:
    other = step(1, patient_id="P2")
    for order in ([step(1), other], [other, step(1)], [step(1), other, step(1)], [step(1), other, other]):
        (only,) = merged(order)
        assert not only.usable
        assert any("two different patients" in fault for fault in only.faults)
    (only,) = merged([step(1), step(1, accession_number="A2")])
    assert not only.usable


@pytest.mark.parametrize(
    "other",
    [
        step(1, birth_date="19800102"),
        step(1, name="Miller^Susan"),
        replace(step(1), patient=replace(step(1).patient, sex="M")),
    ],
)
def test_one_entry_with_two_faces_of_one_id_is_unusable(other: Step) -> None:
    for order in ([step(1), other], [other, step(1)], [step(1), other, step(1)]):
        (only,) = merged(order)
        assert not only.usable
        assert any("two different patients" in fault for fault in only.faults)


@pytest.mark.parametrize("other", [step(1, birth_date=""), step(1, name="Doe^J"), step(1, name="")])
def test_what_one_answer_leaves_out_is_no_other_patient(other: Step) -> None:
    (only,) = merged([step(1), other])
    assert only.usable


def test_nothing_gives_nothing() -> None:
    assert merged([]) == ()
