"""A typed or exported table as lines of cells, with the place of each fault: encoding, separator, header, row width."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.domain.identifiers import display_name

LARGEST_BYTES = 64 * 1024
"""Most bytes of one list; some five hundred orders."""

_SEPARATORS = ",;\t"
_MARKS: Mapping[bytes, str] = MappingProxyType(
    {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
)
_ARCHIVE = b"PK\x03\x04"
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True)
class TableFault:
    """What is wrong, in which line (from 1; 0 if it is about none) and under which column; without patient data."""

    line: int
    column: str
    text: str

    def __str__(self) -> str:
        places = [f"line {self.line}"] if self.line else []
        places += [f"column {self.column}"] if self.column else []
        return f"{', '.join(places)}: {self.text}" if places else self.text


@dataclass(frozen=True, slots=True)
class Line:
    """One line below the header; `cells` by known column, `fault` if its cells cannot be told apart."""

    number: int
    cells: Mapping[str, str]
    fault: str = ""


@dataclass(slots=True)
class Table:
    """A table as read; without `lines` when it cannot be read at all, and `faults` say why.

    `headers` are the header's own words by column; `guessed` says that the encoding had to be assumed.
    """

    headers: dict[str, str] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    faults: list[TableFault] = field(default_factory=list)
    guessed: bool = False


def read_table(data: bytes, columns: Mapping[str, str]) -> Table:
    """Read a table whose header names columns.

    Parameters
    ----------
    data
        The file: UTF-8 with or without mark, UTF-16 with mark, or else taken as Windows-1252 (Western European);
        separated by comma, semicolon or tab.
    columns
        Known headers, as `normalised` writes them, to names of columns.

    Returns
    -------
    Table
        Total: any bytes give a table, perhaps an empty one with its fault.
    """
    table = Table()
    text = _decoded(data, table)
    if text is not None:
        _read(text, columns, table)
    return table


def normalised(header: str) -> str:
    """A header without case, spaces and signs."""
    return "".join(character for character in header.casefold() if character.isalnum())


def _decoded(data: bytes, table: Table) -> str | None:
    if len(data) > LARGEST_BYTES:
        return _refused(table, f"it is larger than {LARGEST_BYTES // 1024} KiB; split it")
    if data.startswith((_ARCHIVE, _OLD_WORKBOOK)):
        return _refused(table, "it is a spreadsheet file; save it as CSV (UTF-8)")
    codec = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as fault:
        if codec != "utf-8":
            return _refused(table, f"it is not the {codec.removesuffix('-sig').upper()} that its first bytes promise")
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError:
            return _refused(table, f"it is no text: byte {fault.start} fits neither UTF-8 nor Windows-1252")
        table.guessed = True
        table.faults.append(
            TableFault(0, "", "it is not UTF-8 and was read as Western European; compare names with signs beyond a-z")
        )
    return _refused(table, "it is no text: it holds zero bytes") if "\0" in text else text


def _refused(table: Table, why: str) -> str | None:
    """Note why nothing can be read, and give that nothing."""
    table.faults.append(TableFault(0, "", why))
    return None


def _read(text: str, columns: Mapping[str, str], table: Table) -> None:
    rows = _rows(text, columns, table)
    head = next(rows, None)
    if head is None:
        if not table.faults:
            _refused(table, "it is empty")
        return
    number, header = head
    names = [columns.get(normalised(cell), "") for cell in header]
    if _header_faults(number, header, names, table):
        return
    table.headers = {name: cell.strip() for name, cell in zip(names, header, strict=True) if name}
    table.lines.extend(_line(number, cells, names) for number, cells in rows)


def _rows(text: str, columns: Mapping[str, str], table: Table) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of every line that is not empty, for as far as it is a table."""
    lines = text.splitlines(keepends=True)
    skipped = 1 if lines and normalised(lines[0][:4]) == "sep" else 0
    body = "".join(lines[skipped:])
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=_separator(body, columns), strict=True)
    before = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            table.faults.append(
                TableFault(
                    before + skipped + 1, "", "a quote is not closed, or text follows one; nothing below is read"
                )
            )
            return
        number, before = before + skipped + 1, reader.line_num
        if any(cell.strip() for cell in cells):
            yield number, cells


def _separator(body: str, columns: Mapping[str, str]) -> str:
    """The sign that finds most known columns in the first line that holds something."""
    first = next((line for line in body.splitlines() if line.strip()), "")
    return max(_SEPARATORS, key=lambda sign: sum(normalised(cell) in columns for cell in first.split(sign)))


def _header_faults(number: int, header: Sequence[str], names: Sequence[str], table: Table) -> bool:
    """Note what is wrong with the header; whether nothing can be read below it."""
    doubled = False
    for cell, name in zip(header, names, strict=True):
        if not name and cell.strip():
            table.faults.append(TableFault(number, _shown(cell), "this column is not known and is not used"))
        elif name and names.count(name) > 1:
            doubled = True
            table.faults.append(TableFault(number, _shown(cell), "two columns mean the same; nothing is read"))
    return doubled


def _shown(cell: str) -> str:
    """A header for people: short, and no patient's data even if the list has no header at all."""
    return (
        f"{normalised(cell)[:3]}..."
        if any(c.isdigit() for c in cell)
        else display_name(" ".join(cell.split())[:30].encode())
    )


def _line(number: int, cells: Sequence[str], names: Sequence[str]) -> Line:
    known = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if name}
    fault = ""
    if len(cells) < len(names) or any(cell.strip() for cell in cells[len(names) :]):
        fault = f"it has {len(cells)} cells and the header {len(names)}: cells are merged, or a separator is missing"
    elif any("\n" in cell or "\r" in cell for cell in cells):
        fault = "a cell goes over several lines; perhaps a quote is not closed"
    return Line(number, known, fault)
