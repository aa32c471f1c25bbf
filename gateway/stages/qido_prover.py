"""Proves by QIDO-RS that a DICOMweb service keeps what it stored."""

from collections.abc import Mapping

from gateway.dicomweb.answer import Json, text_of
from gateway.dicomweb.http_session import HttpSession
from gateway.dicomweb.peer import StowPeer
from gateway.dicomweb.qido import held_instances
from gateway.domain.commitment import NO_SUCH_INSTANCE, ProofItem, ProofReport, ProofRequest
from gateway.spool.commitments import CommitmentLedger
from gateway.stages.beat import Beat

_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES = "00080016", "00080018", "0020000D", "0020000E"


class QidoProver:
    """The `Prover` of a service: a query for each instance, whose answer is taken as a report."""

    def __init__(self, peer: StowPeer, commitments: CommitmentLedger, *, beat: Beat) -> None:
        self._peer = peer
        self._commitments = commitments
        self._beat = beat

    def prove(self, request: ProofRequest) -> None:
        """Ask, and write down what the service holds and what it does not."""
        items = {str(item.sop_instance_uid): item for item in request.items}
        session = HttpSession.open(self._peer, beat=self._beat)
        try:
            held = held_instances(session, list(items), agrees=lambda match: _is_that(match, items))
        finally:
            session.close()
        kept = frozenset((str(item.sop_class_uid), uid) for uid, item in items.items() if uid in held)
        missing = {(str(item.sop_class_uid), uid): NO_SUCH_INSTANCE for uid, item in items.items() if uid not in held}
        self._commitments.report(ProofReport(request.transaction_uid, kept, missing))


def _is_that(match: Mapping[str, Json], items: Mapping[str, ProofItem]) -> bool:
    """Whether a match has the class, study and series of the instance; what it leaves out is no objection."""
    item = items[text_of(match, _SOP_INSTANCE)]
    wanted = {_SOP_CLASS: item.sop_class_uid, _STUDY: item.study_instance_uid, _SERIES: item.series_instance_uid}
    return all(text_of(match, tag) in {"", str(uid)} for tag, uid in wanted.items())
