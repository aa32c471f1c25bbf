"""Reads the device files: each with the shipped profile that it names laid under it, and what it refers to checked."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import attrs

from gateway.config.device import Device, DeviceFile, Object
from gateway.config.faults import BadValue, Fault, did_you_mean
from gateway.config.reading import Reader
from gateway.config.rules import name as name_rule
from gateway.config.tables import Table, merge, parse, stands_in
from gateway.config.vocabulary import Vocabulary
from gateway.domain.errors import ConfigurationError


@attrs.frozen
class Named:
    """What a device file may refer to by its name: worklists and feeds, and peers that are told of performed steps."""

    providers: tuple[str, ...]
    mpps: tuple[str, ...]


class DeviceReader:
    """Reads the device files of one folder; faults go to `faults`, with the files' names for people."""

    def __init__(self, reader: Reader, vocabulary: Vocabulary, profiles: Path, named: Named) -> None:
        self._reader = reader
        self._vocabulary = vocabulary
        self._profiles = profiles
        self._named = named
        self.faults: list[Fault] = []

    def read(self, paths: Sequence[Path]) -> tuple[Device, ...]:
        """The devices of the files that could be read."""
        devices = tuple(device for device in map(self._device, paths) if device is not None)
        watched = Counter(device.settings.source.path for device in devices)
        for device in devices:
            folder = device.settings.source.path
            if watched[folder] > 1:
                given = repr(str(folder))
                self.faults.append(
                    Fault(_file_of(device.path), "source.path", "another device watches the same folder", given)
                )
        return devices

    def _device(self, path: Path) -> Device | None:
        file = _file_of(path)
        own, faults = parse(path, file)
        self.faults += faults
        if own is None:
            return None
        try:
            name_rule(path.stem)
        except BadValue as bad:
            rule = f"the name of the file is the name of the device; {bad.rule}"
            self.faults.append(Fault(file, "", rule, repr(path.stem)))
        made = self._made(own, file)
        if made is None:
            return None
        self.faults += self._unknown(made, file)
        return Device(path.stem, path, made)

    def _made(self, own: Table, file: str) -> DeviceFile | None:
        """The settings with the profile laid under; a fault of the profile's own text is named by the profile."""
        profile = self._profile(own, file)
        made, faults = self._reader.read(DeviceFile, merge(profile, own), file=file, path="")
        shipped = f"profile {own.get('profile')}"
        self.faults += [
            attrs.evolve(fault, file=shipped) if stands_in(profile, fault) and not stands_in(own, fault) else fault
            for fault in faults
        ]
        return made

    def _profile(self, own: Table, file: str) -> Table:
        name = own.get("profile", "")
        if not isinstance(name, str) or not name:
            return {}
        known = [found.stem for found in sorted(self._profiles.glob("*.toml"))]
        if name not in known:
            suggestion = did_you_mean(name, known) or (f"known are {', '.join(known)}" if known else "")
            self.faults.append(Fault(file, "profile", "no shipped profile of that name", repr(name), suggestion))
            return {}
        table, faults = parse(self._profiles / f"{name}.toml", f"profile {name}")
        self.faults += faults
        return table or {}

    def _unknown(self, device: DeviceFile, file: str) -> Iterator[Fault]:
        """What it refers to and nobody knows."""
        yield from self._object_faults(device.object, file)
        yield from _unknown_names(device.match.providers, self._named.providers, file, "match.providers", "worklist")
        peers = device.performed_step.peers
        yield from _unknown_names(peers, self._named.mpps, file, "performed_step.peers", "mpps peer")

    def _object_faults(self, made: Object, file: str) -> Iterable[Fault]:
        classes = sorted(self._vocabulary.sop_classes)
        if classes and made.sop_class not in classes:
            suggestion = did_you_mean(made.sop_class, classes) or f"known are {', '.join(classes)}"
            given = repr(made.sop_class)
            return [Fault(file, "object.sop_class", "no SOP Class of that name", given, suggestion)]
        try:
            return [Fault(file, "object", sentence) for sentence in self._vocabulary.object_faults(made)]
        except ConfigurationError as error:
            return [Fault(file, "object", error.message, suggestion=error.remedy)]


def _file_of(path: Path) -> str:
    return f"devices/{path.name}"


def _unknown_names(names: Sequence[str], known: Sequence[str], file: str, key: str, what: str) -> Iterator[Fault]:
    for index, name in enumerate(names):
        if name not in known:
            yield Fault(file, f"{key}[{index}]", f"no {what} of that name", repr(name), did_you_mean(name, known))
