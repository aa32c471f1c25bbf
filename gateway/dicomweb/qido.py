"""Query-back: which instances the service holds, asked by SOP Instance UID (QIDO-RS)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from gateway.dicomweb.answer import read_datasets, sop_instance_uid
from gateway.dicomweb.http_session import HttpSession
from gateway.dicomweb.statuses import refused, succeeded

_AT_ONCE = 20
_BAD_REQUEST = 400
_JSON: Mapping[str, str] = MappingProxyType({"Accept": "application/dicom+json"})


def held_instances(session: HttpSession, sop_instance_uids: Sequence[str]) -> frozenset[str]:
    """Which of these instances a query finds.

    Lists are asked for first, and what a list did not bring is asked for by itself, because not every service matches
    lists of UIDs.

    Raises
    ------
    GatewayError
        The link broke, or the service refuses the query (`ServiceRefused`): then nothing is known of any of them.

    References
    ----------
    PS3.18 section 10.6 (Search transaction), PS3.4 section C.2.2.2.2 (list of UID matching).
    """
    found: set[str] = set()
    for start in range(0, len(sop_instance_uids), _AT_ONCE):
        several = sop_instance_uids[start : start + _AT_ONCE]
        if len(several) > 1:
            found |= _found(session, several)
        for uid in several:
            if uid not in found:
                found |= _found(session, [uid])
    return frozenset(found)


def _found(session: HttpSession, uids: Sequence[str]) -> set[str]:
    answer = session.ask("GET", f"/instances?SOPInstanceUID={','.join(uids)}", headers=_JSON)
    if answer.status == _BAD_REQUEST and len(uids) > 1:
        return set()  # a service that knows no lists
    if not succeeded(answer.status):
        raise refused(session.peer, answer)
    return {uid for dataset in read_datasets(answer) if (uid := sop_instance_uid(dataset)) in uids}
