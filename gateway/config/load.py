"""Reads ``gateway.toml`` and the device files beside it; every fault of all files is reported at once.

Device files may name a shipped profile, which is laid under them: tables are merged, anything else is replaced.
Nothing is opened but these files: whether a certificate or a folder exists is for the role that needs it to say.
"""

import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import attrs

from gateway.config.device import Device, DeviceFile, Object
from gateway.config.faults import BadValue, Fault, InvalidConfiguration, did_you_mean
from gateway.config.model import (
    Configuration,
    Destination,
    Hl7Feed,
    Listener,
    Logging,
    MppsPeer,
    Spool,
    Station,
    Web,
    WorklistProvider,
)
from gateway.config.profiles import shipped_profiles
from gateway.config.reading import Reader
from gateway.config.routes import fallback_faults, route_faults
from gateway.config.rules import name as name_rule
from gateway.config.scanner import Scanner, scanner_faults
from gateway.config.unscheduled import Unscheduled
from gateway.domain.errors import ConfigurationError
from gateway.domain.orders import LOCAL_LIST

T = TypeVar("T")
Table = Mapping[str, Any]

_TABLES = (
    "station", "spool", "worklist", "destination", "hl7", "mpps", "listener", "unscheduled", "scanner", "web",
    "logging",
)  # fmt: skip


def no_object_faults(_: Object) -> Iterable[str]:
    """Nothing to say about any object."""
    return ()


@attrs.frozen
class Vocabulary:
    """What other rooms know and this one may not ask: the composition root hands it in. An empty part is not checked.

    `sop_classes` are the row names of the objects wing, `transfer_syntaxes` map the codec's names to UIDs;
    `object_faults` says in sentences what is wrong with the objects of a device (of a known SOP Class).
    """

    sop_classes: frozenset[str] = frozenset()
    transfer_syntaxes: Mapping[str, str] = MappingProxyType({})
    object_faults: Callable[[Object], Iterable[str]] = no_object_faults


def load(
    path: Path,
    *,
    vocabulary: Vocabulary = Vocabulary(),
    profiles: Path | None = None,
) -> Configuration:
    """The configuration in the file `path` and the folder ``devices`` beside it.

    `profiles` is the folder of the shipped profiles. Raises `InvalidConfiguration` with every fault found.
    """
    path = path.absolute()
    loader = _Loader(path, vocabulary, profiles if profiles is not None else shipped_profiles())
    return loader.load()


