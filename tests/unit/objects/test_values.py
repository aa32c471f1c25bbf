"""Values that do not fit: what is shortened, what is refused, and what becomes of names, sexes and dates."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.domain.errors import Disposition, InvalidObject
from gateway.domain.identifiers import Uid
from gateway.objects.build import build
from gateway.objects.values import date_text, offset, time_text, tm
from tests.unit.objects.orders import PATIENT, answer, code, order, step, unscheduled


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("शर्मा^प्रिया", "शर्मा^प्रिया"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("Иванова^Анна", "Иванова^Анна"),
    ],
)
def test_a_name_outside_ascii_makes_the_object_utf8(name: str, written: str) -> None:
    dataset = build(order(subject=step(patient=replace(PATIENT, name=name)))).dataset
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    assert str(dataset.PatientName) == written


def test_an_ascii_object_names_no_character_set() -> None:
    assert "SpecificCharacterSet" not in build(order()).dataset


def test_text_outside_ascii_in_a_sequence_counts_too() -> None:
    identifier = answer() | {"00321064": {"vr": "SQ", "Value": [code("RP", "99SITE", "Œil")]}}
    assert build(order(subject=step(identifier))).dataset.SpecificCharacterSet == "ISO_IR 192"


def test_text_outside_ascii_in_one_of_several_values_counts_too() -> None:
    identifier = answer() | {"00102000": {"vr": "LO", "Value": ["Plain", "not\xa0plain"]}}
    assert build(order(subject=step(identifier))).dataset.SpecificCharacterSet == "ISO_IR 192"


def test_a_long_description_is_shortened_with_a_note() -> None:
    built = build(order(subject=step(requested_procedure_description="x" * 80)))
    assert built.dataset.StudyDescription == "x" * 64
    assert built.dataset.RequestAttributesSequence[0].RequestedProcedureDescription == "x" * 64
    assert "Study Description was shortened to 64 characters." in built.notes


@pytest.mark.parametrize(
    ("subject", "attribute"),
    [
        (step(patient=replace(PATIENT, patient_id="9" * 65)), "Patient ID"),
        (step(patient=replace(PATIENT, patient_id="9\\9")), "Patient ID"),
        (step(patient=replace(PATIENT, patient_id="9\udcff9")), "Patient ID"),
        (step(accession_number="A" * 17), "Accession Number"),
        (step(requested_procedure_id="A" * 17), "Requested Procedure ID"),
        (step(patient=replace(PATIENT, name="x" * 65)), "Patient's Name"),
        (step(patient=replace(PATIENT, name="a=b=c=d")), "Patient's Name"),
    ],
)
def test_what_identifies_is_refused_rather_than_cut(subject: object, attribute: str) -> None:
    with pytest.raises(InvalidObject, match=attribute) as caught:
        build(order(subject=subject))  # type: ignore[arg-type]  # the table above holds steps only
    assert caught.value.disposition is Disposition.QUARANTINE
    assert caught.value.remedy
    assert "xxx" not in str(caught.value)
    assert "999" not in str(caught.value)


@pytest.mark.parametrize("bad", ["1.2.03", "1.2." + "3" * 64, "abc", ""])
def test_a_malformed_uid_is_refused(bad: str) -> None:
    good = order(subject=unscheduled())
    with pytest.raises(InvalidObject, match="Series Instance UID"):
        build(replace(good, identity=replace(good.identity, series_instance_uid=Uid(bad))))


def test_an_instance_of_another_study_than_its_step_is_refused() -> None:
    good = order()
    with pytest.raises(InvalidObject, match="another Study Instance UID"):
        build(replace(good, identity=replace(good.identity, study_instance_uid=Uid("1.2.3"))))


def test_a_name_is_brought_into_form() -> None:
    built = build(order(subject=step(patient=replace(PATIENT, name="A^B^C^D^E^F\x00\\G^"))))
    assert str(built.dataset.PatientName) == "A^B^C^D^E F  G"
    assert len(built.notes) == 2


@pytest.mark.parametrize(("sex", "written"), [("F", "F"), ("O", "O"), ("U", ""), ("female", ""), ("", "")])
def test_only_the_standards_sexes_are_written(sex: str, written: str) -> None:
    built = build(order(subject=unscheduled(replace(PATIENT, sex=sex))))
    assert (built.dataset.PatientSex or "") == written
    assert bool(built.notes) == (sex not in {"F", "O", ""})


@pytest.mark.parametrize(
    ("text", "written"),
    [("19700203", "19700203"), ("1970.02.03", "19700203"), ("19700231", ""), ("1970", ""), ("", "")],
)
def test_only_real_dates_are_written(text: str, written: str) -> None:
    assert date_text(text) == written


@pytest.mark.parametrize(("text", "written"), [("09:15", "0915"), ("2400", ""), ("091500.5", "091500.5"), ("9", "")])
def test_only_real_times_are_written(text: str, written: str) -> None:
    assert time_text(text) == written


@pytest.mark.parametrize(("minutes", "text"), [(0, "+0000"), (330, "+0530"), (-210, "-0330"), (840, "+1400")])
def test_offsets_have_a_sign_and_no_negative_zero(minutes: int, text: str) -> None:
    assert offset(datetime(2026, 1, 1, tzinfo=timezone(timedelta(minutes=minutes)))) == text


def test_times_have_milliseconds_where_there_are_any() -> None:
    assert tm(datetime(2026, 1, 1, 2, 3, 4, tzinfo=UTC)) == "020304"
    assert tm(datetime(2026, 1, 1, 2, 3, 4, 5999, tzinfo=UTC)) == "020304.005"


def test_an_unreadable_value_of_the_answer_spoils_nothing_else() -> None:
    identifier = answer() | {"00101030": {"vr": "DS", "Value": ["heavy"]}, "00100099": {"vr": "??", "Value": [1]}}
    built = build(order(subject=step(identifier)))
    assert "PatientWeight" not in built.dataset
    assert built.dataset.PatientSize == 1.72
    assert any("PatientWeight" in note for note in built.notes)


@pytest.mark.parametrize("text", ["not json", "[]"])
def test_an_answer_that_is_no_dicom_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidObject, match="DICOM JSON"):
        build(order(subject=replace(step(), identifier=text)))


def test_an_identifier_that_is_not_needed_is_left_out_when_it_does_not_fit() -> None:
    other = {"00100020": {"vr": "LO", "Value": ["7" * 70]}}
    identifier = answer() | {
        "00380010": {"vr": "LO", "Value": ["9" * 70]},
        "00101002": {"vr": "SQ", "Value": [other]},
    }
    built = build(order(subject=step(identifier)))
    assert "AdmissionID" not in built.dataset
    assert "OtherPatientIDsSequence" not in built.dataset
    assert any(note.startswith("Admission ID has 70 characters") for note in built.notes)


def test_codes_without_meaning_or_with_long_values_are_mended() -> None:
    mended = code("V" * 20, "99SITE", "Long one")
    bare = {k: v for k, v in code("V1", "99SITE", "").items() if k != "00080104"}
    useless = {"00080104": {"vr": "LO", "Value": ["only words"]}}
    identifier = answer() | {"00321064": {"vr": "SQ", "Value": [mended, bare, useless]}}
    built = build(order(subject=step(identifier)))
    first, second = built.dataset.RequestAttributesSequence[0].RequestedProcedureCodeSequence
    assert (first.LongCodeValue, second.CodeMeaning) == ("V" * 20, "V1")
    assert "An unusable item of Requested Procedure Code Sequence was left out." in built.notes
