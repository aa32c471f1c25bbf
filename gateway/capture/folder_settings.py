"""What a device profile says about a watched folder, checked as far as the folder itself can."""

import fnmatch
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gateway.capture.hints import DEFAULT_DATE_FORMATS, NameHints, compile_pattern
from gateway.capture.sidecar import SidecarReader, SidecarSettings, sidecar_reader
from gateway.domain.errors import ConfigurationError

PICTURES = (
    "*.jpg",
    "*.jpeg",
    "*.jpe",
    "*.png",
    "*.tif",
    "*.tiff",
    "*.bmp",
    "*.pnm",
    "*.pgm",
    "*.ppm",
    "*.pbm",
)
UNFINISHED = (".*", "*.tmp", "*.temp", "*.part", "*.partial", "*.filepart", "*.crdownload", "~*", "*~")
TAKEN_FOLDER = ".taken"


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """One watched folder.

    Names are compared without case; `ignore` covers files and folders and goes before `patterns`.

    A file is taken when it has not changed for `settle_s` seconds and is whole in its own format; one that never
    becomes whole is given up after `incomplete_limit_s`. Files above `max_file_bytes` are reported and left alone.
    `move_to` defaults to a hidden folder inside the watched one.
    """

    path: Path
    patterns: tuple[str, ...] = PICTURES
    ignore: tuple[str, ...] = UNFINISHED
    recursive: bool = False
    settle_s: float = 2.0
    poll_s: float = 5.0
    incomplete_limit_s: float = 600.0
    after: Literal["keep", "move", "delete"] = "keep"
    move_to: Path | None = None
    file_name_hints: str = ""
    folder_hints: str = ""
    date_formats: tuple[str, ...] = DEFAULT_DATE_FORMATS
    sidecar: SidecarSettings | None = None
    grouping: Literal["folder", "marker", "idle"] = "idle"
    marker: str = ""
    idle_s: float = 600.0
    min_file_bytes: int = 1
    max_file_bytes: int = 2 << 30
    use_native_events: bool = True

    @property
    def taken_folder(self) -> Path:
        """Where files go with ``after = "move"``."""
        return self.move_to or self.path / TAKEN_FOLDER


@dataclass(frozen=True, slots=True)
class FolderRules:
    """The same as compiled rules."""

    names: NameHints
    sidecar: SidecarReader | None
    pictures: re.Pattern[str]
    ignored: re.Pattern[str]
    marker: re.Pattern[str] | None

    def is_ignored(self, own_name: bytes) -> bool:
        """Whether a file or folder of this name is passed over: unfinished or hidden."""
        return self.ignored.fullmatch(os.fsdecode(own_name).lower()) is not None

    def is_marker(self, own_name: bytes) -> bool:
        """Whether a file of this name ends an exam."""
        return self.marker is not None and self.marker.fullmatch(os.fsdecode(own_name).lower()) is not None

    def is_picture(self, own_name: bytes) -> bool:
        """Whether a file of this name is taken."""
        if self.is_marker(own_name) or (self.sidecar is not None and self.sidecar.claims(own_name)):
            return False
        return self.pictures.fullmatch(os.fsdecode(own_name).lower()) is not None


def folder_rules(settings: FolderSettings) -> FolderRules:
    """Compile the settings of a folder.

    Raises
    ------
    ConfigurationError
        Naming the setting that cannot be used.
    """
    if settings.grouping == "marker" and not settings.marker:
        raise ConfigurationError("exam.marker: grouping by marker needs the marker file's name.")
    if settings.after == "move" and settings.taken_folder == settings.path:
        raise ConfigurationError("source.move_to: is the watched folder itself.", remedy="Name another folder.")
    dates = settings.date_formats
    return FolderRules(
        NameHints(
            compile_pattern(
                settings.file_name_hints, setting="hints.file_name", origin="file name", date_formats=dates
            ),
            compile_pattern(settings.folder_hints, setting="hints.folder", origin="folder", date_formats=dates),
        ),
        sidecar_reader(settings.sidecar, setting="hints.sidecar") if settings.sidecar else None,
        _any_of(settings.patterns),
        _any_of(settings.ignore),
        _any_of((settings.marker,)) if settings.grouping == "marker" else None,
    )


def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(pattern.lower()) for pattern in patterns) or r"(?!)")
