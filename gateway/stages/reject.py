"""Makes the rejection notes that corrections owe: small, before anything else, frozen like every object."""

import logging

from gateway.domain.checkpoints import Checkpoint, Passage
from gateway.domain.corrections import KEY_OBJECT_SELECTION, NoteOrder
from gateway.domain.errors import Disposition, GatewayError
from gateway.domain.identifiers import Uid
from gateway.domain.instance import SpooledObject
from gateway.domain.objects import Station
from gateway.objects.rejection_note import write_rejection_note
from gateway.spool.files import SpoolFiles
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.spool.rejections import OwedNote, RejectionLedger
from gateway.stages.beat import Beat

_log = logging.getLogger(__name__)
_REST_S = 30.0
_ISSUE = "reject."


class RejectStage:
    """The work of the loop that makes rejection notes."""

    def __init__(
        self,
        *,
        notes: RejectionLedger,
        health: HealthLedger,
        files: SpoolFiles,
        station: Station,
        passage: Passage,
        beat: Beat,
    ) -> None:
        self._notes = notes
        self._health = health
        self._files = files
        self._station = station
        self._passage = passage
        self._beat = beat
        notes.try_failed_again()

    def round(self) -> float:
        """Make the oldest note that is owed; rest when there is none."""
        note = self._notes.next_owed()
        if note is None:
            self._show()
            return _REST_S
        try:
            self._make(note)
        except GatewayError as fault:
            if fault.disposition in (Disposition.HALT, Disposition.RETRY):
                raise
            _log.error("note=%s made=no error=%s", note.identity.sop_instance_uid, fault.message)
            self._notes.failed(note, fault)
        self._beat()
        return 0.0

    def close(self) -> None:
        """Nothing to release."""

    def _make(self, note: OwedNote) -> None:
        with self._files.new_file() as (stream, temporary):
            syntax = write_rejection_note(order_of(note, self._station), stream)
        self._passage(Checkpoint.NOTE_WRITTEN)
        path, digest, size = self._files.place_object(temporary, note.made_at, note.identity.sop_instance_uid)
        self._passage(Checkpoint.NOTE_RENAMED)
        self._notes.made(note, SpooledObject(path, digest, size, KEY_OBJECT_SELECTION, Uid(syntax)))
        self._passage(Checkpoint.NOTE_COMMITTED)
        _log.info("note=%s made=yes destinations=%d", note.identity.sop_instance_uid, len(note.destinations))

    def _show(self) -> None:
        failed = self._notes.failures()
        issue = StandingIssue(
            "danger",
            f"{failed} rejection note(s) could not be made: a destination may hold objects under the wrong patient.",
            "Tell the administrator of the PACS which objects are wrong; the journal of the acquisitions names them.",
        )
        self._health.settle(_ISSUE, {f"{_ISSUE}failed": issue} if failed else {})


def order_of(note: OwedNote, station: Station) -> NoteOrder:
    """What a note is made from."""
    return NoteOrder(note.identity, note.subject, station, note.study_started_at, note.made_at, note.rejected)
