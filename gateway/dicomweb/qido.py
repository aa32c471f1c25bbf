"""Query-back: which instances the service holds, asked by SOP Instance UID (QIDO-RS)."""

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from gateway.dicomweb.answer import Json, read_datasets, text_of
from gateway.dicomweb.http_session import HttpAnswer, HttpSession
from gateway.dicomweb.link_faults import protocol_fault
from gateway.dicomweb.statuses import refused, succeeded

_AT_ONCE = 20
_SOP_INSTANCE = "00080018"
_BAD_REQUEST = 400
_JSON: Mapping[str, str] = MappingProxyType({"Accept": "application/dicom+json"})


Agrees = Callable[[Mapping[str, Json]], bool]
"""Whether a match, a data set in the JSON model, is the instance that is meant."""


def by_uid_alone(_: Mapping[str, Json]) -> bool:
    """Any match agrees whose SOP Instance UID does."""
    return True


def held_instances(
    session: HttpSession, sop_instance_uids: Sequence[str], *, agrees: Agrees = by_uid_alone
) -> frozenset[str]:
    """Which of these instances a query finds. The answers are compared here: a service may ignore the key.

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
            found |= _found(session, several, agrees)
        for uid in several:
            if uid not in found:
                found |= _found(session, [uid], agrees)
    return frozenset(found)


def _found(session: HttpSession, uids: Sequence[str], agrees: Agrees) -> set[str]:
    answer = session.ask("GET", f"/instances?SOPInstanceUID={','.join(uids)}", headers=_JSON)
    if answer.status == _BAD_REQUEST and len(uids) > 1:
        return set()  # a service that knows no lists
    if not succeeded(answer.status):
        raise refused(session.peer, answer)
    matches = [(text_of(dataset, _SOP_INSTANCE), dataset) for dataset in read_datasets(answer)]
    found = {uid for uid, dataset in matches if uid in uids and agrees(dataset)}
    if not found and len(uids) == 1 and not (_says_none(answer) or (matches and all(uid for uid, _ in matches))):
        # "no" is said by an answer that can be read, and only then is the instance sent again
        session.close()
        raise protocol_fault(session.peer, "its answer to a query does not say whether it has the object")
    return found


def _says_none(answer: HttpAnswer) -> bool:
    """Whether an answer is an empty list of matches, in one of the ways in which services write that."""
    return re.fullmatch(rb"\s*(\[\s*\])?\s*", answer.body) is not None
