"""Orders suggested for what was sent without one: each ground by example, then what must hold for every worklist."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.procedure import Patient, Step
from gateway.worklist.reconciliation import Ground, LocalCase, Suggestion, objections, suggest
from tests.support.worklist_items import NOON, step

HALF_A_DAY = timedelta(hours=12)
NOBODY = LocalCase(Patient("LOCAL-1"), given=True, begun_at=NOON, ended_at=NOON + timedelta(minutes=5), modality="OP")
JANE = replace(NOBODY, patient=Patient("LOCAL-1", "", "Doe^Jane", "19700102", "F"))


def suggested(case: LocalCase, *steps: Step) -> tuple[Suggestion, ...]:
    return suggest(case, steps, order_within=HALF_A_DAY)


def grounds(case: LocalCase, *steps: Step) -> list[tuple[str, Ground]]:
    return [(one.step.step_id, one.ground) for one in suggested(case, *steps)]


def hint(kind: HintKind, value: str) -> Hint:
    return Hint(kind, value, "file name")


def test_the_accession_number_that_somebody_read() -> None:
    (one,) = suggested(replace(NOBODY, accession_number="A1"), step(1), step(2, accession_number="A2"))
    assert (one.step.step_id, one.ground) == ("S1", Ground.ORDER)
    assert one.reason == "The same accession number (typed by a person)."


def test_a_hint_of_its_pictures_and_the_typed_identity_agree() -> None:
    case = replace(JANE, hints=(hint(HintKind.REQUESTED_PROCEDURE_ID, "R1"),))
    (one,) = suggested(case, step(1))
    assert one.ground is Ground.ORDER
    assert "requested procedure id (file name)" in one.reason
    assert "birth date (typed by a person)" in one.reason


def test_the_same_patient_id_of_a_person_but_not_one_of_this_box() -> None:
    typed = replace(NOBODY, patient=Patient("P1"), given=False, modality="")
    assert grounds(typed, step(1)) == [("S1", Ground.PATIENT_ID)]
    assert grounds(replace(typed, given=True), step(1)) == []


def test_the_same_name_and_birth_date() -> None:
    assert grounds(JANE, step(1, modality="US")) == [("S1", Ground.PERSON)]
    assert grounds(replace(JANE, patient=replace(JANE.patient, birth_date="")), step(1)) == []
    assert grounds(replace(JANE, patient=replace(JANE.patient, name="")), step(1)) == []


def test_an_emergency_goes_by_modality_station_and_time() -> None:
    assert grounds(NOBODY, step(1)) == [("S1", Ground.CIRCUMSTANCE)]
    assert grounds(NOBODY, step(1, modality="US")) == []
    assert grounds(NOBODY, step(1, start=None)) == []
    assert grounds(NOBODY, step(1, start=NOON - timedelta(hours=13))) == []
    assert grounds(NOBODY, step(1, start=NOON + timedelta(hours=12))) == [("S1", Ground.CIRCUMSTANCE)]
    here = replace(NOBODY, station_ae_titles=frozenset({"FC1", "FC9"}))
    assert grounds(here, step(1)) == [("S1", Ground.CIRCUMSTANCE)]
    assert grounds(here, step(1, station="FC2")) == []
    assert grounds(here, step(1, station="")) == [("S1", Ground.CIRCUMSTANCE)]


def test_the_best_stands_first_and_equals_are_counted() -> None:
    case = replace(NOBODY, accession_number="A1")
    late = step(2, patient_id="P2", start=NOON + timedelta(hours=5))
    first, second = suggested(case, late, step(1))
    assert [first.step.step_id, second.step.step_id] == ["S1", "S2"]
    assert first.reason.endswith("2 steps fit like this.")


@pytest.mark.parametrize(
    ("age", "born", "fits"),
    [
        ("040Y", "19700102", True),
        ("040Y", "19450101", False),
        ("070Y", "19450101", True),
        ("002Y", "20241101", True),
        ("002Y", "20101101", False),
        ("006M", "20260601", True),
        ("006M", "19700102", False),
        ("040Y", "", True),
        ("", "19450101", True),
    ],
)
def test_an_estimated_age_may_be_wrong_but_not_wildly(age: str, born: str, *, fits: bool) -> None:
    assert bool(suggested(replace(NOBODY, age=age), step(1, birth_date=born))) is fits


@pytest.mark.parametrize(
    "case",
    [
        replace(JANE, patient=replace(JANE.patient, birth_date="19700103")),
        replace(JANE, patient=replace(JANE.patient, sex="M")),
        replace(JANE, patient=replace(JANE.patient, name="Miller^Susan")),
        replace(JANE, patient=replace(JANE.patient, patient_id="P2"), given=False),
        replace(JANE, accession_number="A9"),
        replace(JANE, hints=(hint(HintKind.PATIENT_ID, "P9"),)),
        replace(JANE, hints=(hint(HintKind.ACCESSION_NUMBER, "A9"),)),
    ],
)
def test_whatever_contradicts_is_never_suggested_and_said(case: LocalCase) -> None:
    assert suggested(case, step(1)) == ()
    (objection,) = objections(case, step(1))
    assert "not that of the step" in objection
    assert not any(secret in objection for secret in ("Doe", "Miller", "1970"))


def test_what_cannot_be_used_or_is_doubted_is_never_suggested() -> None:
    case = replace(NOBODY, accession_number="A1")
    assert suggested(case, step(1, usable=False), replace(step(2), doubtful=True)) == ()


VALUES = st.sampled_from(["", "1", "2"])
CASES = st.builds(
    lambda pid, name, born, sex, accession, said, given, age: LocalCase(
        Patient(f"P{pid}" if pid else "LOCAL-1", "", f"Doe^Jane{name}" if name else "", born, sex),
        given=given or not pid,
        begun_at=NOON,
        ended_at=NOON + timedelta(minutes=9),
        age=age,
        accession_number=f"A{accession}" if accession else "",
        hints=tuple(hint(kind, f"{letter}{said}") for kind, letter in said_kinds(said)),
        modality="OP",
    ),
    pid=VALUES, name=VALUES, born=st.sampled_from(["", "19700102", "19800102"]), sex=st.sampled_from(["", "F", "M"]),
    accession=VALUES, said=VALUES, given=st.booleans(), age=st.sampled_from(["", "005Y", "050Y"]),
)  # fmt: skip


def said_kinds(said: str) -> Sequence[tuple[HintKind, str]]:
    return ((HintKind.PATIENT_ID, "P"), (HintKind.ACCESSION_NUMBER, "A")) if said else ()


STEPS = st.lists(
    st.builds(
        lambda number, pid, born, hours, usable: step(
            number, patient_id=f"P{pid}", birth_date=born, accession_number=f"A{pid}",
            start=NOON + timedelta(hours=hours), usable=usable,
        ),
        st.integers(1, 9), st.integers(1, 3), st.sampled_from(["", "19700102", "19800102"]), st.integers(-20, 20),
        st.booleans(),
    ),
    max_size=5, unique_by=lambda one: one.key,
)  # fmt: skip


@given(case=CASES, steps=STEPS)
def test_a_suggested_step_is_contradicted_by_nothing(case: LocalCase, steps: list[Step]) -> None:
    by_key = {one.key: one for one in steps}
    for one in suggested(case, *steps):
        found = by_key[one.step]
        assert found.usable
        assert not objections(case, found)
        assert not (case.patient.birth_date and found.patient.birth_date not in ("", case.patient.birth_date))
        assert not (case.patient.sex == "M" and found.patient.sex == "F")
        assert case.given or case.patient.patient_id == found.patient.patient_id
        assert case.accession_number in ("", found.accession_number)
        assert all(said.value in (found.accession_number, found.patient.patient_id) for said in case.hints)


@given(case=CASES, steps=STEPS)
def test_circumstance_alone_only_counts_for_whom_nobody_knows(case: LocalCase, steps: list[Step]) -> None:
    for one in suggested(case, *steps):
        if one.ground is Ground.CIRCUMSTANCE:
            assert case.given
            assert not any((case.patient.name, case.patient.birth_date, case.accession_number, case.hints))


@given(case=CASES, steps=STEPS, data=st.data())
def test_neither_order_nor_company_of_steps_changes_who_is_suggested(
    case: LocalCase, steps: list[Step], data: st.DataObject
) -> None:
    whole = {one.step: one.ground for one in suggested(case, *steps)}
    mixed = data.draw(st.permutations(steps))
    assert {one.step: one.ground for one in suggested(case, *mixed)} == whole
    for alone in steps:
        assert {one.step: one.ground for one in suggested(case, alone)} == {
            key: ground for key, ground in whole.items() if key == alone.key
        }
