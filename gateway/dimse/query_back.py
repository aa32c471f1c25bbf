"""Asks an archive whether it holds given instances: C-FIND of the Study Root at the IMAGE level, series by series.

What it answers is compared here: an archive that ignores a key would otherwise prove whatever is asked of it.
"""

from collections.abc import Iterable, Iterator, Sequence

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from gateway.dimse.association import Association
from gateway.dimse.find import FindRun
from gateway.dimse.link import Beat, no_beat
from gateway.dimse.negotiation import ContextResult, Proposal
from gateway.dimse.opening import open_association
from gateway.dimse.peer import Peer
from gateway.dimse.rejections import CONTEXT_RESULTS
from gateway.domain.commitment import ProofItem
from gateway.domain.errors import Disposition, GatewayError, Phase

STUDY_ROOT_FIND_UID = "1.2.840.10008.5.1.4.1.2.2.1"
_SYNTAXES = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
_PAGE = 50
_LIMIT = 200
"""Answers to one page at most; an archive that answers with more does not match by instance."""


def held_instances(peer: Peer, items: Sequence[ProofItem], *, beat: Beat = no_beat) -> frozenset[str]:
    """Those of `items` that the archive says it holds.

    Each page asks for up to 50 instances of one series by a list of UIDs. What an archive then leaves out is asked for
    one by one, because some match only single values.

    Returns
    -------
    frozenset of str
        SOP Instance UIDs, each answered for its own study, series and SOP class.

    Raises
    ------
    GatewayError
        In phase RESOLVE, CONNECT, TLS, NEGOTIATE; or QUERY with the disposition of the C-FIND status table.

    References
    ----------
    PS3.4 Annex C.4.1 (C-FIND), C.2.2.2.2 (list of UID matching), C.6.2.1 (Study Root).
    """
    with open_association(peer, (Proposal(STUDY_ROOT_FIND_UID, _SYNTAXES),), beat=beat) as association:
        context = association.agreement.context_for(STUDY_ROOT_FIND_UID, _SYNTAXES)
        if context is None:
            raise _no_query(peer, association.agreement.contexts[0].result)
        found: set[str] = set()
        for page in _pages(items):
            found |= _held(association, context, page)
            if len(page) > 1:
                for item in page:
                    if item.sop_instance_uid not in found:
                        found |= _held(association, context, [item])
        return frozenset(found)


def _pages(items: Iterable[ProofItem]) -> Iterator[list[ProofItem]]:
    series: dict[tuple[str, str], dict[str, ProofItem]] = {}
    for item in items:
        series.setdefault((item.study_instance_uid, item.series_instance_uid), {})[item.sop_instance_uid] = item
    for members in series.values():
        ordered = list(members.values())
        for first in range(0, len(ordered), _PAGE):
            yield ordered[first : first + _PAGE]


def _held(association: Association, context: ContextResult, page: Sequence[ProofItem]) -> set[str]:
    run = FindRun(association, context, _LIMIT)
    run.ask(_query(page))
    asked: dict[str, ProofItem] = {item.sop_instance_uid: item for item in page}
    answered = ((asked.get(str(answer.get("SOPInstanceUID", ""))), answer) for answer in run.found)
    held = {str(item.sop_instance_uid) for item, answer in answered if item is not None and _is_about(answer, item)}
    unclear = run.cut or run.unreadable or any(not answer.get("SOPInstanceUID") for answer in run.found)
    if not held and len(page) == 1 and unclear:
        # "no" is said by an answer that came to its end and can be read, and only then is the instance sent again
        raise association.fault(Phase.QUERY, "its answer does not say whether it has the object")
    return held


def _query(page: Sequence[ProofItem]) -> Dataset:
    query = Dataset()
    query.QueryRetrieveLevel = "IMAGE"
    query.StudyInstanceUID = page[0].study_instance_uid
    query.SeriesInstanceUID = page[0].series_instance_uid
    uids = [item.sop_instance_uid for item in page]
    query.SOPInstanceUID = uids if len(uids) > 1 else uids[0]
    query.SOPClassUID = ""
    return query


def _is_about(answer: Dataset, item: ProofItem) -> bool:
    """Whether an answer is for this very instance; keys that the archive does not return say nothing."""
    pairs = (
        (answer.get("StudyInstanceUID"), item.study_instance_uid),
        (answer.get("SeriesInstanceUID"), item.series_instance_uid),
        (answer.get("SOPClassUID"), item.sop_class_uid),
    )
    return all(not value or str(value) == wanted for value, wanted in pairs)


def _no_query(peer: Peer, result: int) -> GatewayError:
    return GatewayError(
        f"{peer.name} does not answer queries for instances ({CONTEXT_RESULTS.get(result, 'no reason')}).",
        disposition=Disposition.PARK,
        phase=Phase.NEGOTIATE,
        remedy='Ask its administrator to allow them, or set proof = "commitment" or "status" for this destination.',
        code=f"context {result}",
    )
