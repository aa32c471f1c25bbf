"""HL7 v2 messages as text fields: character set, separators, escapes, and the acknowledgement of a message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import hl7

CODECS: Mapping[str, str] = MappingProxyType(
    {
        "": "ascii",
        "ASCII": "ascii",
        "UNICODE UTF-8": "utf-8",
        "UTF-8": "utf-8",
        "UNICODE": "utf-8",
        **{f"8859/{part}": f"iso8859_{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    }
)
"""Character sets of MSH-18 (HL7 table 0211) that are read; the empty one is ASCII."""

_HEADER = b"MSH"
_SEPARATORS = 4
_MOST_SEGMENTS = 500
_ONLY_ASCII = 0x80
_CONTROLS = range(0x80, 0xA0)
_WHOLE_ESCAPES = ("F", "S", "T", "R", "E")


class UnreadableMessage(Exception):  # noqa: N818 - names what came
    """A message that cannot be read, with the reason in words, and whether another try could help (AE, else AR)."""

    def __init__(self, why: str, answer: str = "AE") -> None:
        super().__init__(why)
        self.why = why
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment; fields are counted as the standard counts them, from 1."""

    name: str
    fields: Any
    escape: str
    separators: str

    def text(self, field: int, component: int = 1, *, repetition: int = 0, part: int = 1) -> str:
        """A value as text, its escapes resolved; empty if it is not there or deleted by two quotes."""
        return self.texts(field, component, part=part)[repetition] if self.repeats(field) > repetition else ""

    def repeats(self, field: int) -> int:
        """How many times a field stands there."""
        return len(self.fields[field]) if field < len(self.fields) and str(self.fields[field]) else 0

    def texts(self, field: int, component: int = 1, *, part: int = 1) -> list[str]:
        """As `text`, of every repetition."""
        return [self._value(self.fields[field][number], component, part) for number in range(self.repeats(field))]

    def _value(self, repetition: Any, component: int, part: int) -> str:  # noqa: ANN401 - text or a container of the library
        found = _nth(_nth(repetition, component), part)
        text = str(found)
        return "" if text == '""' else self._unescaped(text).strip()

    def _unescaped(self, text: str) -> str:
        """Resolve the escapes of the separators. The library's own way drops what it does not know, and logs it."""
        pieces = text.split(self.escape)
        if len(pieces) % 2 == 0:
            raise UnreadableMessage(f"An escape in {self.name} is not closed.")
        for place in range(1, len(pieces), 2):
            if pieces[place] not in _WHOLE_ESCAPES:
                raise UnreadableMessage(f"{self.name} has an escape that stands for no separator.")
            pieces[place] = self.separators[_WHOLE_ESCAPES.index(pieces[place])]
        return "".join(pieces)


def _nth(container: Any, place: int) -> Any:  # noqa: ANN401 - text or a container of the library
    if isinstance(container, str):
        return container if place == 1 else ""
    return container[place - 1] if place <= len(container) else ""


def read_segments(data: bytes, assumed_character_set: str) -> list[Segment]:
    """The segments of a message, its header first.

    Raises
    ------
    UnreadableMessage
        It is no message, its text is not in the character set that it names, or it is too long.

    References
    ----------
    HL7 v2.5.1 chapter 2, sections 2.5 (separators), 2.7 (escapes), 2.15.9 (MSH).
    """
    text = _decoded(_header_checked(data), assumed_character_set)
    lines = [line for line in text.replace("\r\n", "\r").replace("\n", "\r").split("\r") if line.strip()]
    if len(lines) > _MOST_SEGMENTS:
        raise UnreadableMessage("It has too many segments.", "AR")
    try:
        parsed = hl7.parse("\r".join(lines))
    except (hl7.HL7Exception, ValueError, LookupError, AssertionError) as fault:
        raise UnreadableMessage("It cannot be parsed.", "AR") from fault
    field, component, repetition, escape, part = (text[3], *text[4:8])
    order = f"{field}{component}{part}{repetition}{escape}"
    return [Segment(str(found[0]), found, escape, order) for found in parsed]


def _header_checked(data: bytes) -> bytes:
    data = data.strip(b"\r\n")
    separators = data[3:8]
    wrong = (
        not data.startswith(_HEADER)
        or len(set(separators)) != _SEPARATORS + 1
        or any(chr(sign).isalnum() or sign <= ord(" ") or sign >= _ONLY_ASCII for sign in separators)
        or data[8:9] != separators[:1]
    )
    if wrong:
        raise UnreadableMessage("It does not begin with a header segment and its separators.", "AR")
    return data


def _decoded(data: bytes, assumed: str) -> str:
    first = data.split(b"\r", 1)[0].split(b"\n", 1)[0].split(data[3:4])
    named = (
        first[17].split(data[5:6])[0].decode("ascii", "replace").strip().upper() if len(first) > len("x" * 17) else ""
    )
    codec = CODECS.get(named or assumed.upper())
    if codec is None:
        raise UnreadableMessage("It names a character set that is not read here.", "AR")
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as fault:
        raise UnreadableMessage(f"Its text is not in the character set {named or assumed or 'ASCII'}.") from fault
    if any(ord(sign) in _CONTROLS for sign in text):
        raise UnreadableMessage(f"Its text is not in the character set {named or assumed or 'ASCII'}: it has controls.")
    return text


def acknowledgement(received: bytes, answer: str, fault: str, now: datetime, number: str) -> bytes:
    """The ACK to a message of any quality, made from what can be read of its header (HL7 v2.5.1 section 2.9.2)."""
    lines = received.strip(b"\r\n").replace(b"\n", b"\r").split(b"\r")
    header = lines[0] if lines[0].startswith(_HEADER) else b""
    fields = (
        [part.decode("ascii", "replace") for part in header.split(header[3:4])] if len(header) > _SEPARATORS else []
    )
    said: Sequence[str] = [_plain(part) for part in (*fields, *[""] * 12)]
    kind = _plain(said[8])
    event = kind.split("^")[1] if "^" in kind else ""
    stamp = f"{now:%Y%m%d%H%M%S%z}"
    turned = "|".join((said[4], said[5], said[2], said[3]))
    head = f"MSH|^~\\&|{turned}|{stamp}||ACK^{event}|{number}|{said[10] or 'P'}|{said[11] or '2.5'}"
    text = fault.translate(str.maketrans("|^~\\&\r\n", "       "))[:80]
    return f"{head}\rMSA|{answer}|{said[9]}|{text}\r".encode("ascii", "replace")


def _plain(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable() and sign not in "|~\\&")[:64]
