"""The settings of one device: its source, the objects that are made of it, matching, performed steps, compression."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import attrs

from gateway.config import rules as allow
from gateway.config.faults import BadValue
from gateway.config.fields import setting
from gateway.config.source import Exam, Hints, WatchedFolder
from gateway.config.values import Compression

_WEEK_MIN = 7 * 24 * 60
_NOTHING: Mapping[str, str] = MappingProxyType({})
_NO_CODES: Mapping[str, tuple[str, str, str]] = MappingProxyType({})


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
