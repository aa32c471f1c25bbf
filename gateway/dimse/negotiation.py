"""A-ASSOCIATE as bytes: the request from a proposal, the acceptance into what was accepted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import PresentationContext

from gateway.dimse.peer import Peer
from gateway.domain.errors import ConfigurationError
from gateway.domain.identifiers import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

APPLICATION_CONTEXT_UID = "1.2.840.10008.3.1.1.1"
MAX_CONTEXTS = 128
SMALLEST_PDU = 64
LARGEST_ACCEPTANCE = 1_048_576
"""Bytes of the longest A-ASSOCIATE-AC that is read."""

_ACCEPTANCE_FIXED_BYTES = 74


@dataclass(frozen=True, slots=True)
class Proposal:
    """One presentation context to propose: an abstract syntax with the transfer syntaxes the peer may pick from."""

    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContextResult:
    """What the peer made of one proposal; `transfer_syntax` is empty unless `result` is 0 (accepted)."""

    context_id: int
    proposal: Proposal
    result: int
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both sides agreed on. `peer_max_pdu_bytes` is 0 when the peer sets no limit."""

    contexts: tuple[ContextResult, ...]
    peer_max_pdu_bytes: int

    def context_for(self, abstract_syntax: str, transfer_syntaxes: Iterable[str]) -> ContextResult | None:
        """The accepted context for one of these syntaxes, the earlier syntax first."""
        for syntax in transfer_syntaxes:
            for context in self.contexts:
                if context.proposal.abstract_syntax == abstract_syntax and context.transfer_syntax == syntax:
                    return context
        return None


def association_request(peer: Peer, proposals: Sequence[Proposal]) -> bytes:
    """The A-ASSOCIATE-RQ PDU (PS3.8 section 9.3.2).

    Raises
    ------
    ValueError
        If there is no proposal, or more than the protocol's 128.
    ConfigurationError
        If one of the two AE titles is none.
    """
    if not 0 < len(proposals) <= MAX_CONTEXTS:
        raise ValueError(f"1 to {MAX_CONTEXTS} presentation contexts can be proposed, not {len(proposals)}")
    request = A_ASSOCIATE()
    request.application_context_name = UID(APPLICATION_CONTEXT_UID)
    try:
        request.calling_ae_title = peer.calling_ae_title
        request.called_ae_title = peer.called_ae_title
    except (TypeError, ValueError) as fault:
        raise ConfigurationError(
            f"{peer.called_ae_title!r} or {peer.calling_ae_title!r} is no AE title.",
            remedy="An AE title has 1 to 16 characters of ASCII, without backslash.",
        ) from fault
    request.presentation_context_definition_list = [
        _context(number, proposal) for number, proposal in enumerate(proposals)
    ]
    request.user_information = user_information(peer.max_pdu_bytes)
    return bytes(A_ASSOCIATE_RQ(request).encode())


def read_acceptance(pdu: bytes, proposals: Sequence[Proposal]) -> Agreement:
    """Read an A-ASSOCIATE-AC PDU (PS3.8 section 9.3.3).

    Raises
    ------
    Exception
        One of `gateway.dimse.messages.DECODE_FAULTS` if it is malformed or accepts what was not proposed.
    """
    if len(pdu) < _ACCEPTANCE_FIXED_BYTES:
        raise ValueError("it is too short")
    acceptance = A_ASSOCIATE_AC()
    acceptance.decode(pdu)
    answers = {item.context_id: item for item in acceptance.presentation_context if item.context_id is not None}
    contexts = tuple(
        _result(number * 2 + 1, proposal, answers)  # context ids are odd
        for number, proposal in enumerate(proposals)
    )
    limit = _max_length(acceptance)
    if 0 < limit < SMALLEST_PDU:
        raise ValueError(f"a maximum length of {limit} bytes leaves no room for data")
    return Agreement(contexts, limit)


def _max_length(acceptance: A_ASSOCIATE_AC) -> int:
    information = acceptance.user_information
    return 0 if information is None else information.maximum_length or 0


def _context(number: int, proposal: Proposal) -> PresentationContext:
    context = PresentationContext()
    context.context_id = number * 2 + 1
    context.abstract_syntax = proposal.abstract_syntax
    context.transfer_syntax = list(proposal.transfer_syntaxes)
    return context


def _result(context_id: int, proposal: Proposal, answers: Mapping[int, object]) -> ContextResult:
    answer = answers.get(context_id)
    if answer is None:
        return ContextResult(context_id, proposal, 2, "")
    result = int(getattr(answer, "result", 2))
    syntax = str(getattr(answer, "transfer_syntax", None) or "") if result == 0 else ""
    if result == 0 and syntax not in proposal.transfer_syntaxes:
        raise ValueError("a presentation context was accepted with a transfer syntax that was not proposed")
    return ContextResult(context_id, proposal, result, syntax)


def user_information(max_pdu_bytes: int) -> list[Any]:
    """What this side says of itself in a request or an acceptance (PS3.7 Annex D.3.3)."""
    maximum = MaximumLengthNotification()
    maximum.maximum_length_received = max_pdu_bytes
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    return [maximum, implementation, version]
