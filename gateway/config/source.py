"""What reads a device: its folder, how exams are told apart, and where identity stands beside the pixels."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import attrs

from gateway.config import rules as allow
from gateway.config.faults import BadValue
from gateway.config.fields import setting

_MIB = 1 << 20


@attrs.frozen
class WatchedFolder:
    """A folder into which the device writes files."""

    path: Path = setting("Folder that the device writes into.", example="/data/drop/fundus")
    kind: Literal["watched_folder"] = setting("What reads the device.", default="watched_folder")
    patterns: tuple[str, ...] = setting(
        "File names that are taken, whatever their case.",
        default=("*.jpg", "*.jpeg", "*.jpe", "*.png", "*.tif", "*.tiff", "*.bmp", "*.pnm", "*.pgm", "*.ppm", "*.pbm"),
        rule=allow.each(allow.pattern),
    )
    ignore: tuple[str, ...] = setting(
        "Names of files and folders that are passed over, because they are hidden or not finished.",
        default=(".*", "*.tmp", "*.temp", "*.part", "*.partial", "*.filepart", "*.crdownload", "~*", "*~"),
        rule=allow.each(allow.pattern),
    )
    recursive: bool = setting("Whether folders below it are read as well.", default=True)
    settle_s: float = setting(
        "Seconds for which a file must stay as it is before it is taken.", default=2.0, rule=allow.within(0, 3600)
    )
    poll_s: float = setting(
        "Seconds between two looks at the folder; mounted folders raise no events.",
        default=5.0,
        rule=allow.within(0.1, 3600),
    )
    incomplete_limit_s: float = setting(
        "Seconds after which a file that never became whole is set aside.", default=600.0, rule=allow.within(1, 86_400)
    )
    after: Literal["keep", "move", "delete"] = setting(
        "What becomes of a file once its acquisition is safe: keep, move or delete.", default="keep", example="move"
    )
    move_to: Path | None = setting(
        'Folder for after = "move"; not set: the hidden folder .taken in the watched one, which is not read.',
        default=None,
        example="/data/taken/fundus",
    )
    max_file_mib: int = setting("Largest file in MiB that is read.", default=2048, rule=allow.within(1, 1 << 20))
    max_megapixels: int = setting(
        "Largest picture in 10^6 pixels a frame that is decoded.", default=500, rule=allow.within(1, 4096)
    )

    @property
    def max_file_bytes(self) -> int:
        """The largest file in bytes."""
        return self.max_file_mib * _MIB

    def problems(self) -> Iterator[tuple[str, BadValue]]:
        """What is moved goes to another folder; one inside the watched folder is passed over when that is read."""
        if self.after != "move" and self.move_to is not None:
            yield "move_to", BadValue(f'has no meaning with after = "{self.after}"', suggestion='write after = "move"')
        if self.move_to == self.path:
            yield "move_to", BadValue("is the watched folder itself", suggestion="name another folder")


@attrs.frozen
class Exam:
    """How it is known which files belong to one exam."""

    grouping: Literal["folder", "marker", "idle"] = setting(
        "folder (one folder, one exam), marker (a file ends it), or idle (a pause ends it).", default="idle"
    )
    marker: str = setting(
        "Name or pattern of the file that ends an exam.", default="", rule=allow.optional(allow.pattern)
    )
    idle_s: float = setting("Seconds without a new file that end an exam.", default=600.0, rule=allow.within(1, 86_400))

    def problems(self) -> Iterator[tuple[str, BadValue]]:
        """Grouping by marker needs the marker."""
        if self.grouping == "marker" and not self.marker:
            yield "marker", BadValue('grouping = "marker" needs the name of the marker', suggestion='e.g. "done.txt"')
        if self.grouping != "marker" and self.marker:
            yield "marker", BadValue(f'has no meaning with grouping = "{self.grouping}"')


@attrs.frozen
class Sidecar:
    """A file beside each picture, or one beside all of an exam, that says whose it is."""

    suffix: str = setting("What follows the picture's stem in the sidecar's name.", rule=allow.filled, example=".xml")
    map: Mapping[str, str] = setting(
        "Kind of hint = where it stands: a path in XML and JSON, a column in CSV, section.key in INI.",
        example={"accession_number": "/exam/@acc", "patient_id": "/exam/patient/id"},
    )
    format: Literal["auto", "xml", "json", "csv", "ini"] = setting(
        "Format of the sidecar; auto: what its suffix says.", default="auto"
    )
    encoding: str = setting(
        "Character encoding of the sidecar; empty: as XML declares it, else UTF-8.",
        default="",
        rule=allow.optional(allow.encoding),
    )
    match_column: str = setting("CSV column that holds the picture's name; empty: the first row counts.", default="")
    wait_s: float = setting(
        "Seconds that a picture waits for a required sidecar.", default=60.0, rule=allow.within(0, 86_400)
    )
    required: bool = setting("Whether a picture without one is set aside.", default=False)

    def problems(self) -> Iterator[tuple[str, BadValue]]:
        """The mapping names kinds of hints; ``auto`` needs a suffix that says the format."""
        if not self.map:
            yield "map", BadValue("must name at least one hint")
        for key in self.map:
            try:
                allow.hint_kind(key)
            except BadValue as bad:
                yield "map", bad
        if self.format == "auto" and self.effective_format not in {"xml", "json", "csv", "ini"}:
            yield (
                "format",
                BadValue("the suffix does not say the format", suggestion='write format = "xml" or the like'),
            )

    @property
    def effective_format(self) -> str:
        """The format, taken from the suffix where the file leaves it open."""
        return self.suffix.rpartition(".")[2].lower() if self.format == "auto" else self.format


@attrs.frozen
class Hints:
    """Where identity stands beside the pixels."""

    file_name: str = setting(
        "Regular expression for file names; its named groups are hints.",
        default="",
        rule=allow.optional(allow.regular_expression),
        example=r"(?P<patient_id>\d+)_(?P<date>\d{8})_(?P<laterality>[RL])_.*",
    )
    folder: str = setting(
        "Regular expression for the folder below the watched one.",
        default="",
        rule=allow.optional(allow.regular_expression),
    )
    date_formats: tuple[str, ...] = setting(
        "How dates are written in names and sidecars, in the letters of strftime.",
        default=("%Y%m%d", "%Y-%m-%d"),
        rule=allow.each(allow.date_format),
    )
    sidecar: Sidecar | None = setting("A file beside the picture.", default=None)
