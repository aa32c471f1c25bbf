"""Local studies for a page that nobody told about any: none."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from gateway.domain.local_views import LocalStudyView, NoticeView, ToReconcile


class NoLocalStudies:
    """A `LocalStudyReader` that has nothing to show."""

    def opened(self) -> Mapping[str, tuple[LocalStudyView, datetime]]:
        """Nobody is open without an order."""
        return {}

    def local_study(self, number: int) -> LocalStudyView | None:
        """There is none of any number."""
        del number
        return None

    def of_exam(self, device: str, exam_key: str) -> LocalStudyView | None:
        """No exam went to one."""
        del device, exam_key
        return None

    def to_reconcile(self) -> Sequence[ToReconcile]:
        """Nothing waits."""
        return []

    def notices(self, *, done: bool = False) -> Sequence[NoticeView]:
        """No archive is to be told anything."""
        del done
        return []

    def replaces(self, destination: str) -> bool:
        """Nobody gets new objects."""
        del destination
        return False

    def next_id(self) -> str:
        """Nothing is known of ids."""
        return ""
