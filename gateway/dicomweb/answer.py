"""The answer to a store request, read for each SOP Instance UID: stored with a warning or not, failed, or not named."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from gateway.dicomweb.http_session import HttpAnswer

FAILED, REFERENCED, OTHER = "00081198", "00081199", "0008119A"
_SOP_INSTANCE, _WARNING, _REASON = "00081155", "00081196", "00081197"
_NO_REASON = 0x0110
_JSON_TYPES = frozenset({"application/dicom+json", "application/json", "text/json"})
_XML_TYPES = frozenset({"application/dicom+xml", "application/xml", "text/xml"})
_DEEPEST = 12

Json = Any
"""What a JSON text may hold: the service decides, so everything is checked where it is used."""


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """What the service says of instances.

    `stored` maps SOP Instance UIDs to their Warning Reason (0 for none), `failed` to their Failure Reason (0110,
    processing failure, where none is given); `others` counts parts that it could not read (0008,119A). `readable`
    tells whether there was such a data set at all.
    """

    readable: bool = False
    stored: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    others: int = 0


def read_store_answer(answer: HttpAnswer) -> StoreAnswer:
    """Read an answer by its media type and, where that is missing or wrong, by its first character; never raises.

    Returns
    -------
    StoreAnswer
        Of a body that is no Store Instances Response, `readable` is false and nothing is named.

    References
    ----------
    PS3.18 section 10.5.3 and Annex I (Store Instances Response module), PS3.18 Annex F (DICOM JSON model).
    """
    datasets = read_datasets(answer)
    named = [each for each in datasets if {FAILED, REFERENCED, OTHER} & each.keys()]
    stored: dict[str, int] = {}
    failed: dict[str, int] = {}
    for dataset in named:
        for uid, item in _items(dataset, REFERENCED):
            stored[uid] = _number(item, _WARNING, 0)
        for uid, item in _items(dataset, FAILED):
            failed[uid] = _number(item, _REASON, _NO_REASON)
    others = sum(len(_values(dataset, OTHER)) for dataset in named)
    return StoreAnswer(readable=bool(named), stored=stored, failed=failed, others=others)


def read_datasets(answer: HttpAnswer) -> list[Mapping[str, Json]]:
    """The data sets of an answer in the DICOM JSON model, XML ones likewise; none if the body is neither."""
    body = answer.body.strip()
    is_xml = answer.media_type in _XML_TYPES or (answer.media_type not in _JSON_TYPES and body[:1] == b"<")
    found = _from_xml(body) if is_xml else _from_json(body)
    rows = found if isinstance(found, list) else [found]
    return [row for row in rows if isinstance(row, dict)]


def text_of(dataset: Mapping[str, Json], tag: str) -> str:
    """The first value of an attribute (``"00080018"``) of a data set in the JSON model; empty if it is no text."""
    return _text(dataset, tag)


def _from_json(body: bytes) -> Json:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _items(dataset: Mapping[str, Json], tag: str) -> Iterable[tuple[str, Mapping[str, Json]]]:
    for item in _values(dataset, tag):
        if isinstance(item, dict) and (uid := _text(item, _SOP_INSTANCE)):
            yield uid, item


def _values(dataset: Mapping[str, Json], tag: str) -> list[Json]:
    element = dataset.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _text(dataset: Mapping[str, Json], tag: str) -> str:
    values = _values(dataset, tag)
    return values[0].strip(" \0") if values and isinstance(values[0], str) else ""


def _number(dataset: Mapping[str, Json], tag: str, missing: int) -> int:
    """A status; JSON writes it as a decimal number, some services as decimal text."""
    values = _values(dataset, tag)
    first = values[0] if values else None
    if isinstance(first, str) and first.strip().isdecimal():
        first = int(first)
    return first & 0xFFFF if isinstance(first, int) and not isinstance(first, bool) else missing


def _from_xml(body: bytes) -> Json:
    """A Native DICOM Model (PS3.19 Annex A.1) in the JSON model; None if it is not well-formed or declares entities."""
    reader = _NativeModel()
    try:
        reader.parse(body)
    except (expat.ExpatError, _NotThat, ValueError):
        return None
    return reader.root


class _NotThat(Exception):  # noqa: N818 - told apart inside this file only
    """The XML is no native DICOM model."""


class _NativeModel:
    """Turns the events of the parser into the JSON model; DicomAttribute, Item and Value are all that matters."""

    def __init__(self) -> None:
        self.root: dict[str, Json] = {}
        self._datasets = [self.root]
        self._values: list[list[Json]] = []
        self._text: list[str] = []

    def parse(self, body: bytes) -> None:
        """Read the whole document."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.StartDoctypeDeclHandler = self._refuse
        parser.Parse(body, True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._text.clear()
        name = _local(name)
        if name == "DicomAttribute":
            self._values.append([])
            self._datasets[-1][attributes.get("tag", "").upper()] = {"Value": self._values[-1]}
        elif name == "Item" and self._values:
            if len(self._datasets) > _DEEPEST:
                raise _NotThat
            self._datasets.append({})
            self._values[-1].append(self._datasets[-1])

    def _end(self, name: str) -> None:
        name = _local(name)
        if name == "Value" and self._values:
            self._values[-1].append("".join(self._text).strip())
        elif name == "DicomAttribute" and self._values:
            self._values.pop()
        elif name == "Item" and len(self._datasets) > 1:
            self._datasets.pop()

    def _refuse(self, *_: object) -> None:
        raise _NotThat


def _local(name: str) -> str:
    return name.rpartition(":")[2]
