"""Lists that people keep: what can be read, what each fault is called and where, and that nothing unsafe is usable."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.identifiers import is_valid_uid
from gateway.worklist.csv_orders import OrderList, one_order, read_orders
from gateway.worklist.csv_table import LARGEST_BYTES

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
HEADER = "patient_id,name,birth_date,sex,accession_number,date,time,modality"
GOOD = "P1,Rao^Asha,1971-04-02,F,A1,2026-11-21,10:30,OP"


def read(data: bytes | str, seed: bytes = b"box") -> OrderList:
    content = data.encode() if isinstance(data, str) else data
    return read_orders(content, provider="local", zone=UTC, seed=seed, now=NOW)


def listed(*lines: str, header: str = HEADER) -> OrderList:
    return read("\n".join((header, *lines)))


def texts(found: OrderList) -> str:
    return "\n".join(str(fault) for fault in found.faults)


def test_a_good_line_becomes_a_step() -> None:
    found = listed(GOOD)
    (step,) = found.steps
    assert found.faults == ()
    assert step.usable
    assert (step.patient.patient_id, step.patient.name, step.patient.birth_date) == ("P1", "Rao^Asha", "19710402")
    assert (step.accession_number, step.modality, step.key.step_id) == ("A1", "OP", "1")
    assert step.start == datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
    assert is_valid_uid(step.key.study_instance_uid)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_separators_and_encodings(separator: str, codec: str) -> None:
    text = f"{HEADER}\r\n{GOOD}\r\n".replace("Asha", "आशा").replace(",", separator)
    found = read(text.encode(codec))
    assert [step.patient.name for step in found.steps] == ["Rao^आशा"]
    assert found.faults == ()


def test_other_encodings_are_guessed_and_said() -> None:
    found = read(f"{HEADER}\n{GOOD}\n".replace("Rao", "Müller").encode("latin-1"))
    assert [step.patient.name for step in found.steps] == ["Müller^Asha"]
    assert "was read as Western European" in texts(found)
    assert "compare the name" in found.steps[0].faults[0]


def test_the_study_is_the_same_at_every_import_and_another_for_another_patient_or_box() -> None:
    first, again = listed(GOOD).steps[0], listed(GOOD.replace("10:30", "11:00")).steps[0]
    other = listed(GOOD.replace("P1", "P2")).steps[0]
    assert first.key == again.key
    assert first.key != other.key
    assert read(f"{HEADER}\n{GOOD}", seed=b"another").steps[0].key != first.key


def test_columns_may_have_other_names_and_order_and_the_name_two_parts() -> None:
    found = listed("Asha;Rao;P1;f", header="First name;Last name;MRN;Gender")
    assert [(one.patient.name, one.patient.patient_id, one.patient.sex) for one in found.steps] == [
        ("Rao^Asha", "P1", "F")
    ]
    assert 'name="' not in texts(found)


def test_a_list_without_dates_is_of_today() -> None:
    (step,) = listed("P1,Rao,10:30", header="patient_id,name,time").steps
    assert step.start == datetime(2026, 11, 21, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (GOOD.replace("P1,", ","), "line 2, column patient_id: it is empty; cells may be merged"),
        (GOOD.replace("P1,", "P\\1,"), "line 2, column patient_id: Patient ID has several values"),
        (GOOD.replace("P1,", "P" * 65 + ","), "line 2, column patient_id: Patient ID is longer"),
        (GOOD.replace("P1,", "1.23457E+11,"), "line 2, column patient_id: a spreadsheet has shortened this number"),
        (GOOD.replace("P1,", '"1,23457E+11",'), "line 2, column patient_id: a spreadsheet has shortened this number"),
        (GOOD.replace("P1,", "#N/A,"), "line 2, column patient_id: a spreadsheet has put a fault in its place"),
        (GOOD.replace("P1,", "#####,"), "line 2, column patient_id: a spreadsheet has put a fault in its place"),
        (GOOD.replace("A1", "2.02611E+15"), "line 2, column accession_number: a spreadsheet has shortened this number"),
        (GOOD.replace("A1", "#NAME?"), "line 2, column accession_number: a spreadsheet has put a fault in its place"),
        (GOOD.replace("A1", "A" * 17), "line 2, column accession_number: Accession Number is longer"),
        (GOOD.replace("1971-04-02", "03/04/1971"), "line 2, column birth_date: it is no clear date"),
        (GOOD.replace("1971-04-02", "1971-02-30"), "line 2, column birth_date: it is no clear date"),
        (GOOD.replace("1971-04-02", "2027-01-01"), "line 2, column birth_date: it lies in the future"),
        (GOOD.replace("2026-11-21", "21/11/26"), "line 2, column date: it is no clear date"),
        (GOOD.replace(",F,", ",X,"), "line 2, column sex: it is none of F, M and O"),
        (GOOD.replace(",OP", ""), "line 2: it has 7 cells and the header 8"),
        (GOOD + ",x", "line 2: it has 9 cells and the header 8"),
        (GOOD.replace("Rao^Asha", '"Rao\nP2"'), "line 2: a cell goes over several lines"),
    ],
)
def test_a_faulty_line_is_shown_with_its_place_and_never_usable(line: str, said: str) -> None:
    found = listed(line, GOOD.replace("P1", "P9").replace("A1", "A9"))
    assert said in texts(found)
    assert [step.usable for step in found.steps] == [False, True]
    assert found.steps[0].faults


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (GOOD.replace("P1", "P2"), "Its accession number is given to two patients."),
        (GOOD.replace("Rao", "Roy").replace("A1", "A2"), "Its patient ID comes with two names"),
        (GOOD.replace("1971", "1972").replace("A1", "A2"), "Its patient ID comes with two names"),
    ],
)
def test_lines_that_contradict_each_other_are_all_unusable(second: str, said: str) -> None:
    found = listed(GOOD, second)
    assert not any(step.usable for step in found.steps)
    assert texts(found).count(said) == 2


@pytest.mark.parametrize("number", ["1E5", "12E+3", "E+11", "1.2", "1.5E", "#12", "-"])
def test_an_id_that_only_looks_like_a_shortened_number_is_taken(number: str) -> None:
    assert [step.usable for step in listed(GOOD.replace("P1,", f"{number},")).steps] == [True]


def test_the_same_line_twice_is_one_order() -> None:
    found = listed(GOOD, GOOD)
    assert [step.usable for step in found.steps] == [True]
    assert "line 3: an earlier line gives the same order" in texts(found)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04rest", "it is a spreadsheet file"),
        (b"a,b\x00c", "it holds zero bytes"),
        (b"x" * (LARGEST_BYTES + 1), "larger than"),
        (b"\xff\xfea", "it is not the UTF-16"),
        (b"name,sex\nRao,F", "column patient_id: this column is needed"),
        (b"patient_id,sex\nP1,F", "column name: this column is needed"),
        (b"mrn,pid,name\n1,2,Rao", "two columns mean the same"),
        (HEADER.encode(), "no order below the header"),
        (f'{HEADER}\n"P1,Rao'.encode(), "a quote is not closed"),
    ],
)
def test_what_is_no_list_is_refused_with_its_reason(data: bytes, said: str) -> None:
    found = read(data)
    assert said in texts(found)
    assert found.steps == ()


def test_a_broken_quote_keeps_what_stands_above_it() -> None:
    found = listed(GOOD, 'P2,"Roy')
    assert [step.patient.patient_id for step in found.steps] == ["P1"]
    assert "line 3: a quote is not closed" in texts(found)


def test_faults_hold_no_patient_data() -> None:
    found = listed(
        "Secretname9,Secretname9,03/04/1971,Y,Secretname9", "P1", header="patient_id,name,birth_date,sex,foo"
    )
    assert "Secretname9" not in texts(found)
    assert "Secretname9" not in "".join(text for step in found.steps for text in step.faults)


def test_a_typed_order_is_checked_alike() -> None:
    def typed(**cells: str) -> OrderList:
        return one_order(cells, provider="local", zone=UTC, seed=b"box", now=NOW)

    assert [step.usable for step in typed(patient_id="P1", name="Rao^Asha", time="9:30").steps] == [True]
    assert [step.usable for step in typed(patient_id="", name="Rao^Asha").steps] == [False]
    assert "column birth_date" in texts(typed(patient_id="P1", name="Rao", birth_date="1/2/71"))
    assert typed(name="Rao").steps == ()


@given(st.binary(max_size=400))
def test_any_bytes_give_a_list(data: bytes) -> None:
    read(data)


@given(st.data())
def test_a_mutated_list_never_gives_a_usable_step_of_a_torn_identity(data: st.DataObject) -> None:
    """Whatever one byte becomes, an accession number stands under one patient, and usable steps are identified."""
    content = bytearray(f"{HEADER}\n{GOOD}\n{GOOD.replace('P1', 'P2').replace('A1', 'A2')}\n".encode())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    usable = [step for step in read(bytes(content)).steps if step.usable]
    assert all(step.patient.patient_id and is_valid_uid(step.key.study_instance_uid) for step in usable)
    owners = [(step.accession_number, step.patient.patient_id) for step in usable if step.accession_number]
    assert len({number for number, _ in owners}) == len(set(owners))


def test_the_wing_reads_bytes_not_files() -> None:
    assert "open(" not in Path(read_orders.__code__.co_filename).read_text(encoding="utf-8")
