"""A-ASSOCIATE from the called side, as bytes: the request that was read, the acceptance or rejection to send."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from gateway.dimse import messages
from gateway.dimse.negotiation import (
    APPLICATION_CONTEXT_UID,
    SMALLEST_PDU,
    Agreement,
    ContextResult,
    Proposal,
    user_information,
)

_REQUEST_FIXED_BYTES = 74
_ACCEPTED, _NO_SUCH_CLASS, _NO_SUCH_SYNTAX = 0, 3, 4


@dataclass(frozen=True, slots=True)
class CallRequest:
    """An association request: who calls whom, with what; `peer_scp` are the classes the caller wants to be SCP of."""

    called_ae_title: str
    calling_ae_title: str
    max_pdu_bytes: int
    proposals: tuple[tuple[int, Proposal], ...]
    peer_scp: frozenset[str]


def read_request(pdu: bytes) -> CallRequest:
    """Read an A-ASSOCIATE-RQ PDU (PS3.8 section 9.3.2).

    Raises
    ------
    Exception
        One of `gateway.dimse.messages.DECODE_FAULTS` if it is malformed.
    """
    if len(pdu) < _REQUEST_FIXED_BYTES:
        raise ValueError("it is too short")
    request = A_ASSOCIATE_RQ()
    request.decode(pdu)
    primitive = request.to_primitive()
    limit = int(primitive.maximum_length_received or 0)
    if 0 < limit < SMALLEST_PDU:
        raise ValueError(f"a maximum length of {limit} bytes leaves no room for data")
    proposals = tuple((int(context.context_id or 0), _proposal(context)) for context in _contexts(primitive))
    if not all(number % 2 for number, _ in proposals):
        raise ValueError("a presentation context has an even id")
    roles = (item for item in primitive.user_information if isinstance(item, SCP_SCU_RoleSelectionNegotiation))
    return CallRequest(
        called_ae_title=str(primitive.called_ae_title or "").strip(),
        calling_ae_title=str(primitive.calling_ae_title or "").strip(),
        max_pdu_bytes=limit,
        proposals=proposals,
        peer_scp=frozenset(str(item.sop_class_uid) for item in roles if item.scp_role),
    )


def accept(call: CallRequest, offers: Mapping[str, tuple[str, ...]], max_pdu_bytes: int) -> tuple[bytes, Agreement]:
    """The A-ASSOCIATE-AC PDU for a call, and what it agrees on (PS3.8 section 9.3.3).

    Parameters
    ----------
    offers
        SOP class UID to the transfer syntaxes in which it is taken, best first.
    """
    results = tuple(_judged(number, proposal, offers) for number, proposal in call.proposals)
    acceptance = A_ASSOCIATE()
    acceptance.application_context_name = UID(APPLICATION_CONTEXT_UID)
    acceptance.calling_ae_title = call.calling_ae_title
    acceptance.called_ae_title = call.called_ae_title
    acceptance.result, acceptance.result_source = 0, 1
    acceptance.presentation_context_definition_results_list = [_context(result) for result in results]
    roles = [_peer_is_scp(uid) for uid in sorted(call.peer_scp & offers.keys())]
    acceptance.user_information = [*user_information(max_pdu_bytes), *roles]
    return bytes(A_ASSOCIATE_AC(acceptance).encode()), Agreement(results, call.max_pdu_bytes)


def reject(result: int, source: int, reason: int) -> bytes:
    """An A-ASSOCIATE-RJ PDU (PS3.8 section 9.3.4)."""
    return messages.PDU_HEADER.pack(messages.ASSOCIATE_RJ, 0, 4) + bytes((0, result, source, reason))


def _contexts(primitive: A_ASSOCIATE) -> list[PresentationContext]:
    return list(primitive.presentation_context_definition_list or ())


def _proposal(context: PresentationContext) -> Proposal:
    return Proposal(str(context.abstract_syntax), tuple(str(syntax) for syntax in context.transfer_syntax))


def _judged(number: int, proposal: Proposal, offers: Mapping[str, tuple[str, ...]]) -> ContextResult:
    if proposal.abstract_syntax not in offers:
        return ContextResult(number, proposal, _NO_SUCH_CLASS, "")
    for syntax in offers[proposal.abstract_syntax]:
        if syntax in proposal.transfer_syntaxes:
            return ContextResult(number, proposal, _ACCEPTED, syntax)
    return ContextResult(number, proposal, _NO_SUCH_SYNTAX, "")


def _context(result: ContextResult) -> PresentationContext:
    context = PresentationContext()
    context.context_id = result.context_id
    context.result = result.result
    # of a context that is not accepted the syntax is not significant, and yet has to be there
    context.transfer_syntax = [result.transfer_syntax or result.proposal.transfer_syntaxes[0]]
    return context


def _peer_is_scp(sop_class_uid: str) -> Any:  # noqa: ANN401 - pynetdicom's items have no common type
    role = SCP_SCU_RoleSelectionNegotiation()
    role.sop_class_uid = UID(sop_class_uid)
    role.scu_role, role.scp_role = False, True
    return role
