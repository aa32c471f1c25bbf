"""Answers of good, sloppy and dishonest providers as steps."""

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, Sequence
from pynetdicom.dsutils import decode, encode

from gateway.domain.procedure import Step
from gateway.worklist.response import parse_response
from tests.support.worklist_items import answer, received

KOLKATA = ZoneInfo("Asia/Kolkata")
UTF_8 = "ISO_IR 192"


def parse(dataset: Dataset, assumed: str | None = None) -> Step:
    return parse_response(dataset, provider="HIS", zone=KOLKATA, assumed_character_set=assumed)


def named(name_bytes: bytes, character_set: str | None) -> Dataset:
    """An answer whose Patient's Name is exactly `name_bytes`, labelled as given."""
    placeholder = b"X" * len(name_bytes)
    dataset = answer(PatientName=placeholder.decode("ascii"))
    if character_set is not None:
        dataset.SpecificCharacterSet = character_set.split("\\")
    return received(dataset, {placeholder: name_bytes})


def test_a_good_answer_becomes_a_step() -> None:
    step = parse(received(answer(RequestedProcedurePriority="HIGH", IssuerOfPatientID="HOSP")))
    assert step.usable
    assert step.faults == ()
    assert (step.key.provider, step.key.study_instance_uid, step.key.step_id) == ("HIS", "1.2.3", "SPS1")
    assert (step.patient.patient_id, step.patient.issuer, step.patient.name) == ("4711", "HOSP", "Doe^Jane")
    assert (step.patient.birth_date, step.patient.sex) == ("19700102", "F")
    assert (step.accession_number, step.requested_procedure_id, step.modality) == ("A1", "RP1", "OP")
    assert step.start == datetime(2026, 11, 21, 9, 30, tzinfo=KOLKATA)
    assert step.priority == "HIGH"


def test_an_item_has_the_character_set_of_the_data_set_around_it() -> None:
    dataset = answer(SpecificCharacterSet=UTF_8, sps_ScheduledProcedureStepDescription="Übersicht, जाँच")
    step = parse(received(dataset))
    assert (step.description, step.faults) == ("Übersicht, जाँच", ())


def test_the_identifier_is_json_that_pydicom_reads_back() -> None:
    dataset = answer(PatientWeight="61.5", PregnancyStatus=4, PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう")
    dataset.SpecificCharacterSet = UTF_8
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99X", "眼底"
    dataset.RequestedProcedureCodeSequence = Sequence([code])
    back = Dataset.from_json(parse(received(dataset)).identifier)
    assert str(back.PatientName) == "Yamada^Tarou=山田^太郎=やまだ^たろう"
    assert back.PatientWeight == 61.5
    assert back.PregnancyStatus == 4
    assert back.RequestedProcedureCodeSequence[0].CodeMeaning == "眼底"
    assert back.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID == "SPS1"
    assert "SpecificCharacterSet" not in back


def test_a_declared_set_is_obeyed_and_one_in_an_item_overrides_it() -> None:
    dataset = answer(sps_ScheduledProcedureStepDescription="Дно")
    dataset.ScheduledProcedureStepSequence[0].SpecificCharacterSet = "ISO_IR 144"
    dataset.SpecificCharacterSet, dataset.PatientName = "ISO_IR 100", "Müller^Jörg"
    step = parse(received(dataset))
    assert step.patient.name == "Müller^Jörg"
    assert step.description == "Дно"
    assert step.faults == ()


NAMES = ["शर्मा^सुनीता", "Иванов^Пётр", "Yamada^Tarou=山田^太郎"]


@pytest.mark.parametrize("name", NAMES)
def test_text_without_a_set_is_read_as_assumed_and_says_so(name: str) -> None:
    step = parse(named(name.encode(), None), UTF_8)
    assert step.patient.name == name
    assert step.usable
    assert any("ISO_IR 192" in fault and "assumed" in fault for fault in step.faults)


@pytest.mark.parametrize("name", NAMES)
def test_utf_8_labelled_as_latin_1_is_read_as_utf_8_where_the_site_says_so(name: str) -> None:
    step = parse(named(name.encode(), "ISO_IR 100"), UTF_8)
    assert step.patient.name == name
    assert any("labelled ISO_IR 100" in fault for fault in step.faults)


def test_honest_latin_1_is_never_taken_for_utf_8() -> None:
    step = parse(named("Müller^Jörg".encode("latin-1"), "ISO_IR 100"), UTF_8)
    assert step.patient.name == "Müller^Jörg"
    assert step.faults == ()


def test_without_the_sites_word_a_label_is_believed() -> None:
    step = parse(named("Mü".encode(), "ISO_IR 100"), "ISO_IR 100")
    assert step.patient.name == "MÃ¼"


def test_one_value_that_is_no_utf_8_keeps_the_label_for_all() -> None:
    dataset = answer(PatientName="X" * 3, MedicalAlerts="Y" * 3)
    dataset.SpecificCharacterSet = "ISO_IR 100"
    step = parse(received(dataset, {b"XXX": "üa".encode(), b"YYY": b"a\xe9\xe9"}), UTF_8)
    assert step.patient.name == "Ã¼a"


@pytest.mark.parametrize("character_set", [None, "KOI8", UTF_8])
def test_a_name_that_cannot_be_read_makes_the_step_unusable(character_set: str | None) -> None:
    step = parse(named(b"J\xe9r\xf4me^A", character_set))
    assert not step.usable
    assert any("Patient's Name cannot be read" in fault for fault in step.faults)


def test_a_description_that_cannot_be_read_is_left_out_and_harmless() -> None:
    step = parse(received(answer(sps_ScheduledProcedureStepDescription="XXXX"), {b"XXXX": b"a\xe9\xff\xfe"}))
    assert step.usable
    assert step.description == ""
    assert len(step.faults) == 1


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"PatientID": ""}, "no Patient ID"),
        ({"PatientID": "9" * 65}, "longer than the 64"),
        ({"PatientID": ["1", "2"]}, "several values"),
        ({"AccessionNumber": "A" * 17}, "longer than the 16"),
        ({"RequestedProcedureID": "A" * 17}, "longer than the 16"),
        ({"sps_ScheduledProcedureStepID": "A" * 17}, "longer than the 16"),
        ({"StudyInstanceUID": ""}, "no valid Study Instance UID"),
        ({"ScheduledProcedureStepSequence": Sequence([])}, "exactly one Scheduled Procedure Step"),
        ({"ScheduledProcedureStepSequence": Sequence([Dataset(), Dataset()])}, "exactly one"),
    ],
)
def test_identity_that_cannot_be_trusted_makes_the_step_unusable(changes: dict[str, object], fault: str) -> None:
    step = parse(received(answer(**changes)))
    assert not step.usable
    assert any(fault in text for text in step.faults)


