"""Query identifiers: the whole key set, one value a key, and the filter applied again here."""

from dataclasses import replace
from datetime import UTC, date, timedelta

import pytest
from pynetdicom.dsutils import encode

from gateway.worklist.query import WorklistFilter, admits, query_identifiers
from tests.support.worklist_items import NOON, step

TODAY = date(2026, 11, 21)


def test_every_key_is_asked_and_only_filters_have_values() -> None:
    (query,) = query_identifiers(WorklistFilter(station_ae_titles=("FC1",), modalities=("OP",)), TODAY)
    filled = {element.keyword: element.value for element in query if element.value and element.VR != "SQ"}
    assert filled == {}
    sps = query.ScheduledProcedureStepSequence[0]
    filled = {element.keyword: element.value for element in sps if element.value and element.VR != "SQ"}
    assert filled == {"ScheduledStationAETitle": "FC1", "Modality": "OP", "ScheduledProcedureStepStartDate": "20261121"}
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "AccessionNumber", "RequestedProcedureID"):
        assert keyword in query
    assert "SpecificCharacterSet" not in query
    assert "QueryRetrieveLevel" not in query


def test_the_required_return_keys_of_table_k_6_1_are_all_there() -> None:
    (query,) = query_identifiers(WorklistFilter(), TODAY)
    sps = query.ScheduledProcedureStepSequence[0]
    tags = {f"{element.tag:08X}" for element in [*query, *sps]}
    required = (
        "00400100 00400001 00400002 00400003 00080060 00400006 00400007 00400008 00400010 00400011 00400009 00400012 "
        "00321070 00400020 00401001 00321060 00321064 0020000D 00081110 00401003 00401004 00080050 00321032 00080090 "
        "00380010 00380300 00081120 00100010 00100020 00100030 00100040 00101030 00403001 00380500 001021C0 00102000 "
        "00102110 00380050"
    )
    assert set(required.split()) <= tags
    for element in [*query, *sps]:
        if element.VR == "SQ":
            assert len(element.value) == 1, element.keyword


def test_several_stations_and_modalities_are_several_queries() -> None:
    wanted = WorklistFilter(station_ae_titles=("A", "B"), modalities=("US", "OP"))
    asked = {
        (q.ScheduledProcedureStepSequence[0].ScheduledStationAETitle, q.ScheduledProcedureStepSequence[0].Modality)
        for q in query_identifiers(wanted, TODAY)
    }
    assert asked == {("A", "US"), ("A", "OP"), ("B", "US"), ("B", "OP")}


@pytest.mark.parametrize(
    ("back", "ahead", "expected"),
    [(0, 0, "20261121"), (1, 2, "20261120-20261123"), (None, 0, "-20261121"), (0, None, "20261121-"), (None, None, "")],
)
def test_dates_are_one_day_or_a_range(back: int | None, ahead: int | None, expected: str) -> None:
    assert WorklistFilter(days_back=back, days_ahead=ahead).date_range(TODAY) == expected


def test_a_key_beyond_ascii_names_its_character_set() -> None:
    (query,) = query_identifiers(WorklistFilter(patient_id="ÄB"), TODAY)
    assert query.SpecificCharacterSet == "ISO_IR 192"
    assert "ÄB".encode() in bytes(encode(query, is_implicit_vr=True, is_little_endian=True) or b"")


def test_the_filter_is_applied_again() -> None:
    wanted = WorklistFilter(station_ae_titles=("FC1",), modalities=("OP",), days_back=1, days_ahead=0)
    assert admits(wanted, step(), TODAY, UTC)
    assert not admits(wanted, step(station="OTHER"), TODAY, UTC)
    assert admits(wanted, step(station="OTHER\\FC1"), TODAY, UTC)
    assert not admits(wanted, step(modality="CT"), TODAY, UTC)
    assert admits(wanted, step(modality=""), TODAY, UTC)
    assert not admits(wanted, step(start=NOON + timedelta(days=1)), TODAY, UTC)
    assert admits(wanted, step(start=NOON - timedelta(days=1)), TODAY, UTC)
    assert not admits(wanted, step(start=NOON - timedelta(days=2)), TODAY, UTC)
    assert admits(wanted, step(start=None), TODAY, UTC)
    assert not admits(replace(wanted, accession_number="A2"), step(), TODAY, UTC)
    assert not admits(replace(wanted, patient_id="P2"), step(), TODAY, UTC)
