"""Reads ``gateway.toml`` and the device files beside it; every fault of all files is reported at once.

Device files may name a shipped profile, which is laid under them: tables are merged, anything else is replaced.
Nothing is opened but these files: whether a certificate or a folder exists is for the role that needs it to say.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from gateway.config.destination import Destination
from gateway.config.device import Device
from gateway.config.faults import BadValue, Fault, InvalidConfiguration, did_you_mean
from gateway.config.load_devices import DeviceReader, Named
from gateway.config.model import Configuration, Listener, Logging, Spool, Station, Web
from gateway.config.profiles import shipped_profiles
from gateway.config.reading import Reader
from gateway.config.ris import Hl7Feed, MppsPeer, WorklistProvider
from gateway.config.routes import fallback_faults, route_faults
from gateway.config.scanner import Scanner, scanner_faults
from gateway.config.tables import parse
from gateway.config.unscheduled import Unscheduled
from gateway.config.vocabulary import UNCHECKED, Vocabulary
from gateway.domain.orders import LOCAL_LIST

T = TypeVar("T")

_TABLES = (
    "station", "spool", "worklist", "destination", "hl7", "mpps", "listener", "unscheduled", "scanner", "web",
    "logging",
)  # fmt: skip


def load(
    path: Path,
    *,
    vocabulary: Vocabulary = UNCHECKED,
    profiles: Path | None = None,
) -> Configuration:
    """The configuration in the file `path` and the folder ``devices`` beside it.

    `profiles` is the folder of the shipped profiles. Raises `InvalidConfiguration` with every fault found.
    """
    loader = _Loader(path.absolute(), vocabulary, profiles if profiles is not None else shipped_profiles())
    return loader.load()


class _Loader:
    """Gathers faults while it reads; made for one call of `load`."""

    def __init__(self, path: Path, vocabulary: Vocabulary, profiles: Path) -> None:
        self._path = path
        self._file = path.name
        self._device_files = sorted((path.parent / "devices").glob("*.toml"))
        self._vocabulary = vocabulary
        self._profiles = profiles
        self._reader = Reader(path.parent, vocabulary.transfer_syntaxes)
        table, faults = parse(path, path.name)
        self._table: Mapping[str, Any] = table or {}
        self._faults: list[Fault] = [*faults]

    def load(self) -> Configuration:
        self._unknown_tables()
        station, spool = self._one(Station, "station"), self._one(Spool, "spool")
        worklist, destination = self._several(WorklistProvider, "worklist"), self._several(Destination, "destination")
        listener = self._one(Listener, "listener") if "listener" in self._table else None
        self._unheard(destination)
        hl7 = self._several(Hl7Feed, "hl7")
        self._same_name(worklist, hl7)
        mpps, unscheduled = self._several(MppsPeer, "mpps"), self._one(Unscheduled, "unscheduled")
        scanner = self._several(Scanner, "scanner")
        self._note_all(scanner_faults(scanner, self._device_names()))
        web, logging = self._one(Web, "web"), self._one(Logging, "logging")
        devices = self._devices(Named((*_names(worklist), *_names(hl7), LOCAL_LIST), _names(mpps)))
        self._routes(destination)
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

    def _unknown_tables(self) -> None:
        for key in self._table:
            if key not in _TABLES:
                suggestion = did_you_mean(key, _TABLES)
                if key in {"device", "devices"}:
                    suggestion = "each device has a file of its own in the folder devices/"
                self._note(key, f"unknown table {key}", suggestion)

    def _one(self, cls: type[T], key: str) -> T | None:
        if self._faults and not self._table:
            return None  # the file itself could not be read: no faults about what it would have said
        made, faults = self._reader.read(cls, self._table.get(key, {}), file=self._file, path=key)
        self._faults.extend(faults)
        return made

    def _several(self, cls: type[T], key: str) -> tuple[T, ...]:
        items = self._table.get(key, [])
        if not isinstance(items, list):
            self._note(key, "must be a list of tables", f"write [[{key}]]")
            return ()
        made = []
        for index, item in enumerate(items):
            one, faults = self._reader.read(cls, item, file=self._file, path=f"{key}[{index}]")
            self._faults.extend(faults)
            made += [one] if one is not None else []
        self._twice(items, key)
        return tuple(made)

    def _twice(self, items: Sequence[Any], key: str) -> None:
        names = [item.get("name") if isinstance(item, dict) else None for item in items]
        for index, name in enumerate(names):
            if isinstance(name, str) and name in names[:index]:
                self._note(f"{key}[{index}].name", f"{key}[{names.index(name)}] has the same name", given=name)

    def _same_name(self, worklist: Sequence[WorklistProvider], feeds: Sequence[Hl7Feed]) -> None:
        for index, feed in enumerate(feeds):
            if feed.name in _names(worklist):
                self._note(f"hl7[{index}].name", "a worklist has the same name", given=feed.name)

    def _unheard(self, destinations: Sequence[Destination]) -> None:
        """A peer that is asked for commitment may report over a new association, which somebody must take."""
        for index, one in enumerate(destinations):
            if one.proof == "commitment" and "listener" not in self._table:
                self._note(
                    f"destination[{index}].proof",
                    "storage commitment needs the table listener, for reports over a new association",
                    "write [listener] with its port",
                    one.proof,
                )

    def _devices(self, named: Named) -> tuple[Device, ...]:
        reader = DeviceReader(self._reader, self._vocabulary, self._profiles, named)
        devices = reader.read(self._device_files)
        self._faults.extend(reader.faults)
        return devices

    def _device_names(self) -> list[str]:
        """By their files: a device whose file has a fault is there all the same."""
        return [path.stem for path in self._device_files]

    def _routes(self, destinations: Sequence[Destination]) -> None:
        takes = [(one.name, one.takes) for one in destinations]
        self._note_all(route_faults(takes, self._device_names(), self._vocabulary.sop_classes))
        self._note_all(fallback_faults([one.fallback for one in destinations], self._vocabulary.sop_classes))

    def _note_all(self, bad: Iterable[tuple[str, BadValue]]) -> None:
        for path, one in bad:
            self._note(path, one.rule, one.suggestion)

    def _note(self, path: str, rule: str, suggestion: str = "", given: str = "") -> None:
        self._faults.append(Fault(self._file, path, rule, repr(given) if given else "", suggestion))


def _names(several: Sequence[WorklistProvider | Hl7Feed | MppsPeer]) -> tuple[str, ...]:
    return tuple(one.name for one in several)
