"""The next protocol data unit off a link, bounded in time and length (PS3.8 section 9.3)."""

from gateway.dimse import messages
from gateway.dimse.link import Link
from gateway.dimse.link_faults import speaks_tls
from gateway.domain.errors import Phase

_TLS_ALERT_RECORD = 0x15
_SHORT_PDUS = frozenset({messages.ASSOCIATE_RJ, messages.RELEASE_RQ, messages.RELEASE_RP, messages.ABORT})
_SHORT_PDU_BYTES = 4


def read_pdu(link: Link, deadline: float, phase: Phase, max_bytes: int) -> tuple[int, bytes]:
    """Type and variable field of the next PDU.

    Raises
    ------
    TimeoutError
        If it is not complete at `deadline` (monotonic clock).
    GatewayError
        If the link breaks, or the peer turns out to speak TLS.
    ValueError
        If its type is unknown or it is longer than `max_bytes`.
    """
    head = link.read(messages.PDU_HEADER.size, deadline, phase)
    if head is None:
        raise TimeoutError
    kind, _, length = messages.PDU_HEADER.unpack(head)
    if kind == _TLS_ALERT_RECORD and link.peer.tls is None:
        raise speaks_tls(link.peer)
    if not messages.ASSOCIATE_RQ <= kind <= messages.ABORT:
        raise ValueError(f"{kind:#04x} is no PDU type")
    if length > max_bytes:
        raise ValueError(f"a PDU of {length} bytes is too long")
    if kind in _SHORT_PDUS and length < _SHORT_PDU_BYTES:
        raise ValueError("a PDU is too short")
    body = link.read(length, deadline, phase)
    if body is None:
        raise TimeoutError
    return kind, body
