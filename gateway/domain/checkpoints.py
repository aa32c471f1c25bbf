"""The named moments between two durable effects at which power may fail; fault tests stop the program at each."""

from collections.abc import Callable
from enum import Enum


class Checkpoint(Enum):
    """One such moment. The order in which a single acquisition passes them is the order here."""

    CAPTURE_FOUND = "capture.found"
    CAPTURE_COPIED = "capture.copied"
    CAPTURE_SYNCED = "capture.synced"
    CAPTURE_RENAMED = "capture.renamed"
    CAPTURE_COMMITTED = "capture.committed"
    CAPTURE_ACKNOWLEDGED = "capture.acknowledged"
    ASSEMBLE_CLAIMED = "assemble.claimed"
    ASSEMBLE_MATCHED = "assemble.matched"
    ASSEMBLE_RESERVED = "assemble.reserved"
    ASSEMBLE_WRITTEN = "assemble.written"
    ASSEMBLE_SYNCED = "assemble.synced"
    ASSEMBLE_RENAMED = "assemble.renamed"
    ASSEMBLE_COMMITTED = "assemble.committed"
    DELIVER_CLAIMED = "deliver.claimed"
    DELIVER_ASSOCIATED = "deliver.associated"
    DELIVER_ANSWERED = "deliver.answered"
    DELIVER_COMMITTED = "deliver.committed"
    REPORT_CLAIMED = "report.claimed"
    REPORT_ANSWERED = "report.answered"
    REPORT_COMMITTED = "report.committed"
    CORRECT_LINKED = "correct.linked"
    CORRECT_COMMITTED = "correct.committed"
    NOTE_WRITTEN = "note.written"
    NOTE_RENAMED = "note.renamed"
    NOTE_COMMITTED = "note.committed"


Passage = Callable[[Checkpoint], None]
"""What is called at each checkpoint."""


def pass_by(_: Checkpoint) -> None:
    """What normally happens at a checkpoint: nothing."""
