"""Peers that store in order and then mean harm when they are asked what they keep: by commitment, or by C-FIND."""

import struct
from collections.abc import Callable, Mapping
from io import BytesIO
from types import MappingProxyType

from pydicom import Dataset
from pynetdicom.dsutils import decode, encode

from gateway.dimse.commitment_report import COMMITMENT_INSTANCE_UID, COMMITMENT_UID
from gateway.dimse.messages import C_STORE_RQ, PDU_HEADER
from tests.support.scripted_scp import Wire

ABORT = bytes.fromhex("07000000000400000200")
RELEASE_RQ = bytes.fromhex("05000000000400000000")
ANOTHER_UID = "1.2.826.0.1.3680043.8.498.666"
SC = "1.2.840.10008.5.1.4.1.1.7"

Harm = Callable[[Wire, int, Dataset, bytes], None]
"""What is done instead of an answer: to the wire, in a context, about a request with its data set."""


def stores_and_then(harm: Harm) -> Callable[[Wire], None]:
    """A peer that answers every C-STORE with success, and anything else by `harm`."""

    def act(wire: Wire) -> None:
        wire.accept()
        while True:
            context_id, request, data = wire.read_whole_message()
            if request.CommandField == C_STORE_RQ:
                wire.respond(context_id, request)
            else:
                harm(wire, context_id, request, data)

    return act


# -- harm that fits any request -------------------------------------------------------------------------------------


def _raw(data: bytes) -> Harm:
    def harm(wire: Wire, _: int, __: Dataset, ___: bytes) -> None:
        wire.sock.sendall(data)
        wire.wait_for_end()

    return harm


def _for_ever(data: Callable[[int], bytes]) -> Harm:
    def harm(wire: Wire, context_id: int, _: Dataset, __: bytes) -> None:
        block = data(context_id)
        while True:
            wire.sock.sendall(block)

    return harm


def _say(**changes: object) -> Harm:
    return lambda wire, context_id, request, _: wire.respond(context_id, request, **changes)


def _another_message(wire: Wire, context_id: int, request: Dataset, _: bytes) -> None:
    wire.respond(context_id, request, MessageIDBeingRespondedTo=int(request.MessageID) + 77)


def _half(wire: Wire, context_id: int, _: Dataset, __: bytes) -> None:
    wire.sock.sendall(PDU_HEADER.pack(4, 0, 100) + struct.pack(">LBB", 96, context_id, 3) + bytes(30))
    wire.wait_for_end()


def _silence(wire: Wire, _: int, __: Dataset, ___: bytes) -> None:
    wire.wait_for_end()


def _reset(wire: Wire, _: int, __: Dataset, ___: bytes) -> None:
    wire.reset()


def _unended(context_id: int) -> bytes:
    fragment = struct.pack(">LBB", 16_002, context_id, 1) + bytes(16_000)
    return PDU_HEADER.pack(4, 0, len(fragment)) + fragment


ANYWHERE: Mapping[str, Harm] = MappingProxyType(
    {
        "silence": _silence,
        "half a response": _half,
        "a response of 4 GB": _raw(PDU_HEADER.pack(4, 0, 0xFFFFFFFF)),
        "a value longer than its PDU": _raw(PDU_HEADER.pack(4, 0, 6) + b"\0\0\xff\xff\x01\x03"),
        "no such PDU": _raw(PDU_HEADER.pack(0x99, 0, 4) + bytes(4)),
        "garbage": _raw(b"220 mail.example ESMTP ready\r\n" * 40),
        "a command without end": _for_ever(_unended),
        "empty PDUs without end": _for_ever(lambda _: PDU_HEADER.pack(4, 0, 0) * 100),
        "another message id": _another_message,
        "no message id": _say(MessageIDBeingRespondedTo=None),
        "no status": _say(Status=None),
        "the answer to a C-ECHO": _say(CommandField=0x8030),
        "an abort": _raw(ABORT),
        "a release": _raw(RELEASE_RQ),
        "a reset": _reset,
        "a failure": _say(Status=0x0110),
        "a status that nobody knows": _say(Status=0x4242),
    }
)


# -- of storage commitment ------------------------------------------------------------------------------------------


