"""Worklist answers as they came, for people: each attribute with its text and fault, names under each character set."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydicom import Dataset
from pydicom.datadict import dictionary_description, dictionary_has_tag
from pydicom.tag import BaseTag

from gateway.domain.procedure import Step
from gateway.domain.sent import NamePreview, SentAnswer, SentLine
from gateway.worklist.charsets import TextDecoder, normalised
from gateway.worklist.elements import MAX_DEPTH, NUMBERS, READ_FAULTS, TEXT_VRS, ascii_text, raw_value, vr_of
from gateway.worklist.identifier import CHARACTER_SET

CANDIDATES = (
    "ISO_IR 192", "ISO_IR 100", "ISO_IR 101", "ISO_IR 144", "ISO_IR 126", "ISO_IR 127", "ISO_IR 138", "ISO_IR 148",
    "ISO_IR 166", "ISO_IR 203", "GB18030", "ISO_IR 13", "\\ISO 2022 IR 87", "\\ISO 2022 IR 149", "\\ISO 2022 IR 58",
)  # fmt: skip
"""Character sets under which names are previewed, the likely ones first."""
_MOST_LINES = 250
_LONGEST_TEXT = 200
_MOST_NAMES = 12
_NAME_TAG = BaseTag(0x00100010)
_UNREADABLE = "It is no data set that can be read; its first bytes are shown."


def sent_answer(position: int, data: bytes, dataset: Dataset | None, step: Step | None, assumed: str) -> SentAnswer:
    r"""One answer for people.

    Parameters
    ----------
    data
        The identifier as received.
    dataset
        The same, split into elements whose values are still bytes; None if that failed.
    step
        What the gateway made of it, with its faults.
    assumed
        The defined term that was assumed where the answer names no character set; empty for none.

    Returns
    -------
    SentAnswer
        Total. Bytes that are no text of the character set stand as ``\xNN``.
    """
    if dataset is None or step is None:
        line = SentLine(0, "", "bytes", "", data[:_LONGEST_TEXT].hex(" "), _UNREADABLE)
        return SentAnswer(position, len(data), usable=False, faults=(_UNREADABLE,), lines=(line,))
    lines = list(_lines(dataset, _terms(dataset) or _assumed(assumed), step.faults, 0))[:_MOST_LINES]
    at_lines = {line.fault for line in lines if line.fault}
    whole = tuple(fault for fault in step.faults if not any(fault in text for text in at_lines))
    return SentAnswer(position, len(data), usable=step.usable and not step.doubtful, faults=whole, lines=tuple(lines))


def name_previews(datasets: Iterable[Dataset]) -> tuple[NamePreview, ...]:
    """The patients' names of answers, the first dozen that are not plain ASCII, as each candidate set reads them.

    Sets that can read none of them are left out.
    """
    names = list(dict.fromkeys(name for name in map(_name_bytes, datasets) if not _is_plain(name)))[:_MOST_NAMES]
    previews = (_preview(names, term) for term in CANDIDATES)
    return tuple(preview for preview in previews if names and preview.unreadable < len(names))


def _preview(names: Sequence[bytes], character_set: str) -> NamePreview:
    decoder = TextDecoder([normalised(term) or "" for term in character_set.split("\\")])
    read, unreadable = [], 0
    for name in names:
        try:
            read.append(decoder.decode(name, delimiters=b"\\^=").rstrip(" \0"))
        except UnicodeDecodeError:
            unreadable += 1
    return NamePreview(character_set, tuple(read), unreadable)


def _name_bytes(dataset: Dataset) -> bytes:
    element: Any = dataset.get_item(_NAME_TAG) if _NAME_TAG in dataset else None
    value = None if element is None else element.value
    return value if isinstance(value, bytes) else b""


def _is_plain(name: bytes) -> bool:
    return name.isascii() and b"\x1b" not in name


def _assumed(term: str) -> list[str]:
    return [normalised(term) or ""]


def _terms(dataset: Dataset) -> list[str]:
    """The known terms of (0008,0005), none if it names none."""
    try:
        raw = raw_value(dataset, BaseTag(int(CHARACTER_SET, 16)))
    except READ_FAULTS:
        return []
    found = [normalised(term) for term in ascii_text(raw[1]).split("\\")] if raw else []
    known = [term for term in found if term is not None]
    return known if any(known) else []


def _lines(dataset: Dataset, terms: list[str], faults: Sequence[str], depth: int) -> Iterator[SentLine]:
    for tag in sorted(dataset.keys()):
        if tag.element == 0:
            continue
        name = dictionary_description(tag) if dictionary_has_tag(tag) else "unknown or private"
        fault = " ".join(text for text in faults if text.startswith(f"{name} "))
        try:
            vr = vr_of(dataset, tag) if dictionary_has_tag(tag) else "UN"
            items = (dataset[tag].value or ()) if vr == "SQ" else ()
            text = f"{len(items)} item(s)" if vr == "SQ" else _text(dataset, tag, vr, terms)
        except READ_FAULTS:
            yield SentLine(depth, _tag_text(tag), name, "", "", fault or f"{name} cannot be read.")
            continue
        yield SentLine(depth, _tag_text(tag), name, vr, text, "" if vr == "SQ" else fault)
        for item in items if depth < MAX_DEPTH else ():
            yield from _lines(item, _terms(item) or terms, faults, depth + 1)


def _text(dataset: Dataset, tag: BaseTag, vr: str, terms: list[str]) -> str:
    element: Any = dataset.get_item(tag)
    value = element.value
    if value in (None, b"", ""):
        return ""
    if not isinstance(value, bytes):
        return str(value)[:_LONGEST_TEXT]
    if vr in NUMBERS:
        return str(dataset[tag].value)[:_LONGEST_TEXT]
    return _bounded(_read(value, vr, terms) if vr in TEXT_VRS else _byte_by_byte(value))


def _read(value: bytes, vr: str, terms: list[str]) -> str:
    """Text in its character set; where it is none, byte by byte: the fault stands beside it."""
    try:
        return TextDecoder(terms).decode(value, delimiters=b"\\^=" if vr == "PN" else b"\\")
    except UnicodeDecodeError:
        return _byte_by_byte(value)


def _byte_by_byte(value: bytes) -> str:
    return value.decode("ascii", errors="backslashreplace")


def _bounded(text: str) -> str:
    plain = text.rstrip(" \0")
    visible = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in plain[:_LONGEST_TEXT])
    return visible if len(plain) <= _LONGEST_TEXT else f"{visible}... ({len(plain)} characters)"


def _tag_text(tag: BaseTag) -> str:
    return f"({tag.group:04X},{tag.element:04X})"
