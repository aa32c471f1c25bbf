"""Why nothing is suggested: always said, in words that name what speaks against it and no patient."""

from dataclasses import replace

import pytest
from hypothesis import given

from gateway.domain.acquisition import HintKind
from gateway.domain.procedure import Patient, Step
from gateway.worklist.reconciliation import LocalCase
from gateway.worklist.unsuggested import why_unsuggested
from tests.support.worklist_items import step
from tests.unit.worklist.test_reconciliation import CASES, HALF_A_DAY, JANE, NOBODY, STEPS, hint, suggested

TYPED_47 = replace(NOBODY, patient=Patient("47"), given=False, hints=(hint(HintKind.PATIENT_ID, "48"),))


def why(case: LocalCase, *steps: Step) -> str:
    assert suggested(case, *steps) == ()
    return why_unsuggested(case, steps, order_within=HALF_A_DAY)


def test_an_id_that_was_typed_at_odds_with_the_file_says_so_whatever_the_worklist_has() -> None:
    expected = (
        "What is known of these pictures disagrees about the patient id: typed by a person and file name differ."
        " No order can fit both, so none is suggested: compare, and choose it by Another order."
    )
    for steps in ([], [step(1, patient_id="47")], [step(1, patient_id="48")]):
        assert why(TYPED_47, *steps) == expected


@pytest.mark.parametrize(
    ("case", "one", "said"),
    [
        (
            replace(JANE, accession_number="A1", patient=replace(JANE.patient, sex="M")),
            step(1),
            (
                "An order has the same birth date and accession number, but is not suggested:"
                " The sex (typed by a person) is not that of the step."
            ),
        ),
        (
            replace(NOBODY, accession_number="A1"),
            step(1, usable=False),
            "An order has the same accession number, but its entry on the worklist cannot be used.",
        ),
        (
            replace(NOBODY, accession_number="A1"),
            replace(step(1), doubtful=True),
            "An order has the same accession number, but its entry is in doubt: accept it on the worklist first.",
        ),
        (
            replace(JANE, patient=replace(JANE.patient, name="")),
            step(1),
            "An order has the same birth date, which alone is not enough to suggest it.",
        ),
        (replace(NOBODY, accession_number="A7"), step(1), "No order on the worklist has its accession number."),
        (
            NOBODY,
            step(1, modality="US"),
            (
                "Nobody knows who it was, and no order for this kind of examination and station is planned within 12 h"
                " of it."
            ),
        ),
        (
            replace(JANE, patient=replace(JANE.patient, birth_date="19800101")),
            step(1),
            "Neither a number nor name and birth date of any order on the worklist are those of this patient.",
        ),
    ],
)
def test_each_reason_by_example(case: LocalCase, one: Step, said: str) -> None:
    assert why(case, one) == said


@given(case=CASES, steps=STEPS)
def test_there_is_always_a_reason_and_it_names_nobody(case: LocalCase, steps: list[Step]) -> None:
    if suggested(case, *steps):
        return
    said = why(case, *steps)
    assert said.endswith((".", "order."))
    assert not any(secret in said for secret in ("Doe", "Jane", "1970", "1980"))
