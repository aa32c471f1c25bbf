"""Whether one file of a watched folder can be taken now, and with which hints, companions and faults."""

import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from gateway.capture.completeness import Completeness, Growth, completeness_of
from gateway.capture.exams import Exams
from gateway.capture.faults import source_trouble
from gateway.capture.folder_scan import FolderView, SeenFile
from gateway.capture.folder_settings import FolderRules, FolderSettings
from gateway.capture.regular_files import is_being_written, is_same, open_regular
from gateway.capture.settling import Settling
from gateway.capture.sidecar import MAX_SIDECAR_BYTES
from gateway.domain.acquisition import AcquisitionKind, Finding, FindingPart, Hint, PartRole
from gateway.domain.errors import GatewayError, UnreadableInput
from gateway.domain.identifiers import display_name


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the bytes of an unchanged file said: they are read once, not at every look."""

    part: FindingPart
    verdict: Completeness


@dataclass(frozen=True, slots=True)
class Companion:
    """A sidecar with its hints, or the fault it brings; `waiting` while it may still come or become whole."""

    parts: tuple[FindingPart, ...] = ()
    hints: tuple[Hint, ...] = ()
    fault: UnreadableInput | None = None
    waiting: bool = False


@dataclass(slots=True)
class Look:
    """One look at the folder: what was seen, at which monotonic and which wall clock time, and what is in the way."""

    view: FolderView
    at: float
    now: datetime
    troubles: list[GatewayError] = field(default_factory=list)


class Readiness:
    """Judges files one by one."""

    def __init__(self, settings: FolderSettings, rules: FolderRules, exams: Exams) -> None:
        self._settings = settings
        self._rules = rules
        self._exams = exams
        self._settling = Settling()
        self._inspections: dict[bytes, Inspection] = {}

    def observe(self, look: Look) -> None:
        """Take in what was seen; what is gone is forgotten."""
        self._settling.observe(look.view.files, look.at)
        self._inspections = {name: seen for name, seen in self._inspections.items() if name in look.view.files}

    def again(self, file: SeenFile, look: Look) -> Finding:
        """The finding for a file that the ledger already has: nothing more is waited for."""
        try:
            companion = self._companion(file, look)
        except OSError:
            # what the sidecar says was recorded when the file was taken; now it is only to go with its picture
            companion = Companion()
        sidecar = self.sidecar_of(file, look.view)
        parts = (file.part(),) if sidecar is None else (file.part(), sidecar.part(PartRole.SIDECAR))
        moment = _captured_at(file, look.now)
        key = self._exams.key(file, moment, self._exams.marker_of(file, look.view))
        hints = (*self._rules.names.of(file.name), *companion.hints)
        return Finding(AcquisitionKind.IMAGE_FILE, key, moment, parts, hints)

    def finding(self, file: SeenFile, look: Look) -> Finding | None:
        """The finding for a file that is ready or given up; None while it must wait."""
        if file.size > self._settings.max_file_bytes:
            look.troubles.append(_too_large(self._settings.path, file, self._settings.max_file_bytes))
            return None
        marker = self._exams.marker_of(file, look.view)
        unmarked = self._settings.grouping == "marker" and marker is None
        if unmarked or self._settling.stable_s(file, look.at) < self._settings.settle_s:
            return None
        try:
            fault, waiting = self._contents(file, look)
            companion = Companion(waiting=True) if waiting else self._companion(file, look)
        except FileNotFoundError:
            return None
        except OSError as error:
            look.troubles.append(_forbidden(self._settings.path, file, error))
            return None
        if companion.waiting:
            return None
        moment = _captured_at(file, look.now)
        return Finding(
            AcquisitionKind.IMAGE_FILE,
            self._exams.key(file, moment, marker),
            moment,
            (file.part(), *companion.parts),
            (*self._rules.names.of(file.name), *companion.hints),
            fault or companion.fault,
        )

    def sidecar_of(self, file: SeenFile, view: FolderView) -> SeenFile | None:
        """The sidecar that stands beside a file."""
        if self._rules.sidecar is None:
            return None
        return view.named(file.folder, self._rules.sidecar.file_name(file.own_name))

    def _contents(self, file: SeenFile, look: Look) -> tuple[UnreadableInput | None, bool]:
        """The fault with which the file is taken, if any, and whether it must wait."""
        given_up = self._settling.stable_s(file, look.at) >= self._settings.incomplete_limit_s
        seen = self._inspections.get(file.name)
        descriptor = open_regular(self._settings.path, file.name)
        with os.fdopen(descriptor, "rb") as stream:
            if not is_same(os.fstat(descriptor), file.part()):
                return None, True
            if is_being_written(descriptor) and not given_up:
                return None, True
            if seen is None or seen.part != file.part():
                seen = Inspection(file.part(), completeness_of(stream))
                self._inspections[file.name] = seen
        verdict = seen.verdict
        if verdict.growth is Growth.COMPLETE and file.size < self._settings.min_file_bytes:
            verdict = Completeness(Growth.GROWING, UnreadableInput("The file is smaller than the device ever writes."))
        return verdict.fault, verdict.growth is Growth.GROWING and not given_up

    def _companion(self, file: SeenFile, look: Look) -> Companion:
        reader = self._rules.sidecar
        if reader is None:
            return Companion()
        sidecar = self.sidecar_of(file, look.view)
        name = display_name(reader.file_name(file.own_name))
        if sidecar is None:
            if self._settling.stable_s(file, look.at) < reader.settings.wait_s:
                return Companion(waiting=True)
            return Companion(fault=_missing(name, reader.settings.wait_s) if reader.settings.required else None)
        stable_s = self._settling.stable_s(sidecar, look.at)
        if stable_s < self._settings.settle_s:
            return Companion(waiting=True)
        parts = (sidecar.part(PartRole.SIDECAR),)
        try:
            data = _bytes_of(self._settings.path, sidecar)
            hints = reader.hints(data, sidecar=display_name(sidecar.own_name), picture=file.own_name)
        except UnreadableInput as fault:
            return Companion(parts, fault=fault, waiting=stable_s < reader.settings.wait_s)
        return Companion(parts, hints)


def _bytes_of(root: Path, file: SeenFile) -> bytes:
    with os.fdopen(open_regular(root, file.name), "rb") as stream:
        return stream.read(MAX_SIDECAR_BYTES + 1)


def _captured_at(file: SeenFile, now: datetime) -> datetime:
    """When the file was last written, in the station's zone; never in the future, whatever the device's clock says."""
    try:
        written = datetime.fromtimestamp(file.mtime_ns / 1_000_000_000, now.tzinfo)
    except (ValueError, OverflowError, OSError):
        return now
    return min(written, now)


def _missing(name: str, wait_s: float) -> UnreadableInput:
    return UnreadableInput(
        f"Sidecar {name}, which says whose picture this is, did not come within {wait_s:g} seconds.",
        remedy="Export it from the device again together with its sidecar.",
    )


def _too_large(root: Path, file: SeenFile, limit: int) -> GatewayError:
    return source_trouble(
        f"File {root}/{display_name(file.name)} has {file.size} bytes, more than the {limit} that are taken.",
        remedy="Move it away, or raise source.max_file_mib in the device profile.",
    )


def _forbidden(root: Path, file: SeenFile, error: OSError) -> GatewayError:
    return source_trouble(
        f"File {root}/{display_name(file.name)} cannot be read: {error.strerror}.",
        remedy="Give the gateway the right to read it; it is tried again until then.",
    )
