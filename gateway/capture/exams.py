"""Which files belong to one exam: those of a folder, those that a marker file ends, or those without a long pause."""

from datetime import UTC, datetime, timedelta

from gateway.capture.folder_scan import FolderView, SeenFile
from gateway.capture.folder_settings import FolderRules, FolderSettings
from gateway.domain.acquisition import CaptureMemory
from gateway.domain.identifiers import display_name

_IDLE_PREFIX = "idle "
_NS = 1_000_000_000


class Exams:
    """Gives files their exam keys."""

    def __init__(self, settings: FolderSettings, rules: FolderRules, memory: CaptureMemory) -> None:
        self._settings = settings
        self._rules = rules
        self._memory = memory
        self._offered: tuple[str, datetime] | None = None

    def marker_of(self, file: SeenFile, view: FolderView) -> SeenFile | None:
        """The marker that ends the file's exam: the first one written after it in its folder."""
        if self._rules.marker is None:
            return None
        later = [
            other
            for other in view.in_folder(file.folder)
            if self._rules.is_marker(other.own_name) and other.mtime_ns >= file.mtime_ns
        ]
        return min(later, key=lambda marker: (marker.mtime_ns, marker.name), default=None)

    def key(self, file: SeenFile, captured_at: datetime, marker: SeenFile | None) -> str:
        """The exam key of a file that is taken now."""
        if self._settings.grouping == "idle":
            return self._idle_key(captured_at)
        folder = display_name(file.folder) or "."
        if marker is None:
            return folder
        return f"{folder}@{_moment_text(marker.mtime_ns)}"

    def _idle_key(self, captured_at: datetime) -> str:
        """The newest exam of this device when it is near enough in time, before or after, otherwise a new one."""
        pause = timedelta(seconds=self._settings.idle_s)
        near = [
            known
            for known in (self._offered, self._memory.latest_exam())
            if known is not None and known[0].startswith(_IDLE_PREFIX) and abs(captured_at - known[1]) <= pause
        ]
        key = near[0][0] if near else f"{_IDLE_PREFIX}{captured_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        if self._offered is None or not near or captured_at > self._offered[1]:
            self._offered = (key, captured_at)
        return key


def _moment_text(mtime_ns: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=mtime_ns // _NS)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{mtime_ns % _NS:09d}Z"
