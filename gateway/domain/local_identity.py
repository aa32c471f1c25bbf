"""Patient ids that this box gives to people whom no order names: made by a pattern, each of them once.

A pattern is text with fields in braces: ``{station}``, ``{date:%y%m%d}``, ``{number:04}`` (counted by the ledger for
ever, never begun anew by day), ``{random:10}`` (so many random characters of 0-9 and A-F) and ``{check}`` at the end.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from string import Formatter

from gateway.domain.check_digits import CHECK_DIGITS, FOR_DIGITS_ONLY, significant

DEFAULT_PATTERN = "LOCAL-{random:10}"
LONGEST_ID = 64
_LONGEST_NUMBER = 9
"""Digits of the largest number for which room is kept: a thousand patients an hour for a century."""
_LONGEST_STATION = 16
_LEAST_RANDOM = 8
_MOST_RANDOM = 32
_DATE_PARTS = frozenset("yYmdjHMS")
_SEPARATORS_OF_HL7 = "|^~&"
_FIELDS = ("station", "date", "number", "random", "check")
_EXAMPLE_MOMENT = datetime(2026, 11, 21, 10, 42)  # noqa: DTZ001 - an example, in no zone


@dataclass(frozen=True, slots=True)
class LocalIdentities:
    """How local ids are made: `station` is this box's own part, `check` a name of `CHECK_DIGITS` or empty.

    `issuer` goes with each of them (Issuer of Patient ID), so that none is mistaken for an id of the hospital. A
    patient without a name is called `unknown_name`. Numbers begin at `first_number`.
    """

    pattern: str = DEFAULT_PATTERN
    check: str = ""
    station: str = ""
    issuer: str = ""
    unknown_name: str = "Unknown^Patient"
    first_number: int = 1

    @property
    def counts(self) -> bool:
        """Whether an id holds a number of the ledger."""
        return any(name == "number" for _, name, _ in _parts(self.pattern))

    def make(self, number: int, now: datetime, random_text: Callable[[int], str] | None = None) -> str:
        """The id with `number`, given at `now`; `random_text` makes so many random characters."""
        text = ""
        for literal, name, spec in _parts(self.pattern):
            text += literal
            if name == "station":
                text += self.station
            elif name == "date":
                text += now.strftime(spec)
            elif name == "number":
                text += format(number, spec or "d")
            elif name == "random":
                text += (random_text or random_hex)(int(spec))
            elif name == "check":
                text += CHECK_DIGITS[self.check](text)
        return text

    def example(self) -> str:
        """An id as it will look; its number and random part are made up."""
        return self.make(max(self.first_number, 42), _EXAMPLE_MOMENT)


def random_hex(length: int) -> str:
    """So many random characters of 0-9 and A-F."""
    return secrets.token_hex((length + 1) // 2).upper()[:length]


def _parts(pattern: str) -> list[tuple[str, str | None, str]]:
    """The pattern as literal text, each with the field that follows it (None at the end); raises `ValueError`."""
    return [
        (literal, f"{name}!{conversion}" if conversion else name, spec or "")
        for literal, name, spec, conversion in Formatter().parse(pattern)
    ]


def pattern_faults(pattern: str, check: str, station: str) -> Iterator[tuple[str, str]]:
    """What is wrong with a pattern, as a rule and a suggestion; nothing if every id that it makes can be used.

    `station` empty stands for an AE title that is not known here: its letters and its length are reckoned with.
    """
    try:
        parts = _parts(pattern)
    except ValueError:
        yield "has a brace without its counterpart", 'fields are written like "{number:04}"'
        return
    faults = [*_field_faults(parts), *_check_faults(parts, check)]
    yield from faults
    if faults:
        return
    yield from _unique_faults(parts)
    station = station or "S" * _LONGEST_STATION
    longest = LocalIdentities(pattern, check, station).make(10**_LONGEST_NUMBER - 1, _EXAMPLE_MOMENT)
    if len(longest) > LONGEST_ID:
        yield f"an id may have {len(longest)} characters, and a patient id has at most {LONGEST_ID}", "shorten it"
    literals = "".join(literal for literal, _, _ in parts)
    if not usable_text(literals) or longest != longest.strip():
        yield r"has a sign that no id may have: \ | ^ ~ &, a space around it, or a letter beyond ASCII", ""
    covered = LocalIdentities(pattern.removesuffix("{check}"), "", station).make(1, _EXAMPLE_MOMENT, "F".__mul__)
    if check in FOR_DIGITS_ONLY and not significant(covered).isdigit():
        names = ", ".join(name for name in CHECK_DIGITS if name not in FOR_DIGITS_ONLY)
        yield f"{check} is for digits, and this pattern gives letters too", f"use {names}, or set station to digits"


def usable_text(text: str) -> bool:
    """Whether text may stand in a local id: printable ASCII without backslash and without separators of HL7."""
    return text.isascii() and text.isprintable() and not any(sign in text for sign in f"\\{_SEPARATORS_OF_HL7}")


def _field_faults(parts: list[tuple[str, str | None, str]]) -> Iterator[tuple[str, str]]:
    for _, name, spec in parts:
        if name is None:
            continue
        if name not in _FIELDS:
            yield f"{{{name}}} is no field", f"known are {', '.join(_FIELDS)}"
        elif name == "date" and not _is_date(spec):
            yield "{date} needs parts such as %y%m%d", "known are %y %Y %m %d %j %H %M %S"
        elif name == "number" and spec and not (spec.isdigit() and 1 <= int(spec) <= _LONGEST_NUMBER):
            yield "{number} takes its least digits", 'for example "{number:04}"'
        elif name == "random" and not (spec.isdigit() and 1 <= int(spec) <= _MOST_RANDOM):
            yield f"{{random}} needs its length, at most {_MOST_RANDOM}", 'for example "{random:10}"'
        elif name in {"station", "check"} and spec:
            yield f"{{{name}}} takes nothing after a colon", ""


def _is_date(spec: str) -> bool:
    pieces = spec.split("%")
    return len(pieces) > 1 and all(piece[:1] in _DATE_PARTS and usable_text(piece) for piece in pieces[1:])


def _check_faults(parts: list[tuple[str, str | None, str]], check: str) -> Iterator[tuple[str, str]]:
    names = [name for _, name, _ in parts if name is not None]
    if check and "check" not in names:
        yield "check_digit is set, but the pattern has no {check}", "end the pattern with {check}"
    if "check" in names and not check:
        yield "{check} needs check_digit", f"for example {next(iter(CHECK_DIGITS))}"
    if "check" in names and (parts[-1][1] != "check" or names.count("check") > 1):
        yield "{check} stands once, at the very end", ""


def _unique_faults(parts: list[tuple[str, str | None, str]]) -> Iterator[tuple[str, str]]:
    names = {name for _, name, _ in parts}
    if sum(int(spec) for _, name, spec in parts if name == "random") >= _LEAST_RANDOM:
        return
    if "number" not in names:
        yield (
            "nothing in it tells two patients apart",
            f"add {{station}} and {{number:04}}, or {{random:{_LEAST_RANDOM}}}",
        )
    elif "station" not in names:
        yield "two boxes would give the same id to two patients", f"add {{station}}, or {{random:{_LEAST_RANDOM}}}"
