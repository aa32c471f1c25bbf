"""The settings of one device: its source, how exams are told apart, identity hints, objects and matching."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import attrs

from gateway.config import rules as allow
from gateway.config.faults import BadValue
from gateway.config.fields import setting
from gateway.config.values import Compression

_MIB = 1 << 20
_WEEK_MIN = 7 * 24 * 60
_NOTHING: Mapping[str, str] = MappingProxyType({})
_NO_CODES: Mapping[str, tuple[str, str, str]] = MappingProxyType({})


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


@attrs.frozen
class Object:
    """The objects that are made of this device's acquisitions."""

    sop_class: str = setting("Name of the SOP Class.", rule=allow.name, example="ophthalmic-photography-8-bit")
    modality: str = setting(
        "Modality, where the SOP Class leaves it open.",
        default="",
        rule=allow.optional(allow.code_string),
        example="OP",
    )
    manufacturer: str = setting(
        "Manufacturer of the device.", default="", rule=allow.long_string, example="Example Optics"
    )
    model_name: str = setting("Manufacturer's Model Name.", default="", rule=allow.long_string)
    serial_number: str = setting("Device Serial Number.", default="", rule=allow.long_string)
    software_versions: str = setting("Software Versions of the device.", default="", rule=allow.long_string)
    laterality: Literal["", "R", "L", "B", "U"] = setting(
        "Side of everything this device takes: R, L, B (both) or U (unpaired); empty: as the hints say.", default=""
    )
    body_part: str = setting(
        "Body Part Examined of everything it takes.", default="", rule=allow.optional(allow.code_string), example="EYE"
    )
    burned_in_annotation: bool = setting("Whether its pictures show identifying text.", default=False)
    frame_time_ms: float = setting(
        "Milliseconds between frames of multi-page files; 0: not a moving picture.",
        default=0.0,
        rule=allow.within(0, 3.6e6),
    )
    series_description: str = setting("Series Description.", default="", rule=allow.long_string)
    conversion_type: str = setting(
        "Conversion Type of Secondary Capture objects.",
        default="",
        rule=allow.optional(allow.code_string),
        example="DI",
    )
    defaults: Mapping[str, str] = setting(
        "Further attributes: keyword = value.", default=_NOTHING, example={"ImageComments": "fundus room"}
    )
    codes: Mapping[str, tuple[str, str, str]] = setting(
        "Coded attributes: keyword = [value, coding scheme, meaning].",
        default=_NO_CODES,
        example={"AnatomicRegionSequence": ["81745001", "SCT", "Eye"]},
    )


@attrs.frozen
class Matching:
    """How acquisitions of this device are tied to steps of the worklist."""

    rules: tuple[str, ...] = setting(
        "Rules in their order: accession_number, patient_id, active_step, single_in_window.",
        default=("accession_number", "patient_id", "active_step"),
        rule=allow.each(allow.match_rule),
    )
    window_before_min: float = setting(
        "Minutes before its scheduled start from which a step fits.", default=240.0, rule=allow.within(0, _WEEK_MIN)
    )
    window_after_min: float = setting(
        "Minutes after its scheduled start until which a step fits.", default=720.0, rule=allow.within(0, _WEEK_MIN)
    )
    active_step_limit_min: float = setting(
        "Minutes after which a step that an operator opened is closed by itself.",
        default=240.0,
        rule=allow.within(1, _WEEK_MIN),
    )
    providers: tuple[str, ...] = setting(
        "Worklist providers whose steps may fit; empty: all.", default=(), rule=allow.each(allow.name)
    )
    station_ae_titles: tuple[str, ...] = setting(
        "Scheduled Station AE Titles whose steps may fit; empty: all.", default=(), rule=allow.each(allow.ae_title)
    )
    modalities: tuple[str, ...] = setting(
        "Modalities whose steps may fit; empty: all.", default=(), rule=allow.each(allow.code_string)
    )
    clock_tolerance_min: float = setting(
        "Minutes by which the device's own date (a hint) may differ from this box's clock when a picture is taken over;"
        " beyond them it is held. A device that hands over pictures of days before needs more; 0: never compared.",
        default=2880.0,
        rule=allow.within(0, 60 * _WEEK_MIN),
    )


@attrs.frozen
class Lossy:
    """Lossy compression of what this device delivers uncompressed. Only this table ever leads to it; never twice."""

    kind: Literal["jpeg-baseline", "jpeg-extended"] = setting(
        "jpeg-baseline (8 bit, gray or colour) or jpeg-extended (12 bit, gray).", default="jpeg-baseline"
    )
    quality: int = setting("1 to 100 on the customary JPEG scale.", default=90, rule=allow.within(1, 100))
    target_ratio: float = setting(
        "Compression ratio to reach (n to 1), whatever quality it takes; 0: go by quality.",
        default=0.0,
        rule=allow.within(0, 100),
    )
    subsampling: Literal["4:4:4", "4:2:2"] = setting("Chroma subsampling of colour.", default="4:2:2")


@attrs.frozen
class PerformedSteps:
    """When a performed step begins and ends is reported to the peers of the tables [[mpps]] in gateway.toml."""

    report: bool = setting("Whether performed steps of this device are reported.", default=True)
    peers: tuple[str, ...] = setting(
        "Names of the [[mpps]] peers that are told; empty: all.", default=(), rule=allow.each(allow.name)
    )
    complete_after_min: float = setting(
        "Minutes without another acquisition after which a step is completed, unless it is still open on the device. "
        "A step that an operator opened is completed once it is closed or another one is opened.",
        default=30.0,
        rule=allow.within(0.1, _WEEK_MIN),
    )
    settle_s: float = setting(
        "Seconds for which the last acquisitions of a step that has ended are awaited before its end is reported.",
        default=15.0,
        rule=allow.within(0, 3600),
    )

    def problems(self) -> Iterator[tuple[str, BadValue]]:
        """Peers are named for reporting."""
        if self.peers and not self.report:
            yield "peers", BadValue("has no meaning with report = false", suggestion="write report = true")


@attrs.frozen
class DeviceFile:
    """What a device file says, after its profile has been laid under it."""

    source: WatchedFolder = setting("What reads the device.")
    object: Object = setting("The objects that are made.")
    profile: str = setting(
        "A shipped profile; what stands here overrides it.",
        default="",
        rule=allow.optional(allow.name),
        example="fundus-camera-folder",
    )
    exam: Exam = setting("How it is known which files belong to one exam.", default=Exam())
    hints: Hints = setting("Where identity stands beside the pixels.", default=Hints())
    match: Matching = setting("How acquisitions are tied to steps.", default=Matching())
    performed_step: PerformedSteps = setting("How performed steps are reported.", default=PerformedSteps())
    compression: Compression | None = setting(
        "How objects of this device are compressed, whatever the destination says.", default=None, example="smallest"
    )
    lossy: Lossy | None = setting("Lossy compression; without this table everything stays lossless.", default=None)


@attrs.frozen
class Device:
    """One imaging device: its name (the stem of its file), its file and its settings."""

    name: str
    path: Path
    settings: DeviceFile
