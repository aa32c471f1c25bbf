"""A list of orders that a person keeps, as steps: strict as answers of a worklist SCP, each fault with its place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from types import MappingProxyType

from pydicom.datadict import dictionary_description

from gateway.domain.procedure import Step
from gateway.worklist import values as single
from gateway.worklist.csv_table import Line, Table, TableFault, normalised, read_table
from gateway.worklist.orders import cross_checked, step_of

COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "patient_id": "PatientID",
        "issuer": "IssuerOfPatientID",
        "name": "PatientName",
        "family": "",
        "given": "",
        "birth_date": "PatientBirthDate",
        "sex": "PatientSex",
        "accession_number": "AccessionNumber",
        "procedure_id": "RequestedProcedureID",
        "procedure": "RequestedProcedureDescription",
        "description": "ScheduledProcedureStepDescription",
        "modality": "Modality",
        "station_ae_title": "ScheduledStationAETitle",
        "date": "ScheduledProcedureStepStartDate",
        "time": "ScheduledProcedureStepStartTime",
        "priority": "RequestedProcedurePriority",
        "referring_physician": "ReferringPhysicianName",
        "study_instance_uid": "StudyInstanceUID",
        "step_id": "ScheduledProcedureStepID",
    }
)
"""Columns of a list and what they fill; family and given make the name together."""

_OTHER_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "id": "patient_id",
        "mrn": "patient_id",
        "pid": "patient_id",
        "patient": "name",
        "patientname": "name",
        "familyname": "family",
        "lastname": "family",
        "surname": "family",
        "givenname": "given",
        "firstname": "given",
        "dateofbirth": "birth_date",
        "dob": "birth_date",
        "patientbirthdate": "birth_date",
        "gender": "sex",
        "patientsex": "sex",
        "accession": "accession_number",
        "accessionno": "accession_number",
        "ordernumber": "accession_number",
        "requestedprocedureid": "procedure_id",
        "requestedproceduredescription": "procedure",
        "exam": "description",
        "examination": "description",
        "station": "station_ae_title",
        "scheduleddate": "date",
        "day": "date",
        "scheduledtime": "time",
        "studyuid": "study_instance_uid",
    }
)
_HEADERS = MappingProxyType({**{normalised(name): name for name in COLUMNS}, **_OTHER_WORDS})
_DATES = ("birth_date", "date")
_DAY_FIRST = re.compile(r"(\d{2})\.(\d{2})\.(\d{4})")
_YEAR_FIRST = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_ONE_DIGIT_HOUR = re.compile(r"\d:\d{2}(:\d{2})?")
_SHORTENED = re.compile(r"\d[.,]\d+[Ee]\+\d+")
_SPREADSHEET_FAULT = re.compile(r"#+|#[A-Z/0]+[!?]?")
_NUMBERS = ("patient_id", "accession_number", "procedure_id", "step_id")
_GUESSED = "Its text was not UTF-8 and was read as Western European; compare the name."
_NO_ID = "this column is needed; nothing is read"
_NO_NAME = "this column is needed, or family and given; nothing is read"


@dataclass(frozen=True, slots=True)
class OrderList:
    """What a list holds: its steps, unusable ones included, and every fault with its place."""

    steps: tuple[Step, ...]
    faults: tuple[TableFault, ...]


def read_orders(data: bytes, *, provider: str, zone: tzinfo, seed: bytes, now: datetime) -> OrderList:
    """The steps of a list in CSV.

    Parameters
    ----------
    data
        The file; see `read_table` for encodings and separators. Its header names columns of `COLUMNS`, in any order;
        patient id and name are needed. Dates are year-month-day or day.month.year; what could be read in two ways,
        such as 03/04/1971, is not read. Without a date column every order is of today.
    provider, zone, seed
        As for `step_of`.
    now
        The present, aware.

    Returns
    -------
    OrderList
        Total: any bytes give a list. A line with a fault of its identity gives an unusable step; lines that
        contradict each other are all unusable.
    """
    table = read_table(data, _HEADERS)
    missing = _missing(table)
    if missing:
        return OrderList((), (*table.faults, missing))
    found: list[Step] = []
    faults = list(table.faults)
    for line in table.lines:
        step, wrong = _step(line, table, now.astimezone(zone).date(), provider=provider, zone=zone, seed=seed)
        found.append(step)
        faults += wrong
    steps = cross_checked(found)
    checked = {step.key: step for step in steps}
    seen = set()
    for line, step in zip(table.lines, found, strict=True):
        if step.key in seen:
            faults.append(TableFault(line.number, "", "an earlier line gives the same order"))
        seen.add(step.key)
        faults += [TableFault(line.number, "", text) for text in checked[step.key].faults if text not in step.faults]
    if table.headers and not table.lines:
        faults.append(TableFault(0, "", "there is no order below the header"))
    return OrderList(steps, tuple(sorted(set(faults), key=lambda fault: (fault.line, fault.column, fault.text))))


def one_order(cells: Mapping[str, str], *, provider: str, zone: tzinfo, seed: bytes, now: datetime) -> OrderList:
    """The step of one order that a person typed, as `read_orders` reads a line with these cells by column."""
    known = {name: text.strip() for name, text in cells.items() if name in COLUMNS}
    table = Table(headers={name: name for name in known})
    missing = _missing(table)
    if missing:
        return OrderList((), (missing,))
    line = Line(0, known)
    step, wrong = _step(line, table, now.astimezone(zone).date(), provider=provider, zone=zone, seed=seed)
    return OrderList((step,), tuple(wrong))


def _missing(table: Table) -> TableFault | None:
    readable = bool(table.headers or table.lines) or not table.faults
    if readable and "patient_id" not in table.headers:
        return TableFault(0, "patient_id", _NO_ID)
    if readable and not {"name", "family"} & table.headers.keys():
        return TableFault(0, "name", _NO_NAME)
    return None


def _step(
    line: Line, table: Table, today: date, *, provider: str, zone: tzinfo, seed: bytes
) -> tuple[Step, list[TableFault]]:
    faults: list[TableFault] = []
    if line.fault:
        faults.append(TableFault(line.number, "", line.fault))
    filled = {COLUMNS[name]: text for name, text in line.cells.items() if COLUMNS[name] and text}
    if not filled.get("PatientName"):
        filled["PatientName"] = _joined_name(line, table, faults)
    elif "^" not in filled["PatientName"]:
        filled["PatientName"] = "^".join(part.strip() for part in filled["PatientName"].split(",", 1))
    _dates(line, table, filled, today, faults)
    _numbers(line, table, faults)
    if not line.cells.get("patient_id"):
        faults.append(TableFault(line.number, table.headers["patient_id"], "it is empty; cells may be merged"))
    whole = [f"In its list, {fault}." for fault in faults]
    step = step_of(filled, provider=provider, zone=zone, seed=seed, faults=whole)
    if table.guessed and not "".join(line.cells.values()).isascii():
        step = _noted(step, _GUESSED)
    faults += [TableFault(line.number, _column(text, table), text) for text in step.faults if text not in whole]
    return step, faults


def _numbers(line: Line, table: Table, faults: list[TableFault]) -> None:
    """Numbers that a spreadsheet did not keep as they were typed: two patients could be given the same one."""
    for name in _NUMBERS:
        text = line.cells.get(name, "")
        if _SHORTENED.fullmatch(text):
            why = "a spreadsheet has shortened this number; format the column as text and write the numbers again"
            faults.append(TableFault(line.number, table.headers[name], why))
        elif _SPREADSHEET_FAULT.fullmatch(text):
            faults.append(TableFault(line.number, table.headers[name], "a spreadsheet has put a fault in its place"))


def _noted(step: Step, text: str) -> Step:
    return replace(step, faults=(*step.faults, text))


def _joined_name(line: Line, table: Table, faults: list[TableFault]) -> str:
    parts = [line.cells.get(name, "") for name in ("family", "given")]
    for name, part in zip(("family", "given"), parts, strict=True):
        if "^" in part or "=" in part:
            faults.append(TableFault(line.number, table.headers[name], "a part of a name has no ^ and no ="))
    return "^".join(parts).rstrip("^")


def _dates(line: Line, table: Table, filled: dict[str, str], today: date, faults: list[TableFault]) -> None:
    """Dates and the time as the standard writes them; what is unclear makes the line unusable."""
    if "date" not in table.headers:
        filled[COLUMNS["date"]] = f"{today:%Y%m%d}"
    for name in _DATES:
        text = line.cells.get(name, "")
        day = _day(text)
        if text and day is None:
            faults.append(TableFault(line.number, table.headers[name], "it is no clear date; write it like 1971-04-02"))
            filled.pop(COLUMNS[name], None)
        elif name == "birth_date" and day is not None and day > today:
            faults.append(TableFault(line.number, table.headers[name], "it lies in the future"))
            filled.pop(COLUMNS[name], None)
        elif day is not None:
            filled[COLUMNS[name]] = f"{day:%Y%m%d}".rjust(8, "0")
    time = filled.get(COLUMNS["time"], "")
    if _ONE_DIGIT_HOUR.fullmatch(time):
        filled[COLUMNS["time"]] = f"0{time}"
    sex = line.cells.get("sex", "")
    if single.normalised_sex(sex) is None:
        faults.append(TableFault(line.number, table.headers["sex"], "it is none of F, M and O"))
        filled.pop(COLUMNS["sex"], None)


def _day(text: str) -> date | None:
    found = _YEAR_FIRST.fullmatch(text)
    parts = found.groups() if found else ()
    if not parts:
        turned = _DAY_FIRST.fullmatch(text)
        parts = turned.groups()[::-1] if turned else ()
    if not parts:
        return None
    try:
        return date(*(int(part) for part in parts))
    except ValueError:
        return None


def _column(fault: str, table: Table) -> str:
    """The header of the attribute that a fault of a value begins with or says is missing."""
    for name, header in table.headers.items():
        keyword = COLUMNS[name]
        if keyword and dictionary_description(keyword).casefold() in fault.casefold():
            return header
    return ""
