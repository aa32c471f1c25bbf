"""The right step or a hold: each rule by example, then what must hold for every worklist."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.procedure import Hold, Match, MatchRule, Step
from gateway.worklist.agreement import contradictions
from gateway.worklist.matching import match
from tests.support.worklist_items import NOON, step

ALL_RULES = (MatchRule.ACCESSION_NUMBER, MatchRule.PATIENT_ID, MatchRule.ACTIVE_STEP, MatchRule.SINGLE_IN_WINDOW)


def hint(kind: HintKind, value: str, origin: str = "file name") -> Hint:
    return Hint(kind, value, origin)


ACC = HintKind.ACCESSION_NUMBER
PID = HintKind.PATIENT_ID


def decide(
    *hints: Hint,
    steps: Sequence[Step] = (),
    active: Step | None = None,
    rules: Sequence[MatchRule] = ALL_RULES,
    captured_at: datetime = NOON,
    modality: str = "OP",
) -> Match | Hold:
    return match(
        hints=hints,
        steps=steps,
        active=active,
        rules=rules,
        captured_at=captured_at,
        modality=modality,
        window_before_s=600,
        window_after_s=600,
    )


def matched(decision: Match | Hold) -> Match:
    assert isinstance(decision, Match), decision
    return decision


def held(decision: Match | Hold) -> Hold:
    assert isinstance(decision, Hold), decision
    assert decision.reason
    assert decision.remedy
    return decision


ONE = step(1)
OTHER = step(2, patient_id="P2", name="Roe^Richard", accession_number="A2", birth_date="19500505")


def test_an_accession_number_decides_first() -> None:
    found = matched(decide(hint(ACC, "A2"), steps=[ONE, OTHER]))
    assert found.step == OTHER.key
    assert found.rule is MatchRule.ACCESSION_NUMBER
    assert "A2" in found.reason
    assert "file name" in found.reason


def test_then_the_patient_id() -> None:
    found = matched(decide(hint(PID, "P2"), steps=[ONE, OTHER]))
    assert (found.step, found.rule) == (OTHER.key, MatchRule.PATIENT_ID)


def test_then_the_active_step_which_need_not_be_in_the_cache() -> None:
    found = matched(decide(steps=[ONE], active=OTHER))
    assert (found.step, found.rule) == (OTHER.key, MatchRule.ACTIVE_STEP)


def test_then_the_single_step_near_in_time() -> None:
    late = replace(OTHER, start=NOON + timedelta(hours=3))
    found = matched(decide(steps=[ONE, late]))
    assert (found.step, found.rule) == (ONE.key, MatchRule.SINGLE_IN_WINDOW)


@pytest.mark.parametrize(("minutes", "fits"), [(-11, False), (-10, True), (0, True), (10, True), (11, False)])
def test_the_window_has_two_sides(minutes: int, fits: bool) -> None:
    decision = decide(steps=[ONE], captured_at=NOON + timedelta(minutes=minutes))
    assert isinstance(decision, Match) is fits


def test_the_window_looks_at_modality_and_station() -> None:
    held(decide(steps=[replace(ONE, modality="CT")]))
    matched(decide(steps=[ONE, replace(OTHER, modality="CT")]))
    held(decide(steps=[ONE, replace(OTHER, modality="")]))
    decision = match(
        hints=[], steps=[ONE, replace(OTHER, station_ae_title="FC2")], active=None, rules=ALL_RULES, captured_at=NOON,
        station_ae_titles=["FC1"],
    )  # fmt: skip
    matched(decision)


def test_a_rule_that_the_profile_does_not_allow_is_not_used() -> None:
    held(decide(steps=[ONE], rules=ALL_RULES[:3]))
    held(decide(steps=[ONE], active=ONE, rules=ALL_RULES[:2]))


def test_an_unknown_accession_number_never_gives_way_to_a_weaker_rule() -> None:
    decision = held(decide(hint(ACC, "A9"), hint(PID, "P1"), steps=[ONE, OTHER], active=ONE))
    assert "A9" in decision.reason
    assert decision.candidates[0] == ONE.key
    held(decide(hint(ACC, "A9"), hint(PID, "P1"), steps=[ONE], active=ONE, rules=ALL_RULES[1:]))


def test_an_unknown_patient_id_never_gives_way_to_the_active_step() -> None:
    held(decide(hint(PID, "P9"), steps=[ONE], active=ONE))


def test_one_id_under_two_issuers_is_two_patients() -> None:
    here, there = step(1, issuer="A"), step(2, issuer="B")
    held(decide(hint(PID, "P1"), steps=[here, there]))
    found = decide(hint(PID, "P1"), hint(HintKind.ISSUER_OF_PATIENT_ID, "B"), steps=[here, there])
    assert matched(found).step == there.key
    held(decide(hint(PID, "P1"), steps=[here, there], active=here))


def test_two_patients_under_one_accession_number_are_held_unless_an_id_tells_them_apart() -> None:
    twin = replace(OTHER, accession_number="A1")
    decision = held(decide(hint(ACC, "A1"), steps=[ONE, twin]))
    assert "different" in decision.reason
    assert set(decision.candidates) == {ONE.key, twin.key}
    assert matched(decide(hint(ACC, "A1"), hint(PID, "P2"), steps=[ONE, twin])).step == twin.key
    held(decide(hint(ACC, "A1"), steps=[ONE, twin], active=ONE))


def test_of_several_steps_of_one_patient_the_opened_one_is_taken() -> None:
    second = step(3, accession_number="A3")
    held(decide(hint(PID, "P1"), steps=[ONE, second]))
    found = matched(decide(hint(PID, "P1"), steps=[ONE, second], active=second))
    assert (found.step, found.rule) == (second.key, MatchRule.ACTIVE_STEP)
    held(decide(hint(PID, "P1"), steps=[ONE, second], active=second, rules=[MatchRule.PATIENT_ID]))


@pytest.mark.parametrize(
    "contradicting",
    [
        hint(PID, "P2"),
        hint(HintKind.BIRTH_DATE, "1971-01-02"),
        hint(HintKind.PATIENT_NAME, "ROE RICHARD"),
        hint(HintKind.STUDY_INSTANCE_UID, "1.2.9"),
        hint(HintKind.REQUESTED_PROCEDURE_ID, "R9"),
        hint(HintKind.SEX, "male"),
    ],
)
def test_a_contradicting_hint_is_a_hold_under_every_rule(contradicting: Hint) -> None:
    for decision in (
        decide(hint(ACC, "A1"), contradicting, steps=[ONE]),
        decide(contradicting, steps=[ONE], active=ONE),
        decide(contradicting, steps=[ONE]),
    ):
        assert "Doe" not in held(decision).reason
        assert "1971" not in held(decision).reason
        assert "ROE" not in held(decision).reason


def test_hints_that_quarrel_among_themselves_are_a_hold() -> None:
    decision = held(decide(hint(PID, "P1"), hint(PID, "P2", "sidecar"), steps=[ONE, OTHER]))
    assert "file name" in decision.reason
    assert "sidecar" in decision.reason


def test_an_open_step_of_another_patient_holds_what_another_rule_found() -> None:
    decision = held(decide(hint(ACC, "A1"), steps=[ONE, OTHER], active=OTHER))
    assert "another patient" in decision.reason
    held(decide(steps=[ONE], active=OTHER, rules=[MatchRule.SINGLE_IN_WINDOW]))


def test_an_open_step_whose_patient_was_changed_since_is_a_hold() -> None:
    changed = replace(ONE, patient=OTHER.patient)
    held(decide(steps=[changed], active=ONE))


def test_an_unusable_step_is_never_chosen_but_counts() -> None:
    faulty = replace(OTHER, usable=False, faults=("It has no Patient ID.",))
    for decision in (
        decide(hint(ACC, "A2"), steps=[ONE, faulty]),
        decide(steps=[faulty]),
        decide(steps=[], active=faulty),
        decide(steps=[ONE, faulty]),
        decide(hint(ACC, "A1"), steps=[ONE, replace(faulty, accession_number="A1")]),
    ):
        assert faulty.key not in held(decision).candidates
    assert "no Patient ID" in held(decide(hint(ACC, "A2"), steps=[faulty])).reason


def test_a_step_without_a_start_may_be_meant_but_is_not_confirmed() -> None:
    timeless = replace(OTHER, start=None)
    held(decide(steps=[timeless]))
    held(decide(steps=[ONE, timeless]))


def test_without_anything_to_go_by_the_nearest_steps_are_offered() -> None:
    steps = [step(n, start=NOON + timedelta(hours=n)) for n in range(2, 20)]
    decision = held(decide(steps=steps[::-1]))
    assert decision.candidates == tuple(s.key for s in steps[:10])


def test_rules_of_people_cannot_be_applied() -> None:
    with pytest.raises(ValueError, match="operator"):
        decide(rules=[MatchRule.OPERATOR])


@pytest.mark.parametrize(
    ("given_name", "known", "contradicts"),
    [
        ("DOE_JANE", "Doe^Jane", False),
        ("Jane Doe", "Doe^Jane", False),
        ("DOE", "Doe^Jane", False),
        ("Doe^J", "Doe^Jane", False),
        ("DOE JANE MARY", "Doe^Jane", False),
        ("Mueller Hans", "Müller^Hans", False),
        ("Sharma Sunita", "Sharma^Ravi", True),
        ("Roe Richard", "Doe^Jane", True),
        ("Smith", "Doe^Jane", True),
        ("Sharma Sunita", "शर्मा^सुनीता", False),
        ("राम^कुमार", "शर्मा^सुनीता", True),
        ("Yamada Tarou", "Yamada^Tarou=山田^太郎=やまだ^たろう", False),
        ("佐藤", "Yamada^Tarou=山田^太郎", True),
        ("Иванов Петр", "Иванов^Пётр", False),
        ("12345", "Doe^Jane", False),
        ("x", "", False),
    ],
)
def test_names_contradict_only_when_clearly_different(given_name: str, known: str, contradicts: bool) -> None:
    found = contradictions([hint(HintKind.PATIENT_NAME, given_name)], step(name=known))
    assert bool(found) is contradicts


@pytest.mark.parametrize(
    ("text", "contradicts"),
    [("19700102", False), ("1970-1-2", False), ("02.01.1970", False), ("01/02/1970", False), ("03.01.1970", True),
     ("unknown", False), ("1970-02-31", False)],
)  # fmt: skip
def test_birth_dates_are_read_in_every_usual_form(text: str, contradicts: bool) -> None:
    found = contradictions([hint(HintKind.BIRTH_DATE, text)], ONE)
    assert bool(found) is contradicts


STEPS = st.lists(
    st.builds(
        step,
        st.integers(1, 6),
        patient_id=st.sampled_from(["P1", "P2", "P3"]),
        issuer=st.sampled_from(["", "A", "B"]),
        name=st.sampled_from(["Doe^Jane", "Roe^Richard", "Иванов^Пётр"]),
        birth_date=st.sampled_from(["", "19700102", "19500505"]),
        accession_number=st.sampled_from(["", "A1", "A2"]),
        start=st.sampled_from([None, NOON, NOON + timedelta(minutes=5), NOON + timedelta(hours=5)]),
        modality=st.sampled_from(["OP", "US", ""]),
        usable=st.booleans(),
    ),
    max_size=5,
    unique_by=lambda s: s.key,
)
HINTS = st.lists(
    st.one_of(
        st.builds(hint, st.just(ACC), st.sampled_from(["A1", "A2", "A9"])),
        st.builds(hint, st.just(PID), st.sampled_from(["P1", "P2", "P9"])),
        st.builds(hint, st.just(HintKind.ISSUER_OF_PATIENT_ID), st.sampled_from(["A", "B"])),
        st.builds(hint, st.just(HintKind.PATIENT_NAME), st.sampled_from(["Doe Jane", "Roe Richard"])),
        st.builds(hint, st.just(HintKind.BIRTH_DATE), st.sampled_from(["1970-01-02", "1950-05-05"])),
        st.builds(hint, st.just(HintKind.STUDY_INSTANCE_UID), st.sampled_from(["1.2.1", "1.2.2", "1.2.9"])),
    ),
    max_size=3,
)
RULES = st.lists(st.sampled_from(ALL_RULES), unique=True, max_size=4)


@given(STEPS, HINTS, st.one_of(st.none(), st.integers(0, 4)), RULES)
def test_a_match_is_always_beyond_doubt(
    steps: list[Step], hints: list[Hint], opened: int | None, rules: list[MatchRule]
) -> None:
    active = steps[opened % len(steps)] if opened is not None and steps else None
    decision = decide(*hints, steps=steps, active=active, rules=rules)
    if isinstance(decision, Hold):
        assert all(next(s for s in steps if s.key == key).usable for key in decision.candidates)
        return
    (chosen,) = [s for s in steps if s.key == decision.step]
    assert chosen.usable
    assert decision.rule in rules
    assert not contradictions(hints, chosen)
    if active is not None:
        assert active.patient.patient_id == chosen.patient.patient_id
    if decision.rule is MatchRule.ACTIVE_STEP:
        assert chosen == active
        return
    rivals = [s for s in steps if s != chosen and not contradictions(hints, s)]
    by_hint = {h.kind: h.value for h in hints}
    if decision.rule is MatchRule.ACCESSION_NUMBER:
        assert chosen.accession_number == by_hint[ACC]
        assert not [s for s in rivals if s.accession_number == chosen.accession_number]
    elif decision.rule is MatchRule.PATIENT_ID:
        assert chosen.patient.patient_id == by_hint[PID]
        assert not [s for s in rivals if s.patient.patient_id == chosen.patient.patient_id]
    else:
        assert not [s for s in rivals if s.modality in {"OP", ""} and s.start != NOON + timedelta(hours=5)]


@given(STEPS, HINTS)
def test_an_order_or_patient_unknown_to_the_worklist_is_always_held(steps: list[Step], hints: list[Hint]) -> None:
    for kind, value in ((ACC, "A9"), (PID, "P9")):
        for active in [None, *steps]:
            held(decide(hint(kind, value), *hints, steps=steps, active=active))


@given(STEPS.filter(lambda steps: len(steps) <= 4), HINTS, RULES)
def test_the_order_of_the_worklist_never_matters(steps: list[Step], hints: list[Hint], rules: list[MatchRule]) -> None:
    decisions = {decide(*hints, steps=order, rules=rules) for order in permutations(steps)}
    assert len({d.step if isinstance(d, Match) else None for d in decisions}) == 1


@pytest.mark.parametrize("rules", [(MatchRule.ACTIVE_STEP,), ALL_RULES])
def test_an_open_step_whose_entry_cannot_be_used_any_more_gets_nothing(rules: Sequence[MatchRule]) -> None:
    """Its patient was merged away, or it is given twice, since it was opened: what stands in the cache now counts."""
    gone_bad = replace(step(1), usable=False, faults=("Its patient ID was merged into another one.",))
    decision = held(decide(steps=[gone_bad], active=step(1), rules=rules))
    assert "cannot be used any more: Its patient ID was merged" in decision.reason
    held(decide(hint(ACC, "A1"), steps=[gone_bad], active=step(1), rules=rules))
    assert matched(decide(steps=[step(1)], active=step(1), rules=rules)).rule is MatchRule.ACTIVE_STEP
