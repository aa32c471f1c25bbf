"""What peers and scanners sent, in memory: a fake of `SentReader`."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.domain.sent import ImportView, MessageView, ScanView, SentRound


@dataclass
class FakeSent:
    """Rows that tests put in."""

    rounds: dict[str, SentRound] = field(default_factory=dict)
    looked_up: dict[str, list[SentRound]] = field(default_factory=dict)
    message_rows: list[MessageView] = field(default_factory=list)
    import_rows: list[ImportView] = field(default_factory=list)
    scan_rows: list[ScanView] = field(default_factory=list)

    def round(self, provider: str) -> SentRound | None:
        return self.rounds.get(provider)

    def look_ups(self, provider: str) -> Sequence[SentRound]:
        return self.looked_up.get(provider, [])

    def messages(self, provider: str = "", *, limit: int = 50) -> Sequence[MessageView]:
        return [row for row in self.message_rows if provider in ("", row.provider)][:limit]

    def imports(self, *, limit: int = 5) -> Sequence[ImportView]:
        return self.import_rows[:limit]

    def scans(self) -> Sequence[ScanView]:
        return self.scan_rows
