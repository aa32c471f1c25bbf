"""The data sets of Storage Commitment: the request as bytes, the report as what it says, and the answer to a report."""

import logging
from collections.abc import Callable, Sequence
from io import BytesIO

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import decode, encode

from gateway.dimse import messages
from gateway.dimse.association import Association
from gateway.dimse.messages import DECODE_FAULTS, Message
from gateway.dimse.negotiation import ContextResult
from gateway.domain.commitment import ProofReport, ProofRequest
from gateway.domain.errors import GatewayError
from gateway.domain.identifiers import is_valid_uid

_log = logging.getLogger(__name__)
COMMITMENT_UID = "1.2.840.10008.1.20.1"
COMMITMENT_INSTANCE_UID = "1.2.840.10008.1.20.1.1"
COMMITMENT_SYNTAXES = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
LARGEST_REPORT = 4_194_304
_EVENT_TYPES = (1, 2)
_SUCCESS, _PROCESSING_FAILURE, _NO_SUCH_EVENT, _INVALID_ARGUMENT = 0x0000, 0x0110, 0x0113, 0x0115

TakeReport = Callable[[ProofReport], None]
"""Writes a report down; raises a `GatewayError` if it cannot, so that the peer is told to report again."""


def action_information(request: ProofRequest, transfer_syntax: str) -> bytes:
    """The data set of the N-ACTION-RQ: Transaction UID and each instance once (PS3.4 Annex J.3.2.1.1)."""
    dataset = Dataset()
    dataset.TransactionUID = request.transaction_uid
    dataset.ReferencedSOPSequence = []
    for item in request.items:
        reference = Dataset()
        reference.ReferencedSOPClassUID = item.sop_class_uid
        reference.ReferencedSOPInstanceUID = item.sop_instance_uid
        dataset.ReferencedSOPSequence.append(reference)
    implicit = transfer_syntax == ImplicitVRLittleEndian
    data = encode(dataset, is_implicit_vr=implicit, is_little_endian=True)
    if data is None:
        raise ValueError("the references cannot be encoded")
    return bytes(data)


def read_report(data: bytes, transfer_syntax: str) -> ProofReport:
    """What the data set of an N-EVENT-REPORT-RQ says (PS3.4 Annex J.3.3.1).

    Event types 1 and 2 are read alike: what counts is in which of the two sequences an instance stands.

    Raises
    ------
    Exception
        One of `gateway.dimse.messages.DECODE_FAULTS` if it is malformed or has no Transaction UID.
    """
    implicit = transfer_syntax == ImplicitVRLittleEndian
    dataset = decode(BytesIO(data), is_implicit_vr=implicit, is_little_endian=True)
    transaction_uid = str(dataset.get("TransactionUID", "") or "")
    if not is_valid_uid(transaction_uid):
        raise ValueError("it has no Transaction UID")
    kept = frozenset(_reference(item) for item in _items(dataset, "ReferencedSOPSequence"))
    failed = {_reference(item): _reason(item) for item in _items(dataset, "FailedSOPSequence")}
    return ProofReport(transaction_uid, kept, failed)


def answer_report(association: Association, context: ContextResult, message: Message, take: TakeReport) -> int:
    """Take a report over and answer it, whatever it holds; the status that was answered.

    The report is written down before the answer is sent. A report that cannot be read is answered with 0115, one that
    cannot be written down with 0110: the peer may then report again.
    """
    status = _judge(context, message, take)
    association.send(message.context_id, messages.response(message, status))
    return status


def _judge(context: ContextResult, message: Message, take: TakeReport) -> int:
    if message.event_type not in _EVENT_TYPES:
        _log.warning("commitment report of type %d; answered 0113", message.event_type)
        return _NO_SUCH_EVENT
    try:
        report = read_report(message.data, context.transfer_syntax)
    except DECODE_FAULTS as fault:
        _log.warning("commitment report cannot be read (%s); answered 0115", type(fault).__name__)
        return _INVALID_ARGUMENT
    try:
        take(report)
    except GatewayError as fault:
        _log.error("commitment report cannot be written down; answered 0110; error=%s", fault.message)
        return _PROCESSING_FAILURE
    return _SUCCESS


def _items(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    found = dataset.get(keyword)
    return list(found) if found else []


def _reference(item: Dataset) -> tuple[str, str]:
    return str(item.get("ReferencedSOPClassUID", "")), str(item.get("ReferencedSOPInstanceUID", ""))


def _reason(item: Dataset) -> int:
    reason = item.get("FailureReason")
    return int(reason) if reason is not None else _PROCESSING_FAILURE