@pytest.mark.parametrize("uid", [b"1.02.3", b"1.2.3a", b"abcdef"])
def test_a_bad_study_uid_is_refused(uid: bytes) -> None:
    step = parse(received(answer(StudyInstanceUID="1.22.3"), {b"1.22.3": uid}))
    assert not step.usable


@pytest.mark.parametrize(
    ("changes", "attribute", "value"),
    [
        ({"PatientSex": "f"}, "sex", "F"),
        ({"PatientSex": "U"}, "sex", ""),
        ({"PatientBirthDate": "1970.01.02"}, "birth_date", "19700102"),
        ({"PatientBirthDate": "19701302"}, "birth_date", ""),
        ({"PatientID": " 4711 "}, "patient_id", "4711"),
        ({"PatientName": "Doe^Jane^^^"}, "name", "Doe^Jane"),
        ({"PatientName": "JANE DOE"}, "name", "JANE DOE"),
        ({"PatientName": ""}, "name", ""),
        ({"PatientName": "D" * 70}, "name", "D" * 64),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_sloppy_values_are_normalised(changes: dict[str, object], attribute: str, value: str) -> None:
    step = parse(received(answer(**changes)))
    assert step.usable
    assert getattr(step.patient, attribute) == value


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_times_follow_the_answers_zone_else_the_stations() -> None:
    stated = parse(received(answer(TimezoneOffsetFromUTC="+0100")))
    assert stated.start == datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
    assert stated.start is not None
    assert stated.start.utcoffset() == timedelta(hours=5, minutes=30)
    invalid = parse(received(answer(TimezoneOffsetFromUTC="+2500")))
    assert invalid.start == datetime(2026, 11, 21, 9, 30, tzinfo=KOLKATA)
    assert any("zone" in fault for fault in invalid.faults)
    old = parse(received(answer(sps_ScheduledProcedureStepStartTime="09:30")))
    assert old.start == datetime(2026, 11, 21, 9, 30, tzinfo=KOLKATA)


@pytest.mark.parametrize(("day", "clock"), [("", "0930"), ("20261121", ""), ("20261399", "0930"), ("20261121", "2530")])
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_a_step_without_a_usable_start_is_kept_and_noted(day: str, clock: str) -> None:
    changes = {"sps_ScheduledProcedureStepStartDate": day, "sps_ScheduledProcedureStepStartTime": clock}
    step = parse(received(answer(**changes)))
    assert step.usable
    assert step.start is None
    assert any("start" in fault.lower() for fault in step.faults)


def test_an_identity_attribute_sent_as_a_sequence_is_refused() -> None:
    dataset = answer()
    data = bytes(encode(dataset, is_implicit_vr=False, is_little_endian=True) or b"")
    wrong = data.replace(b"\x10\x00\x20\x00LO\x04\x004711", b"\x10\x00\x20\x00SQ\x00\x00\x00\x00\x00\x00")
    assert wrong != data
    step = parse(decode(BytesIO(wrong), is_implicit_vr=False, is_little_endian=True))
    assert not step.usable


def test_faults_carry_no_patient_data() -> None:
    step = parse(named("Jéronime^Secret".encode("latin-1"), UTF_8))
    assert step.faults
    assert not any("Secret" in fault or "4711" in fault for fault in step.faults)


GOOD = bytes(encode(answer(), is_implicit_vr=True, is_little_endian=True) or b"")


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=8), st.sampled_from([None, UTF_8]))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_any_damage_gives_a_step_or_no_data_set(position: int, damage: bytes, assumed: str | None) -> None:
    data = GOOD[:position] + damage + GOOD[position + len(damage) :]
    try:
        dataset = decode(BytesIO(data), is_implicit_vr=True, is_little_endian=True)
    except Exception:  # noqa: BLE001 - the reader of the network drops what is no data set; here only the parser counts
        return
    step = parse(dataset, assumed)
    json.loads(step.identifier)
    assert step.usable is False or step.patient.patient_id


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_any_text_gives_a_step(patient_id: str, name: str, uid: str) -> None:
    dataset = answer()
    dataset.SpecificCharacterSet = UTF_8
    dataset.PatientID, dataset.PatientName = patient_id, name
    dataset.add_new("StudyInstanceUID", "LO", uid)
    step = parse(dataset)
    json.loads(step.identifier)
    assert len(step.patient.patient_id) <= 64 or not step.usable


