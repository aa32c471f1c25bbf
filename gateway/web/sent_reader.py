"""What was sent, for a page that nobody told about any: nothing."""

from collections.abc import Sequence

from gateway.domain.sent import ImportView, MessageView, ScanView, SentRound


class NothingSent:
    """A `SentReader` that has nothing to show."""

    def round(self, provider: str) -> SentRound | None:
        """No provider was ever asked."""
        del provider
        return None

    def look_ups(self, provider: str) -> Sequence[SentRound]:
        """Nobody was looked up."""
        del provider
        return []

    def messages(self, provider: str = "", *, limit: int = 50) -> Sequence[MessageView]:
        """No message came."""
        del provider, limit
        return []

    def imports(self, *, limit: int = 5) -> Sequence[ImportView]:
        """No list was imported."""
        del limit
        return []

    def scans(self) -> Sequence[ScanView]:
        """No code was scanned."""
        return []
