"""Hints of identity in file and folder names: named groups of the device profile's regular expressions."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.errors import ConfigurationError

DEFAULT_DATE_FORMATS = ("%Y%m%d", "%Y-%m-%d")
"""The only ways of writing a date that nobody can misread."""

_TIME_FORMATS = ("%H%M%S", "%H:%M:%S", "%H%M", "%H:%M")
_DATES = frozenset({HintKind.DATE, HintKind.BIRTH_DATE})
_SEXES: Mapping[str, str] = MappingProxyType({"m": "M", "male": "M", "f": "F", "female": "F", "o": "O", "other": "O"})
_SIDES: Mapping[str, str] = MappingProxyType(
    {"r": "R", "right": "R", "od": "R", "l": "L", "left": "L", "os": "L", "b": "B", "both": "B", "ou": "B"}
)


def normalised(kind: HintKind, text: str, date_formats: Iterable[str] = DEFAULT_DATE_FORMATS) -> str:
    """A value as DICOM writes it (DA, TM, CS), where it can mean only one thing; otherwise as it stands."""
    text = "".join(c for c in text if c.isprintable()).strip()
    if kind in _DATES:
        return _only({found.strftime("%Y%m%d") for found in _read(text, date_formats)}, text)
    if kind is HintKind.TIME:
        return _only({found.strftime("%H%M%S") for found in _read(text, _TIME_FORMATS)}, text)
    if kind is HintKind.SEX:
        return _SEXES.get(text.lower(), text)
    if kind is HintKind.LATERALITY:
        return _SIDES.get(text.lower(), text)
    return text


def _read(text: str, formats: Iterable[str]) -> Iterable[datetime]:
    for known in formats:
        try:
            found = datetime.strptime(text, known)  # noqa: DTZ007 - a date or a time of day has no zone
        except ValueError:
            continue
        # strptime forgives missing zeros, and then 2026111 might be January or November
        if found.strftime(known) == text:
            yield found


def _only(values: set[str], otherwise: str) -> str:
    return values.pop() if len(values) == 1 else otherwise


def hint_kind(name: str, setting: str) -> HintKind:
    """The kind of hint of that name; `ConfigurationError` names the setting and suggests the nearest."""
    known = [kind.value for kind in HintKind]
    if name in known:
        return HintKind(name)
    near = difflib.get_close_matches(name, known, n=1)
    raise ConfigurationError(
        f"{setting}: {name} is no kind of hint.",
        remedy=f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(known)}.",
    )


@dataclass(frozen=True, slots=True)
class NamePattern:
    """One regular expression that a whole name must match, and where its hints are said to come from."""

    expression: re.Pattern[str]
    origin: str
    date_formats: tuple[str, ...]

    def hints(self, text: str, note: str = "") -> tuple[Hint, ...]:
        """The hints in `text`; none when it does not match."""
        found = self.expression.fullmatch(text)
        if found is None:
            return ()
        values = ((HintKind(name), value or "") for name, value in found.groupdict().items())
        hints = (Hint(kind, normalised(kind, value, self.date_formats), self.origin + note) for kind, value in values)
        return tuple(hint for hint in hints if hint.value)


def compile_pattern(
    expression: str, *, setting: str, origin: str, date_formats: tuple[str, ...] = DEFAULT_DATE_FORMATS
) -> NamePattern | None:
    """Compile the regular expression of a setting; None for an empty one.

    Raises
    ------
    ConfigurationError
        Naming the setting, if it is no regular expression or names a group that is no kind of hint.
    """
    if not expression:
        return None
    try:
        compiled = re.compile(expression)
    except re.error as error:
        raise ConfigurationError(
            f"{setting}: not a regular expression: {error.msg} at character {error.pos}.",
            remedy="Correct the expression; groups are written (?P<patient_id>...).",
        ) from error
    for name in compiled.groupindex:
        hint_kind(name, setting)
    if not compiled.groupindex:
        raise ConfigurationError(
            f"{setting}: the expression has no named group.", remedy="Name one, for example (?P<patient_id>[0-9]+)."
        )
    return NamePattern(compiled, origin, date_formats)


def name_text(raw: bytes) -> tuple[str, str]:
    """A file or folder name as text, with a note when it is not UTF-8 and was read as Latin-1."""
    try:
        return raw.decode("utf-8"), ""
    except UnicodeDecodeError:
        return raw.decode("latin-1"), " (read as Latin-1)"


@dataclass(frozen=True, slots=True)
class NameHints:
    """The patterns of one device profile: for the file's own name, and for its folder below the watched one."""

    file_name: NamePattern | None = None
    folder: NamePattern | None = None

    def of(self, name: bytes) -> tuple[Hint, ...]:
        """Hints in a path relative to the watched folder."""
        folder, _, own = name.rpartition(b"/")
        found: list[Hint] = []
        if self.file_name is not None:
            found += self.file_name.hints(*name_text(own))
        if self.folder is not None:
            found += self.folder.hints(*name_text(folder))
        return tuple(found)