@pytest.mark.filterwarnings("ignore:The value length")
def test_a_faulty_other_id_is_left_out_and_does_not_harm_the_step() -> None:
    other = Dataset()
    other.PatientID, other.IssuerOfPatientID = "9" * 65, "ELSEWHERE"
    step = parse(received(answer(OtherPatientIDsSequence=Sequence([other]))))
    assert step.usable
    assert any("longer than the 64" in fault for fault in step.faults)
    back = Dataset.from_json(step.identifier).OtherPatientIDsSequence[0]
    assert "PatientID" not in back
    assert back.IssuerOfPatientID == "ELSEWHERE"


# -- zones and daylight saving ------------------------------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("day", "clock", "offset", "start", "noted"),
    [
        ("20261121", "093000", "", "2026-11-21T09:30:00+01:00", ""),
        ("20260721", "093000", "", "2026-07-21T09:30:00+02:00", ""),
        ("20260721", "093000", "+0530", "2026-07-21T06:00:00+02:00", ""),
        ("20260721", "093000", "0530", "2026-07-21T09:30:00+02:00", "offset is invalid"),
        ("20260329", "023000", "", "2026-03-29T03:30:00+02:00", "leave out"),
        ("20261025", "023000", "", "2026-10-25T02:30:00+02:00", "repeat"),
        ("20261025", "023000", "+0100", "2026-10-25T02:30:00+01:00", ""),
        ("00010101", "000000", "+1400", None, "outside the calendar"),
    ],
)
def test_a_start_is_a_moment_also_when_the_clocks_change(
    day: str, clock: str, offset: str, start: str | None, noted: str
) -> None:
    item = answer(
        sps_ScheduledProcedureStepStartDate=day, sps_ScheduledProcedureStepStartTime=clock,
        TimezoneOffsetFromUTC=offset,
    )  # fmt: skip
    found = parse_response(received(item), provider="HIS", zone=BERLIN, assumed_character_set=None)
    assert (found.start.isoformat() if found.start else None) == start
    assert any(noted in fault for fault in found.faults) if noted else not found.faults
    assert found.usable


def test_a_provider_in_another_zone_is_read_in_its_own() -> None:
    new_york = ZoneInfo("America/New_York")
    item = answer(sps_ScheduledProcedureStepStartDate="20260308", sps_ScheduledProcedureStepStartTime="0230")
    found = parse_response(
        received(item), provider="HIS", zone=BERLIN, assumed_character_set=None, assumed_zone=new_york
    )
    assert found.start is not None
    assert found.start.isoformat() == "2026-03-08T08:30:00+01:00"
    assert any("leave out" in fault for fault in found.faults)
