"""How long files have stayed as they are, by a clock that nobody can set."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.capture.folder_scan import SeenFile


@dataclass(frozen=True, slots=True)
class _Sight:
    file: SeenFile
    since: float


class Settling:
    """Remembers for every file of the last look since when it has been seen unchanged."""

    def __init__(self) -> None:
        self._sights: dict[bytes, _Sight] = {}

    def observe(self, files: Mapping[bytes, SeenFile], now: float) -> None:
        """Compare with the last look; a changed file starts again, and one that is gone is forgotten."""
        known = self._sights
        self._sights = {
            name: sight if (sight := known.get(name)) is not None and sight.file == file else _Sight(file, now)
            for name, file in files.items()
        }

    def stable_s(self, file: SeenFile, now: float) -> float:
        """Seconds for which this very file has been seen unchanged."""
        sight = self._sights.get(file.name)
        return now - sight.since if sight is not None and sight.file == file else 0.0
