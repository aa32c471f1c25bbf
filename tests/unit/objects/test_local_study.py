"""What an object says of a patient whom no order names: an estimated age if given, and no order that nobody checked."""

import pytest

from gateway.domain.objects import LocalStudy
from gateway.domain.procedure import Patient
from gateway.objects.build import build
from tests.unit.objects.orders import order

NOBODY = Patient("E1", "BOX", "Unknown^Patient", "", "M")


def test_an_estimated_age_stands_in_the_object_and_makes_no_birth_date() -> None:
    dataset = build(order(subject=LocalStudy(NOBODY, age="040Y"))).dataset
    assert (dataset.PatientAge, dataset.PatientBirthDate, dataset.PatientSex) == ("040Y", "", "M")
    assert (dataset.PatientID, dataset.IssuerOfPatientID) == ("E1", "BOX")


@pytest.mark.parametrize("age", ["", "40", "about forty"])
def test_what_is_no_age_is_left_out(age: str) -> None:
    assert "PatientAge" not in build(order(subject=LocalStudy(NOBODY, age=age))).dataset


def test_an_accession_number_that_somebody_read_is_not_written() -> None:
    assert build(order(subject=LocalStudy(NOBODY, accession_number="A1"))).dataset.AccessionNumber == ""
