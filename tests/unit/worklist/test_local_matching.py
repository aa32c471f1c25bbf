"""Captures under a patient without an order: hers, unless anything that came with them speaks against it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.objects import LocalStudy
from gateway.domain.procedure import Hold, MatchRule, Patient
from gateway.worklist.local_matching import BELONGS, belongs

RULES = (MatchRule.ACCESSION_NUMBER, MatchRule.ACTIVE_STEP)
NOBODY = LocalStudy(Patient("E1", "BOX", "Unknown^Patient"))
JANE = LocalStudy(Patient("4711", "", "Doe^Jane", "19700102", "F"), accession_number="A1")


def hint(kind: HintKind, value: str, origin: str = "file name") -> Hint:
    return Hint(kind, value, origin)


def test_what_says_nothing_about_identity_is_hers() -> None:
    assert belongs((), NOBODY, RULES) == BELONGS
    assert belongs((hint(HintKind.LATERALITY, "R"), hint(HintKind.SEX, "")), NOBODY, RULES) == BELONGS


@pytest.mark.parametrize(
    ("study", "found"),
    [
        (NOBODY, hint(HintKind.ACCESSION_NUMBER, "A1")),
        (NOBODY, hint(HintKind.PATIENT_ID, "4711")),
        (NOBODY, hint(HintKind.REQUESTED_PROCEDURE_ID, "R1")),
        (JANE, hint(HintKind.PATIENT_ID, "4712")),
        (JANE, hint(HintKind.ACCESSION_NUMBER, "A2")),
        (JANE, hint(HintKind.BIRTH_DATE, "19710102")),
        (JANE, hint(HintKind.SEX, "M")),
        (JANE, hint(HintKind.PATIENT_NAME, "Miller^Susan")),
    ],
)
def test_whatever_contradicts_is_held_in_words_without_names(study: LocalStudy, found: Hint) -> None:
    verdict = belongs((found,), study, RULES)
    assert isinstance(verdict, Hold)
    assert "is not that of this patient" in verdict.reason
    assert not any(secret in verdict.reason for secret in ("Doe", "Miller", "1970", "1971"))


def test_what_agrees_is_hers() -> None:
    found = (hint(HintKind.PATIENT_ID, "4711"), hint(HintKind.SEX, "f"), hint(HintKind.ACCESSION_NUMBER, "A1"))
    assert belongs(found, JANE, RULES) == BELONGS


def test_hints_that_quarrel_and_devices_that_take_nobody_are_held() -> None:
    quarrel = (hint(HintKind.PATIENT_ID, "1"), hint(HintKind.PATIENT_ID, "2", "sidecar"))
    assert isinstance(belongs(quarrel, NOBODY, RULES), Hold)
    assert isinstance(belongs((), NOBODY, (MatchRule.ACCESSION_NUMBER,)), Hold)


IDENTIFYING = st.sampled_from([HintKind.ACCESSION_NUMBER, HintKind.PATIENT_ID, HintKind.REQUESTED_PROCEDURE_ID])


@given(st.lists(st.builds(hint, IDENTIFYING, st.sampled_from(["A1", "4711", "x", ""])), max_size=3))
def test_no_hint_that_names_an_order_or_another_patient_ever_passes(found: list[Hint]) -> None:
    verdict = belongs(found, NOBODY, RULES)
    assert (verdict == BELONGS) is not any(one.value for one in found)
