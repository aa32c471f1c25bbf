"""A stored object as lines for people: tag, name and value."""

from collections.abc import Iterator
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from gateway.domain.errors import Phase, UnreadableInput

_VALUE_WIDTH = 80
_BULK = frozenset({"OB", "OW", "OF", "OD", "OL", "OV", "UN"})


def describe(path: Path) -> list[tuple[str, str, str]]:
    """Lines (tag, name, value) of a Part 10 file, nested ones indented in the tag; raises `UnreadableInput`."""
    try:
        dataset = dcmread(path, stop_before_pixels=True)
    except (OSError, InvalidDicomError) as error:
        raise UnreadableInput(f"The object cannot be read ({type(error).__name__}).", phase=Phase.SPOOL) from error
    return [*_lines(dataset.file_meta, ""), *_lines(dataset, "")]


def _lines(dataset: Dataset, indent: str) -> Iterator[tuple[str, str, str]]:
    for element in dataset:
        tag = f"{indent}({element.tag.group:04X},{element.tag.element:04X})"
        if element.VR == "SQ":
            yield tag, element.name, f"{len(element.value)} item(s)"
            for item in element.value:
                yield from _lines(item, indent + "  ")
        elif element.VR in _BULK:
            yield tag, element.name, f"{len(element.value or b'')} bytes"
        else:
            values = "" if element.value is None else element.repval.strip("'")
            yield tag, element.name, values[:_VALUE_WIDTH]
