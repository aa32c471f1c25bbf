"""What peers of the worklist sent, as people look at it: raw, decoded, each fault at its place. Holds patient data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gateway.domain.procedure import StepKey


@dataclass(frozen=True, slots=True)
class SentLine:
    """One attribute as it came; `depth` counts the sequences that it stands in."""

    depth: int
    tag: str
    name: str
    vr: str
    text: str = field(repr=False)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class SentAnswer:
    """One worklist answer; `faults` are those of the whole, the others stand at their lines."""

    position: int
    size: int
    usable: bool
    faults: tuple[str, ...]
    lines: tuple[SentLine, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NamePreview:
    """Names of the answers as one character set reads them; `unreadable` counts those that it cannot."""

    character_set: str
    names: tuple[str, ...] = field(repr=False)
    unreadable: int


@dataclass(frozen=True, slots=True)
class SentRound:
    """One time that a provider was asked: `came` answers, of which `answers` are kept; `note` says what was amiss."""

    provider: str
    at: datetime
    asked: str
    came: int
    complete: bool
    note: str
    answers: tuple[SentAnswer, ...] = ()
    preview: tuple[NamePreview, ...] = ()


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message of a feed as it came, with the answer that it got."""

    at: datetime
    provider: str
    sender: str
    kind: str
    control_id: str
    answer: str
    fault: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ImportView:
    """A list as a person gave it, what became of it, and all its faults with their places."""

    at: datetime
    by: str
    ok: bool
    outcome: str
    faults: tuple[str, ...]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ScanView:
    """The last code that was read for a device, what came of it, and the steps that came into question.

    `waiting_step` is the number of a step that opens when the code is read again, or confirmed, until `waiting_until`.
    `kind` is what the code stands for (empty: any number), and `unknown` says that no step has it.
    """

    device: str
    at: datetime
    code: str = field(repr=False)
    ok: bool
    outcome: str
    candidates: tuple[StepKey, ...] = ()
    waiting_step: int | None = None
    waiting_until: datetime | None = None
    kind: str = ""
    unknown: bool = False


class SentReader(Protocol):
    """Reads what peers and scanners sent; every call is one short read transaction."""

    def round(self, provider: str) -> SentRound | None:
        """The last answers of a provider to the broad question; None while it was never asked."""
        ...

    def look_ups(self, provider: str) -> Sequence[SentRound]:
        """What a provider answered when single patients or orders were looked up: the last few, newest first."""
        ...

    def messages(self, provider: str = "", *, limit: int = 50) -> Sequence[MessageView]:
        """The last messages of a feed, or of all, newest first."""
        ...

    def imports(self, *, limit: int = 5) -> Sequence[ImportView]:
        """The last lists that people gave, newest first."""
        ...

    def scans(self) -> Sequence[ScanView]:
        """The last code of each device."""
        ...