class _Loader:
    """Gathers faults while it reads; made for one call of `load`."""

    def __init__(self, path: Path, vocabulary: Vocabulary, profiles: Path) -> None:
        self._path = path
        self._vocabulary = vocabulary
        self._profiles = profiles
        self._reader = Reader(path.parent, vocabulary.transfer_syntaxes)
        self._faults: list[Fault] = []
        self._mpps_names: tuple[str, ...] = ()

    def load(self) -> Configuration:
        table = self._parse(self._path, self._path.name) or {}
        file = self._path.name
        self._unknown_tables(table, file)
        station = self._one(Station, table, "station", file)
        spool = self._one(Spool, table, "spool", file)
        worklist = self._several(WorklistProvider, table, "worklist", file)
        destination = self._several(Destination, table, "destination", file)
        listener = self._one(Listener, table, "listener", file) if "listener" in table else None
        self._unheard(destination, file, listens="listener" in table)
        hl7 = self._several(Hl7Feed, table, "hl7", file)
        self._same_name(worklist, hl7, file)
        mpps = self._several(MppsPeer, table, "mpps", file)
        self._mpps_names = tuple(peer.name for peer in mpps)
        unscheduled = self._one(Unscheduled, table, "unscheduled", file)
        scanner = self._several(Scanner, table, "scanner", file)
        self._scanners(scanner, file)
        web = self._one(Web, table, "web", file)
        logging = self._one(Logging, table, "logging", file)
        devices = self._devices((*(one.name for one in worklist), *(one.name for one in hl7), LOCAL_LIST))
        self._routes(destination, file)
        if self._faults or station is None or spool is None or web is None or logging is None:
            raise InvalidConfiguration(self._faults)
        return Configuration(
            path=self._path,
            station=station,
            spool=spool,
            worklist=worklist,
            destination=destination,
            listener=listener,
            web=web,
            logging=logging,
            devices=devices,
            mpps=mpps,
            hl7=hl7,
            unscheduled=unscheduled or Unscheduled(),
            scanner=scanner,
        )

    def _parse(self, path: Path, file: str) -> dict[str, Any] | None:
        """The file's tables; None after noting why it cannot be read."""
        try:
            return tomllib.loads(path.read_bytes().decode("utf-8"))
        except UnicodeDecodeError as error:
            self._note(file, "", f"is not UTF-8 text at byte {error.start}")
        except tomllib.TOMLDecodeError as error:
            self._note(file, "", f"is not TOML: {error}")
        except OSError as error:
            self._note(file, "", f"cannot be read: {error.strerror}")
        return None

    def _unknown_tables(self, table: Table, file: str) -> None:
        for key in table:
            if key not in _TABLES:
                suggestion = did_you_mean(key, _TABLES)
                if key in {"device", "devices"}:
                    suggestion = "each device has a file of its own in the folder devices/"
                self._note(file, key, f"unknown table {key}", suggestion)

    def _one(self, cls: type[T], table: Table, key: str, file: str) -> T | None:
        if self._faults and not table:
            return None  # the file itself could not be read: no faults about what it would have said
        made, faults = self._reader.read(cls, table.get(key, {}), file=file, path=key)
        self._faults.extend(faults)
        return made

    def _several(self, cls: type[T], table: Table, key: str, file: str) -> tuple[T, ...]:
        items = table.get(key, [])
        if not isinstance(items, list):
            self._note(file, key, "must be a list of tables", f"write [[{key}]]")
            return ()
        made = []
        for index, item in enumerate(items):
            one, faults = self._reader.read(cls, item, file=file, path=f"{key}[{index}]")
            self._faults.extend(faults)
            made += [one] if one is not None else []
        self._twice(items, key, file)
        return tuple(made)

    def _same_name(self, worklist: Sequence[WorklistProvider], feeds: Sequence[Hl7Feed], file: str) -> None:
        taken = {one.name for one in worklist}
        for index, feed in enumerate(feeds):
            if feed.name in taken:
                self._note(file, f"hl7[{index}].name", "a worklist has the same name", given=feed.name)

    def _unheard(self, destinations: Sequence[Destination], file: str, *, listens: bool) -> None:
        """A peer that is asked for commitment may report over a new association, which somebody must take."""
        for index, one in enumerate(destinations):
            if one.proof == "commitment" and not listens:
                self._note(
                    file,
                    f"destination[{index}].proof",
                    "storage commitment needs the table listener, for reports over a new association",
                    "write [listener] with its port",
                    one.proof,
                )

    def _scanners(self, scanners: Sequence[Scanner], file: str) -> None:
        known = sorted(path.stem for path in (self._path.parent / "devices").glob("*.toml"))
        for path, bad in scanner_faults(scanners, known):
            self._note(file, path, bad.rule, bad.suggestion)

    def _routes(self, destinations: Sequence[Destination], file: str) -> None:
        # by their files: a device whose file has a fault is there all the same
        devices = sorted(path.stem for path in (self._path.parent / "devices").glob("*.toml"))
        takes = [(one.name, one.takes) for one in destinations]
        for path, bad in route_faults(takes, devices, self._vocabulary.sop_classes):
            self._note(file, path, bad.rule, bad.suggestion)
        for path, bad in fallback_faults([one.fallback for one in destinations], self._vocabulary.sop_classes):
            self._note(file, path, bad.rule, bad.suggestion)

    def _twice(self, items: Sequence[Any], key: str, file: str) -> None:
        names = [item.get("name") if isinstance(item, dict) else None for item in items]
        for index, name in enumerate(names):
            if isinstance(name, str) and name in names[:index]:
                self._faults.append(
                    Fault(file, f"{key}[{index}].name", f"{key}[{names.index(name)}] has the same name", repr(name))
                )

    def _devices(self, providers: tuple[str, ...]) -> tuple[Device, ...]:
        folder = self._path.parent / "devices"
        made = [self._device(path, providers) for path in sorted(folder.glob("*.toml"))]
        devices = tuple(device for device in made if device is not None)
        watched = Counter(device.settings.source.path for device in devices)
        for device in devices:
            if watched[device.settings.source.path] > 1:
                file = f"devices/{device.path.name}"
                self._note(
                    file, "source.path", "another device watches the same folder", given=device.settings.source.path
                )
        return devices

    def _device(self, path: Path, providers: tuple[str, ...]) -> Device | None:
        file = f"devices/{path.name}"
        own = self._parse(path, file)
        if own is None:
            return None
        try:
            name_rule(path.stem)
        except BadValue as bad:
            self._note(file, "", f"the name of the file is the name of the device; {bad.rule}", given=path.stem)
        profile = self._profile(own, file)
        made, faults = self._reader.read(DeviceFile, merge(profile, own), file=file, path="")
        shipped = f"profile {own.get('profile')}"
        self._faults.extend(
            attrs.evolve(fault, file=shipped) if stands_in(profile, fault) and not stands_in(own, fault) else fault
            for fault in faults
        )
        if made is None:
            return None
        self._faults.extend(self._references(made, file, providers))
        return Device(path.stem, path, made)

    def _profile(self, own: Table, file: str) -> Table:
        name = own.get("profile", "")
        if not isinstance(name, str) or not name:
            return {}
        path = self._profiles / f"{name}.toml"
        known = [found.stem for found in sorted(self._profiles.glob("*.toml"))]
        if name not in known:
            suggestion = did_you_mean(name, known) or (f"known are {', '.join(known)}" if known else "")
            self._note(file, "profile", "no shipped profile of that name", suggestion, name)
            return {}
        return self._parse(path, f"profile {name}") or {}

    def _references(self, device: DeviceFile, file: str, providers: tuple[str, ...]) -> Iterable[Fault]:
        classes = sorted(self._vocabulary.sop_classes)
        if classes and device.object.sop_class not in classes:
            suggestion = did_you_mean(device.object.sop_class, classes) or f"known are {', '.join(classes)}"
            yield Fault(
                file, "object.sop_class", "no SOP Class of that name", repr(device.object.sop_class), suggestion
            )
        else:
            yield from self._object_faults(device.object, file)
        for index, name in enumerate(device.match.providers):
            if name not in providers:
                hint = did_you_mean(name, providers)
                yield Fault(file, f"match.providers[{index}]", "no worklist of that name", repr(name), hint)

        for index, name in enumerate(device.performed_step.peers):
            if name not in self._mpps_names:
                hint = did_you_mean(name, self._mpps_names)
                yield Fault(file, f"performed_step.peers[{index}]", "no mpps peer of that name", repr(name), hint)

    def _object_faults(self, made: Object, file: str) -> Iterable[Fault]:
        try:
            return [Fault(file, "object", sentence) for sentence in self._vocabulary.object_faults(made)]
        except ConfigurationError as error:
            return [Fault(file, "object", error.message, suggestion=error.remedy)]

    def _note(self, file: str, path: str, rule: str, suggestion: str = "", given: object = "") -> None:
        self._faults.append(Fault(file, path, rule, repr(str(given)) if given else "", suggestion))


def merge(below: Table, above: Table) -> dict[str, Any]:
    """`below` with `above` laid over it: tables are merged, anything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = merge(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def stands_in(table: Table, fault: Fault) -> bool:
    """Whether the key that `fault` is about stands in `table`."""
    here: Any = table
    for key in fault.path.partition("[")[0].split("."):
        if not isinstance(here, dict) or key not in here:
            return False
        here = here[key]
    return True
