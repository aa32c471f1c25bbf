"""The operating system's own notices of a folder; without them, as on network shares, looking regularly must do."""

from pathlib import Path
from threading import Event

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

_RETRY_S = 60.0
_NOTICES: tuple[type[FileSystemEvent], ...] = (
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    DirCreatedEvent,
    DirMovedEvent,
)


class _Waker(FileSystemEventHandler):
    def __init__(self, news: Event) -> None:
        super().__init__()
        self._news = news

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Wake the loop; which file it was is found by looking."""
        del event
        self._news.set()


class FolderEvents:
    """Sets `news` when files are created, closed after writing or renamed in a folder, for as long as that works."""

    def __init__(self, path: Path, news: Event, *, recursive: bool) -> None:
        self._path = path
        self._news = news
        self._recursive = recursive
        self._observer: BaseObserver | None = None
        self._identity: tuple[int, int] | None = None
        self._tried_at: float | None = None

    @property
    def active(self) -> bool:
        """Whether notices are coming."""
        return self._observer is not None and self._observer.is_alive()

    def keep_up(self, now: float) -> None:
        """Start, or start again when the folder was replaced, mounted over or had failed; `now` is monotonic."""
        identity = _identity(self._path)
        if identity == self._identity and (self.active or not self._due(now)):
            return
        self.stop()
        self._identity, self._tried_at = identity, now
        if identity is None:
            return
        observer = Observer()
        try:
            observer.schedule(
                _Waker(self._news), str(self._path), recursive=self._recursive, event_filter=list(_NOTICES)
            )
            observer.start()
        except OSError:
            # out of watches or a file system without notices: regular looks find everything a little later
            return
        self._observer = observer

    def stop(self) -> None:
        """End the notices."""
        observer, self._observer = self._observer, None
        if observer is not None and observer.is_alive():
            observer.stop()
            observer.join()

    def _due(self, now: float) -> bool:
        return self._tried_at is None or now - self._tried_at >= _RETRY_S


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
