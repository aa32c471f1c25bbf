"""Hints from names: what is found, what is normalised, and what a faulty setting says."""

import pytest

from gateway.capture.hints import NameHints, compile_pattern, normalised
from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.errors import ConfigurationError


def hints_of(expression: str, name: bytes, folder: str = "") -> dict[str, str]:
    found = NameHints(
        compile_pattern(expression, setting="hints.file_name", origin="file name"),
        compile_pattern(folder, setting="hints.folder", origin="folder"),
    ).of(name)
    return {hint.kind.value: hint.value for hint in found}


def test_groups_of_the_file_name_become_hints() -> None:
    expression = r"(?P<patient_id>\d+)_(?P<date>\d{8})_(?P<laterality>[RL])_.*\.jpe?g"
    assert hints_of(expression, b"sub/00123_20260304_R_1.jpg") == {
        "patient_id": "00123",
        "date": "20260304",
        "laterality": "R",
    }


def test_a_name_must_match_as_a_whole() -> None:
    assert hints_of(r"(?P<patient_id>\d{4})", b"12345.jpg") == {}


def test_the_folder_has_its_own_pattern() -> None:
    found = hints_of("", b"ACC77/OD/a.jpg", r"(?P<accession_number>[A-Z0-9]+)/(?P<laterality>O[DSU])")
    assert found == {"accession_number": "ACC77", "laterality": "R"}


def test_a_name_in_latin_1_is_read_and_says_so() -> None:
    pattern = compile_pattern(r"(?P<patient_name>\w+)\.jpg", setting="s", origin="file name")
    assert NameHints(pattern).of("Müller.jpg".encode("latin-1")) == (
        Hint(HintKind.PATIENT_NAME, "Müller", "file name (read as Latin-1)"),
    )


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (HintKind.BIRTH_DATE, "19700102", "19700102"),
        (HintKind.BIRTH_DATE, "1970-01-02", "19700102"),
        (HintKind.BIRTH_DATE, "03/04/2020", "03/04/2020"),
        (HintKind.BIRTH_DATE, "2026111", "2026111"),
        (HintKind.DATE, "20261399", "20261399"),
        (HintKind.TIME, "07:08", "070800"),
        (HintKind.TIME, "070809", "070809"),
        (HintKind.SEX, "female", "F"),
        (HintKind.SEX, "unknown", "unknown"),
        (HintKind.LATERALITY, "OS", "L"),
        (HintKind.PATIENT_ID, " 12\x00 \n", "12"),
    ],
)
def test_values_are_normalised_only_when_they_mean_one_thing(kind: HintKind, text: str, expected: str) -> None:
    assert normalised(kind, text) == expected


def test_two_configured_formats_that_disagree_leave_the_date_alone() -> None:
    assert normalised(HintKind.DATE, "03/04/2020", ("%d/%m/%Y",)) == "20200403"
    assert normalised(HintKind.DATE, "03/04/2020", ("%d/%m/%Y", "%m/%d/%Y")) == "03/04/2020"


@pytest.mark.parametrize(
    ("expression", "word"),
    [("(", "not a regular expression"), (r"(?P<patient_di>\d+)", "patient_di"), (r"\d+", "no named group")],
)
def test_a_faulty_expression_names_its_setting(expression: str, word: str) -> None:
    with pytest.raises(ConfigurationError, match=word) as caught:
        compile_pattern(expression, setting="hints.file_name", origin="file name")
    assert "hints.file_name" in str(caught.value)


def test_a_misspelt_group_gets_a_suggestion() -> None:
    with pytest.raises(ConfigurationError) as caught:
        compile_pattern(r"(?P<patient_di>\d+)", setting="s", origin="o")
    assert caught.value.remedy == "Did you mean patient_id?"
