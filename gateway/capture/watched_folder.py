"""A capture source for devices that write picture files into a folder."""

from collections.abc import Iterable, Iterator
from threading import Event
from typing import BinaryIO

from gateway.capture.exams import Exams
from gateway.capture.faults import input_fault
from gateway.capture.folder_events import FolderEvents
from gateway.capture.folder_scan import FolderView, SeenFile, look
from gateway.capture.folder_settings import FolderSettings, folder_rules
from gateway.capture.letting_go import delete, move
from gateway.capture.readiness import Look, Readiness
from gateway.capture.regular_files import open_part
from gateway.domain.acquisition import CaptureMemory, Finding, FindingPart
from gateway.domain.errors import GatewayError
from gateway.domain.identifiers import display_name
from gateway.domain.ports import Clock

__all__ = ["FolderSettings", "WatchedFolder"]

_GLANCE_S = 0.5
_STUCK_RETRY_S = 60.0


class WatchedFolder:
    """Watches one folder for one device; implements `CaptureSource`.

    The folder is looked at when the system reports news, when a file may have settled, and every `poll_s` seconds
    anyway. Everything it remembers can be lost: what was taken is asked of `memory`, the rest is seen again.
    """

    def __init__(self, settings: FolderSettings, *, memory: CaptureMemory, clock: Clock) -> None:
        self._settings = settings
        self._rules = folder_rules(settings)
        self._memory = memory
        self._clock = clock
        self._exams = Exams(settings, self._rules, memory)
        self._readiness = Readiness(settings, self._rules, self._exams)
        self._news = Event()
        self._events = FolderEvents(settings.path, self._news, recursive=settings.recursive)
        self._known: set[FindingPart] = set()
        self._users: dict[bytes, set[bytes]] = {}
        self._markers: dict[bytes, SeenFile] = {}
        self._stuck: dict[bytes, tuple[GatewayError, float]] = {}
        self._troubles: tuple[GatewayError, ...] = ()
        self._due = clock.monotonic()

    def wait(self, timeout_s: float) -> None:
        """Return on news, when the folder is to be looked at again, or after `timeout_s` seconds."""
        self._news.wait(max(0.0, min(timeout_s, self._due - self._clock.monotonic())))

    def poll(self) -> Iterable[Finding]:
        """Findings that are ready, oldest first; nothing while no look is due."""
        at = self._clock.monotonic()
        if self._settings.use_native_events:
            self._events.keep_up(at)
        if not self._news.is_set() and at < self._due:
            return
        self._news.clear()
        seen = Look(
            look(
                self._settings.path,
                self._rules,
                recursive=self._settings.recursive,
                apart_from=self._settings.taken_folder,
            ),
            at,
            self._clock.now(),
        )
        pictures = self._take_in(seen)
        yield from self._findings(pictures, seen)

    def open(self, part: FindingPart) -> BinaryIO:
        """The bytes of a part; the last read fails if the file changed meanwhile."""
        return open_part(self._settings.path, part)

    def acknowledge(self, finding: Finding) -> None:
        """Let the finding's files go as the profile says.

        Companions that no other file needs go first: should that be interrupted, the picture is still there, known to
        the ledger, and is offered once more.
        """
        name = finding.parts[0].name
        if self._settings.after == "keep":
            return
        try:
            for companion in self._last_needed(name):
                self._let_go(companion)
            for part in reversed(finding.parts):
                if part.name == name or not self._users.get(part.name):
                    self._let_go(part)
        except OSError as error:
            fault = input_fault(
                f"File {display_name(name)} was taken but cannot be {self._settings.after}d",
                error,
                remedy="Give the gateway the right to change the folder; the file is safe and stays meanwhile.",
            )
            self._stuck[name] = (fault, self._clock.monotonic() + _STUCK_RETRY_S)
            raise fault from error
        self._stuck.pop(name, None)

    def troubles(self) -> tuple[GatewayError, ...]:
        """What was in the way at the last look."""
        return (*self._troubles, *(fault for fault, _ in self._stuck.values()))

    def close(self) -> None:
        """End the notices."""
        self._events.stop()

    def _take_in(self, seen: Look) -> list[SeenFile]:
        """Remember what stands in the folder, and return its pictures, oldest first."""
        self._readiness.observe(seen)
        pictures = [file for file in seen.view.files.values() if self._rules.is_picture(file.own_name)]
        pictures.sort(key=lambda file: (file.mtime_ns, file.name))
        present = {file.part() for file in pictures}
        self._known &= present
        self._stuck = {name: stuck for name, stuck in self._stuck.items() if name in seen.view.files}
        self._users, self._markers = {}, {}
        if self._settings.after != "keep":
            for file in pictures:
                self._note_companions(file, seen.view)
        return pictures

    def _note_companions(self, file: SeenFile, view: FolderView) -> None:
        sidecar = self._readiness.sidecar_of(file, view)
        marker = self._exams.marker_of(file, view)
        for companion in (sidecar, marker):
            if companion is not None:
                self._users.setdefault(companion.name, set()).add(file.name)
        if marker is not None:
            self._markers[marker.name] = marker

    def _findings(self, pictures: list[SeenFile], seen: Look) -> Iterator[Finding]:
        waiting = False
        for file in pictures:
            finding = self._again(file, seen) if self._is_known(file.part()) else self._readiness.finding(file, seen)
            if finding is not None:
                yield finding
            waiting = waiting or (finding is None and file.part() not in self._known)
        self._troubles = (*seen.view.troubles, *seen.troubles)
        pause_s = min(self._settings.poll_s, max(self._settings.settle_s / 2, _GLANCE_S)) if waiting else None
        self._due = seen.at + (self._settings.poll_s if pause_s is None else pause_s)

    def _is_known(self, part: FindingPart) -> bool:
        if part not in self._known and self._memory.is_known(part):
            self._known.add(part)
        return part in self._known

    def _again(self, file: SeenFile, seen: Look) -> Finding | None:
        """A known file is of interest only when it should have gone: its acknowledgement was interrupted."""
        if self._settings.after == "keep":
            return None
        _, retry_at = self._stuck.get(file.name, (None, seen.at))
        return self._readiness.again(file, seen) if retry_at <= seen.at else None

    def _last_needed(self, name: bytes) -> list[FindingPart]:
        """Forget that `name` needs its companions, and return the markers that nobody needs any more."""
        done: list[FindingPart] = []
        for companion, users in self._users.items():
            if name in users:
                users.discard(name)
                if not users and companion in self._markers:
                    done.append(self._markers[companion].part())
        return done

    def _let_go(self, part: FindingPart) -> None:
        if self._settings.after == "delete":
            delete(self._settings.path, part)
        else:
            move(self._settings.path, part, self._settings.taken_folder)
