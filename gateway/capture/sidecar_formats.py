"""XML, JSON, CSV and INI sidecars as values by kind of hint; document types and entities of XML are refused."""

import configparser
import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import NoReturn
from xml.etree import ElementTree as ET
from xml.parsers import expat

from gateway.domain.acquisition import HintKind
from gateway.domain.errors import ConfigurationError, UnreadableInput

Locators = Mapping[HintKind, str]
_Values = dict[HintKind, list[str]]
_MAX_DEPTH = 64
_DELIMITERS = ",;\t|"
_REMEDY = "Look at the file; correct it at the device and export the exam again."


def read_xml(text: str, locators: Locators, name: str, selector: str) -> _Values:
    """Values at paths like ``/exam/patient/id`` and ``/exam/@acc``; names are compared without their namespaces."""
    del selector
    root = _xml_tree(text, name)
    return {kind: list(_xml_values(root, locator)) for kind, locator in locators.items()}


def check_xml_locator(locator: str, setting: str) -> None:
    """Raise `ConfigurationError` unless the path can be followed."""
    if not locator.startswith("/") or not locator.strip("/"):
        raise ConfigurationError(
            f"{setting}: {locator} is no absolute path.", remedy="Write /exam/patient/id or /exam/@id."
        )
    if locator.count("[") != locator.count("]"):
        raise ConfigurationError(f"{setting}: {locator} is no path: its brackets do not match.")
    try:
        list(_xml_values(ET.Element(_steps(locator)[0]), locator))
    except (SyntaxError, KeyError, ValueError) as error:
        raise ConfigurationError(f"{setting}: {locator} is no path: {error}.") from error


def _steps(locator: str) -> tuple[str, str, str]:
    """Root name, the path below it and the attribute, the last two possibly empty."""
    path, _, attribute = locator.partition("/@")
    root, _, below = path.strip("/").partition("/")
    return root, below, attribute


def _xml_values(root: ET.Element, locator: str) -> Iterable[str]:
    top, below, attribute = _steps(locator)
    if root.tag != top:
        return
    for element in root.findall(below) if below else [root]:
        yield (element.get(attribute, "") if attribute else "".join(element.itertext())).strip()


def _xml_tree(text: str, name: str) -> ET.Element:
    builder = ET.TreeBuilder()
    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise UnreadableInput(f"{name} is nested too deeply, line {parser.CurrentLineNumber}.", remedy=_REMEDY)
        builder.start(_local(tag), {_local(key): value for key, value in attributes.items()})

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_local(tag))

    def refuse(*_: object) -> NoReturn:
        raise UnreadableInput(
            f"{name} declares a document type or entities, line {parser.CurrentLineNumber}; that is refused.",
            remedy="Export the sidecar without a DOCTYPE.",
        )

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, builder.data
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(text.encode("utf-8", errors="replace"), True)
    except expat.ExpatError as error:
        raise _damaged(name, error.lineno, expat.errors.messages[error.code]) from error
    return builder.close()


def _local(tag: str) -> str:
    return tag.rpartition(" ")[2]


def read_json(text: str, locators: Locators, name: str, selector: str) -> _Values:
    """Values at ``exam.patient.id`` or ``/exam/patient/id``; numbers keep the digits they are written with."""
    del selector
    try:
        tree: object = json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        raise _damaged(name, error.lineno, error.msg) from error
    except RecursionError as error:
        raise UnreadableInput(f"{name} is nested too deeply.", remedy=_REMEDY) from error
    return {kind: list(_json_values(tree, locator)) for kind, locator in locators.items()}


def _json_values(tree: object, locator: str) -> Iterable[str]:
    steps = locator.strip("/").split("/") if "/" in locator else locator.split(".")
    here = tree
    for step in steps:
        if isinstance(here, list) and step.isdecimal() and int(step) < len(here):
            here = here[int(step)]
        elif isinstance(here, dict) and step in here:
            here = here[step]
        else:
            return
    if isinstance(here, str):
        yield here


def read_csv(text: str, locators: Locators, name: str, selector: str) -> _Values:
    """Values by column name, from the first row or from the rows that `selector` (column NUL picture) names."""
    lines = text.splitlines()
    header = next((line for line in lines if line.strip()), "")
    delimiter = max(_DELIMITERS, key=header.count)
    column, _, picture = selector.partition("\0")
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, strict=True, skipinitialspace=True)
    result: _Values = {kind: [] for kind in locators}
    try:
        missing = sorted({*locators.values(), *([column] if column else [])} - set(_stripped(reader.fieldnames or ())))
        if missing:
            raise UnreadableInput(
                f"{name} has no column {missing[0]}.", remedy="Correct the map in the device profile."
            )
        reader.fieldnames = _stripped(reader.fieldnames or ())
        for row in reader:
            if column and not _names(row.get(column) or "", picture):
                continue
            for kind, locator in locators.items():
                result[kind].append((row.get(locator) or "").strip())
            if not column:
                break
    except csv.Error as error:
        raise _damaged(name, reader.line_num, str(error)) from error
    return result


def _stripped(names: Iterable[str]) -> list[str]:
    return [name.strip() for name in names]


def _names(cell: str, picture: str) -> bool:
    """Whether a cell names the picture: with or without folder and suffix, in any case, as Windows would."""
    own = cell.strip().replace("\\", "/").rpartition("/")[2].casefold()
    return bool(own) and own in {picture.casefold(), picture.rpartition(".")[0].casefold()}


def read_ini(text: str, locators: Locators, name: str, selector: str) -> _Values:
    """Values at ``section.key``; a key given twice is damage, because nobody knows which one counts."""
    del selector
    parser = configparser.ConfigParser(interpolation=None, empty_lines_in_values=False, default_section="\0")
    try:
        parser.read_string(text)
    except configparser.MissingSectionHeaderError as error:
        raise _damaged(name, error.lineno, "no section begins before it") from error
    except configparser.ParsingError as error:
        raise _damaged(name, error.errors[0][0], "not a key and a value") from error
    except (configparser.DuplicateOptionError, configparser.DuplicateSectionError) as error:
        raise _damaged(name, error.lineno or 0, "given twice") from error
    result: _Values = {}
    for kind, locator in locators.items():
        section, _, key = locator.partition(".")
        result[kind] = [parser.get(section, key, fallback="").strip()] if parser.has_section(section) else []
    return result


def _damaged(name: str, line: int, what: str) -> UnreadableInput:
    return UnreadableInput(f"{name} is damaged in line {line}: {what}.", remedy=_REMEDY)
