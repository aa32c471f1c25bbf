"""Sidecar files: what a device writes beside a picture about the patient, found by a mapping of the device profile."""

import codecs
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.capture.hints import DEFAULT_DATE_FORMATS, hint_kind, name_text, normalised
from gateway.capture.sidecar_formats import Locators, check_xml_locator, read_csv, read_ini, read_json, read_xml
from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.errors import ConfigurationError, UnreadableInput

MAX_SIDECAR_BYTES = 4 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_READERS: Mapping[str, Callable[[str, Locators, str, str], Mapping[HintKind, list[str]]]] = MappingProxyType(
    {"xml": read_xml, "json": read_json, "csv": read_csv, "ini": read_ini}
)


@dataclass(frozen=True, slots=True)
class SidecarSettings:
    """How a device names and fills its sidecars.

    `name` is the sidecar's file name in the picture's folder, where ``{name}`` stands for the picture's whole name and
    ``{stem}`` for the name without its suffix. `locators` say where each hint stands: ``/exam/patient/@id`` in XML,
    ``exam.patient.id`` or ``/exam/patient/id`` in JSON, a column in CSV, ``section.key`` in INI. `match_column` is the
    CSV column that holds the picture's name; without it the first row counts. A `required` sidecar is waited for
    `wait_s` seconds; a picture without it is then set aside, because its identity was to come from there.
    """

    locators: Mapping[str, str]
    name: str = "{stem}.xml"
    format: str = ""
    encoding: str = ""
    match_column: str = ""
    required: bool = False
    wait_s: float = 60.0
    date_formats: tuple[str, ...] = DEFAULT_DATE_FORMATS


@dataclass(frozen=True, slots=True)
class SidecarReader:
    """A checked mapping, ready to read sidecars."""

    settings: SidecarSettings
    kind: str
    locators: Locators = field(default_factory=dict)

    def file_name(self, picture: bytes) -> bytes:
        """The sidecar's file name for a picture's file name."""
        stem = picture.rpartition(b".")[0] or picture
        template = self.settings.name.encode()
        return template.replace(b"{name}", picture).replace(b"{stem}", stem)

    def claims(self, name: bytes) -> bool:
        """Whether a file of this name is a sidecar by its look, so that it is never taken for a picture."""
        pattern = re.escape(self.settings.name.encode()).replace(rb"\{name\}", b".*").replace(rb"\{stem\}", b".*")
        return re.fullmatch(pattern, name, re.DOTALL | re.IGNORECASE) is not None

    def hints(self, data: bytes, *, sidecar: str, picture: bytes) -> tuple[Hint, ...]:
        """The hints that a sidecar gives for a picture.

        Raises
        ------
        UnreadableInput
            Naming the file and, where there is one, the line.
        """
        if len(data) > MAX_SIDECAR_BYTES:
            raise UnreadableInput(f"Sidecar {sidecar} has more than {MAX_SIDECAR_BYTES >> 20} MiB.")
        text, note = _decoded(data, self.settings.encoding, sidecar)
        selector = f"{self.settings.match_column}\0{name_text(picture)[0]}" if self.settings.match_column else ""
        values = _READERS[self.kind](text, self.locators, f"Sidecar {sidecar}", selector)
        found = [
            Hint(
                kind,
                normalised(kind, value, self.settings.date_formats),
                f"sidecar {sidecar} {self.locators[kind]}{note}",
            )
            for kind, several in values.items()
            for value in dict.fromkeys(several)
        ]
        return tuple(hint for hint in found if hint.value)


def sidecar_reader(settings: SidecarSettings, *, setting: str) -> SidecarReader:
    """Check the settings of a sidecar.

    Raises
    ------
    ConfigurationError
        Naming the setting and what is wrong with it.
    """
    kind = settings.format or settings.name.rpartition(".")[2].lower()
    if kind not in _READERS:
        raise ConfigurationError(
            f"{setting}.format: sidecars of the kind {kind} are not understood.", remedy="Use xml, json, csv or ini."
        )
    if "/" in settings.name or not settings.name:
        raise ConfigurationError(f"{setting}.name: must be a file name in the picture's own folder.")
    if settings.encoding:
        _check_encoding(settings.encoding, f"{setting}.encoding")
    locators = {hint_kind(name, f"{setting}.map"): locator for name, locator in settings.locators.items()}
    if not locators:
        raise ConfigurationError(f"{setting}.map: names no hint.", remedy="Say where each hint stands in the sidecar.")
    for hint, locator in locators.items():
        if not locator.strip():
            raise ConfigurationError(f"{setting}.map.{hint.value}: is empty.")
        if kind == "xml":
            check_xml_locator(locator, f"{setting}.map.{hint.value}")
    return SidecarReader(settings, kind, locators)


def _check_encoding(name: str, setting: str) -> None:
    try:
        "".encode(name)
    except LookupError as error:
        raise ConfigurationError(f"{setting}: {name} is no known encoding.") from error


def _decoded(data: bytes, encoding: str, sidecar: str) -> tuple[str, str]:
    """The text of a sidecar, and a note when its encoding had to be guessed."""
    for mark, name in _BOMS:
        if data.startswith(mark):
            return _strictly(data[len(mark) :], name, sidecar), ""
    declared = _DECLARED.match(data)
    if encoding or declared:
        return _strictly(data, encoding or (declared[1].decode("ascii") if declared else ""), sidecar), ""
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError:
        return data.decode("latin-1"), " (read as Latin-1)"


def _strictly(data: bytes, encoding: str, sidecar: str) -> str:
    try:
        return data.decode(encoding)
    except (UnicodeError, LookupError) as error:
        raise UnreadableInput(
            f"Sidecar {sidecar} cannot be read as {encoding}.",
            remedy="Set the sidecar's encoding in the device profile.",
        ) from error
