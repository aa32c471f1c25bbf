"""Opens an association as requestor: calls the peer and negotiates."""

import time
from collections.abc import Callable, Sequence

from gateway.dimse import messages
from gateway.dimse.association import Association
from gateway.dimse.link import Beat, Link, no_beat, open_link
from gateway.dimse.link_faults import protocol_fault, silent
from gateway.dimse.messages import DECODE_FAULTS
from gateway.dimse.negotiation import LARGEST_ACCEPTANCE, Agreement, Proposal, association_request, read_acceptance
from gateway.dimse.pdu_reader import read_pdu
from gateway.dimse.peer import Peer
from gateway.dimse.rejections import aborted, rejected
from gateway.domain.errors import Phase

Connected = Callable[[float], None]
"""Told the least round-trip time in seconds of a connection that has just been made."""


def open_association(
    peer: Peer, proposals: Sequence[Proposal], *, beat: Beat = no_beat, connected: Connected | None = None
) -> Association:
    """Call the peer and negotiate.

    Parameters
    ----------
    proposals
        1 to 128 presentation contexts; those refused stand in the agreement with their result.
    beat
        Called at least every few seconds while the association sends or waits.
    connected
        Told the connection's least round-trip time in seconds (0: unknown) before anything is negotiated.

    Returns
    -------
    Association
        Established, even if no context was accepted: what that means is the caller's to say.

    Raises
    ------
    GatewayError
        In phase RESOLVE, CONNECT, TLS or NEGOTIATE, with the disposition of the tables.

    References
    ----------
    PS3.8 section 7.1 (A-ASSOCIATE service).
    """
    link = open_link(peer, beat)
    if connected is not None:
        connected(link.round_trip_s())
    return negotiate(link, proposals)


def negotiate(link: Link, proposals: Sequence[Proposal]) -> Association:
    """Negotiate over an open link, which is closed when that fails; otherwise as `open_association`."""
    established = False
    try:
        request = association_request(link.peer, proposals)
        link.send(request, Phase.NEGOTIATE)
        agreement = _await_agreement(link, proposals)
        established = True
    finally:
        if not established:
            link.close()
    return Association(link, agreement)


def _await_agreement(link: Link, proposals: Sequence[Proposal]) -> Agreement:
    peer, phase = link.peer, Phase.NEGOTIATE
    timeout_s = peer.timeouts.association_s
    try:
        return _read_agreement(link, proposals, time.monotonic() + timeout_s)
    except TimeoutError:
        raise silent(peer, phase, "the association request", timeout_s) from None
    except DECODE_FAULTS as fault:
        raise protocol_fault(peer, phase, f"its answer to the association request cannot be read ({fault})") from fault


def _read_agreement(link: Link, proposals: Sequence[Proposal], deadline: float) -> Agreement:
    kind, body = read_pdu(link, deadline, Phase.NEGOTIATE, LARGEST_ACCEPTANCE)
    if kind == messages.ASSOCIATE_AC:
        return read_acceptance(messages.PDU_HEADER.pack(kind, 0, len(body)) + body, proposals)
    if kind == messages.ASSOCIATE_RJ:
        raise rejected(link.peer, body[1], body[2], body[3])
    if kind == messages.ABORT:
        raise aborted(link.peer, body[2], body[3], Phase.NEGOTIATE)
    raise ValueError(f"a PDU of type {kind} has no place here")