def _report(
    wire: Wire, context_id: int, data: bytes, *, event_type: int = 1, number: int = 9, told: int | None = None
) -> None:
    command = Dataset()
    command.AffectedSOPClassUID, command.AffectedSOPInstanceUID = COMMITMENT_UID, COMMITMENT_INSTANCE_UID
    command.CommandField, command.MessageID, command.EventTypeID = 0x0100, number, event_type
    wire.send_message(context_id, command, data, length=told)


def _words(**attributes: object) -> bytes:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    # a scripted peer accepts the first syntax proposed, which is Explicit VR Little Endian
    return bytes(encode(dataset, is_implicit_vr=False, is_little_endian=True) or b"")


def _reference(sop_class: str, instance: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, instance
    return item


def _asked(data: bytes) -> Dataset:
    return decode(BytesIO(data), is_implicit_vr=False, is_little_endian=True)


def _takes_and_then(tell: Callable[[Wire, int, Dataset], None]) -> Harm:
    """A peer that takes the request, and then reports in its own way."""

    def harm(wire: Wire, context_id: int, request: Dataset, data: bytes) -> None:
        if int(request.CommandField) & 0x8000:  # the answer to its report
            return
        wire.respond(context_id, request)
        tell(wire, context_id, _asked(data))

    return harm


def _keeps_another(wire: Wire, context_id: int, asked: Dataset) -> None:
    others = [_reference(SC, ANOTHER_UID)]
    _report(wire, context_id, _words(TransactionUID=asked.TransactionUID, ReferencedSOPSequence=others))


def _another_class(wire: Wire, context_id: int, asked: Dataset) -> None:
    found = [_reference(ANOTHER_UID, item.ReferencedSOPInstanceUID) for item in asked.ReferencedSOPSequence]
    _report(wire, context_id, _words(TransactionUID=asked.TransactionUID, ReferencedSOPSequence=found))


def _another_transaction(wire: Wire, context_id: int, asked: Dataset) -> None:
    _report(wire, context_id, _words(TransactionUID=ANOTHER_UID, ReferencedSOPSequence=asked.ReferencedSOPSequence))


def _no_transaction(wire: Wire, context_id: int, asked: Dataset) -> None:
    _report(wire, context_id, _words(ReferencedSOPSequence=asked.ReferencedSOPSequence))


def _nobody(wire: Wire, context_id: int, asked: Dataset) -> None:
    _report(wire, context_id, _words(TransactionUID=asked.TransactionUID))


def _both(wire: Wire, context_id: int, asked: Dataset) -> None:
    failed = [_reference(SC, item.ReferencedSOPInstanceUID) for item in asked.ReferencedSOPSequence]
    for item in failed:
        item.FailureReason = 0x0110
    words = _words(
        TransactionUID=asked.TransactionUID, ReferencedSOPSequence=asked.ReferencedSOPSequence, FailedSOPSequence=failed
    )
    _report(wire, context_id, words, event_type=2)


def _third_event(wire: Wire, context_id: int, asked: Dataset) -> None:
    words = _words(TransactionUID=asked.TransactionUID, ReferencedSOPSequence=asked.ReferencedSOPSequence)
    _report(wire, context_id, words, event_type=3)


def _cut_report(wire: Wire, context_id: int, asked: Dataset) -> None:
    words = _words(TransactionUID=asked.TransactionUID, ReferencedSOPSequence=asked.ReferencedSOPSequence)
    _report(wire, context_id, words[:-7])


def _garbage_report(wire: Wire, context_id: int, _: Dataset) -> None:
    _report(wire, context_id, b"\xff\x00\x7f" * 300)


def _half_a_report(wire: Wire, context_id: int, asked: Dataset) -> None:
    _report(wire, context_id, _words(TransactionUID=asked.TransactionUID), told=4000)
    wire.wait_for_end()


def _report_without_end(wire: Wire, context_id: int, _: Dataset) -> None:
    command = Dataset()
    command.CommandField, command.MessageID, command.EventTypeID = 0x0100, 9, 1
    wire.begin_message(context_id, command)
    fragment = struct.pack(">LBB", 16_002, context_id, 0) + bytes(16_000)
    while True:
        wire.sock.sendall(PDU_HEADER.pack(4, 0, len(fragment)) + fragment)


def _reports_for_ever(wire: Wire, context_id: int, _: Dataset) -> None:
    while True:
        _report(wire, context_id, _words(TransactionUID=ANOTHER_UID))


COMMITMENT: Mapping[str, Harm] = MappingProxyType(
    {
        **ANYWHERE,
        "keeps another instance": _takes_and_then(_keeps_another),
        "keeps it under another class": _takes_and_then(_another_class),
        "reports another transaction": _takes_and_then(_another_transaction),
        "reports no transaction": _takes_and_then(_no_transaction),
        "reports about nobody": _takes_and_then(_nobody),
        "keeps and fails it at once": _takes_and_then(_both),
        "an event that there is not": _takes_and_then(_third_event),
        "a report cut short": _takes_and_then(_cut_report),
        "a report of garbage": _takes_and_then(_garbage_report),
        "half a report": _takes_and_then(_half_a_report),
        "a report without end": _takes_and_then(_report_without_end),
        "reports for ever": _takes_and_then(_reports_for_ever),
        "takes it and says no more": _takes_and_then(lambda wire, _, __: wire.wait_for_end()),
    }
)
"""What a peer may do to a request for storage commitment; nothing of it proves anything."""


# -- of C-FIND ------------------------------------------------------------------------------------------------------


def _matches(change: Callable[[Dataset, Dataset], bytes], *, times: int = 1) -> Harm:
    """A peer that answers `times` matches, each made of the query by `change`, and then that this is all."""

    def harm(wire: Wire, context_id: int, request: Dataset, data: bytes) -> None:
        if request.CommandField == 0x0FFF:  # a C-CANCEL, which it ignores
            return
        query = _asked(data)
        for number in range(times):
            response = Dataset()
            response.CommandField, response.MessageIDBeingRespondedTo = 0x8020, request.MessageID
            response.AffectedSOPClassUID, response.Status = request.AffectedSOPClassUID, 0xFF00
            match = Dataset()
            match.QueryRetrieveLevel, match.SOPInstanceUID = "IMAGE", f"{ANOTHER_UID}.{number}"
            match.StudyInstanceUID, match.SeriesInstanceUID = query.StudyInstanceUID, query.SeriesInstanceUID
            wire.send_message(context_id, response, change(match, query))
        wire.respond(context_id, request)

    return harm


def _encoded(match: Dataset) -> bytes:
    return bytes(encode(match, is_implicit_vr=False, is_little_endian=True) or b"")


def _of_another_study(match: Dataset, query: Dataset) -> bytes:
    match.SOPInstanceUID, match.StudyInstanceUID = query.SOPInstanceUID, ANOTHER_UID
    return _encoded(match)


def _of_another_class(match: Dataset, query: Dataset) -> bytes:
    match.SOPInstanceUID, match.SOPClassUID = query.SOPInstanceUID, ANOTHER_UID
    return _encoded(match)


QUERY: Mapping[str, Harm] = MappingProxyType(
    {
        **ANYWHERE,
        "another instance": _matches(lambda match, _: _encoded(match)),
        "the instance in another study": _matches(_of_another_study),
        "the instance of another class": _matches(_of_another_class),
        "an identifier of garbage": _matches(lambda _, __: b"\xff\x00\x7f" * 300),
        "an identifier cut short": _matches(lambda match, _: _encoded(match)[:6]),
        "a match without an identifier": _say(Status=0xFF00),
        "matches without end": _matches(lambda match, _: _encoded(match), times=1_000_000),
        "all of its archive": _matches(lambda match, _: _encoded(match), times=600),
        "cancels by itself": _say(Status=0xFE00),
        "an identifier of 2 MB": _matches(lambda _, __: bytes(2_000_000)),
    }
)
"""What a peer may do to a query for an instance; nothing of it proves that it is there."""

SAYS_NO: frozenset[str] = frozenset(
    {"another instance", "the instance in another study", "the instance of another class"}
)
"""Answers to a query that come in order and do not name the instance: that the peer does not have it."""
