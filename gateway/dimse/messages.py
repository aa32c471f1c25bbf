"""DIMSE command sets and protocol data units as bytes: made, split and read, with no socket in sight."""

import struct
from dataclasses import dataclass
from io import BytesIO

from pydicom import Dataset
from pynetdicom.dsutils import decode, encode

C_STORE_RQ, C_STORE_RSP = 0x0001, 0x8001
C_FIND_RQ, C_FIND_RSP = 0x0020, 0x8020
C_ECHO_RQ, C_ECHO_RSP = 0x0030, 0x8030
C_CANCEL_RQ = 0x0FFF
N_EVENT_REPORT_RQ, N_EVENT_REPORT_RSP = 0x0100, 0x8100
N_ACTION_RQ, N_ACTION_RSP = 0x0130, 0x8130
_RESPONSE = 0x8000
NO_DATA_SET = 0x0101
_WITH_DATA_SET = 0x0001
_MEDIUM = 0x0000
_NUMBERS = frozenset(
    {"CommandField", "MessageID", "MessageIDBeingRespondedTo", "Status", "CommandDataSetType", "EventTypeID"}
)

PDU_HEADER = struct.Struct(">BBL")
PDV_HEADER = struct.Struct(">LBB")
_GROUP_LENGTH = struct.Struct("<HHLL")
ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
RELEASE_REQUEST = PDU_HEADER.pack(RELEASE_RQ, 0, 4) + bytes(4)
RELEASE_RESPONSE = PDU_HEADER.pack(RELEASE_RP, 0, 4) + bytes(4)
USER_ABORT = PDU_HEADER.pack(ABORT, 0, 4) + bytes(4)

DECODE_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    struct.error,
    TypeError,
    ValueError,
)
"""What the libraries raise on bytes that are not what they claim to be."""


@dataclass(frozen=True, slots=True)
class Message:
    """A received DIMSE message: its context, its command set and the bytes of its data set (empty if it has none)."""

    context_id: int
    command: Dataset
    data: bytes

    @property
    def command_field(self) -> int:
        """The Command Field (0000,0100); -1 if the peer sent none."""
        return int(self.command.get("CommandField", -1))

    @property
    def responds_to(self) -> int:
        """The Message ID Being Responded To (0000,0120); -1 if the peer sent none."""
        return int(self.command.get("MessageIDBeingRespondedTo", -1))

    @property
    def message_id(self) -> int:
        """The Message ID (0000,0110) of a request; -1 if the peer sent none."""
        return int(self.command.get("MessageID", -1))

    @property
    def event_type(self) -> int:
        """The Event Type ID (0000,1002); -1 if the peer sent none."""
        return int(self.command.get("EventTypeID", -1))

    @property
    def status(self) -> int | None:
        """The Status (0000,0900), None if the peer sent none."""
        value = self.command.get("Status")
        return None if value is None else int(value)

    @property
    def comment(self) -> str:
        """The Error Comment (0000,0902), possibly empty."""
        return str(self.command.get("ErrorComment", "") or "")


def store_request(message_id: int, sop_class_uid: str, sop_instance_uid: str) -> bytes:
    """The command set of a C-STORE-RQ (PS3.7 section 9.3.1.1).

    It is put together here, because one is made for each object and a data set takes longer than a short link.
    """
    body = b"".join(
        (
            _uid_element(0x0002, sop_class_uid),
            _number_element(0x0100, C_STORE_RQ),
            _number_element(0x0110, message_id),
            _number_element(0x0700, _MEDIUM),
            _number_element(0x0800, _WITH_DATA_SET),
            _uid_element(0x1000, sop_instance_uid),
        )
    )
    return _GROUP_LENGTH.pack(0, 0, 4, len(body)) + body


def _number_element(element: int, value: int) -> bytes:
    return struct.pack("<HHLH", 0, element, 2, value)


def _uid_element(element: int, uid: str) -> bytes:
    value = uid.encode("ascii")
    value += b"\0" * (len(value) % 2)
    return struct.pack("<HHL", 0, element, len(value)) + value


def find_request(message_id: int, sop_class_uid: str) -> bytes:
    """The command set of a C-FIND-RQ (PS3.7 section 9.3.2.1)."""
    command = _request(C_FIND_RQ, message_id, sop_class_uid, _WITH_DATA_SET)
    command.Priority = _MEDIUM
    return encode_command(command)


def echo_request(message_id: int, sop_class_uid: str) -> bytes:
    """The command set of a C-ECHO-RQ (PS3.7 section 9.3.5.1)."""
    return encode_command(_request(C_ECHO_RQ, message_id, sop_class_uid, NO_DATA_SET))


def cancel_request(message_id: int) -> bytes:
    """The command set of a C-CANCEL-RQ for the request `message_id` (PS3.7 section 9.3.2.3)."""
    command = Dataset()
    command.CommandField = C_CANCEL_RQ
    command.MessageIDBeingRespondedTo = message_id
    command.CommandDataSetType = NO_DATA_SET
    return encode_command(command)


def action_request(message_id: int, sop_class_uid: str, sop_instance_uid: str, action_type: int) -> bytes:
    """The command set of an N-ACTION-RQ with a data set (PS3.7 section 10.3.4.1)."""
    command = _request(N_ACTION_RQ, message_id, sop_class_uid, _WITH_DATA_SET)
    del command.AffectedSOPClassUID
    command.RequestedSOPClassUID = sop_class_uid
    command.RequestedSOPInstanceUID = sop_instance_uid
    command.ActionTypeID = action_type
    return encode_command(command)


def response(request: Message, status: int) -> bytes:
    """The command set of the response to any request, without a data set (PS3.7 sections 9.3 and 10.3)."""
    command = Dataset()
    for keyword in ("AffectedSOPClassUID", "AffectedSOPInstanceUID", "EventTypeID"):
        if keyword in request.command:
            command[keyword] = request.command[keyword]
    command.CommandField = request.command_field | _RESPONSE
    command.MessageIDBeingRespondedTo = request.message_id
    command.CommandDataSetType = NO_DATA_SET
    command.Status = status
    return encode_command(command)


def encode_command(command: Dataset) -> bytes:
    """A command set in Implicit VR Little Endian, led by its group length (PS3.7 section 6.3.1)."""
    body = encode(command, is_implicit_vr=True, is_little_endian=True)
    if body is None:
        raise ValueError("the command set cannot be encoded")
    return _GROUP_LENGTH.pack(0, 0, 4, len(body)) + bytes(body)


def decode_command(data: bytes) -> Dataset:
    """A command set from its bytes, every value read; raises one of `DECODE_FAULTS` if they are no command set."""
    command = decode(BytesIO(data), is_implicit_vr=True, is_little_endian=True)
    if any(tag.group != 0 for tag in command.keys()):  # noqa: SIM118 - iterating a data set itself decodes it
        raise ValueError("a command set has an element of another group")
    for element in command:
        if element.keyword in _NUMBERS and element.value is not None and not isinstance(element.value, int):
            raise ValueError(f"{element.keyword} is not a number")
    return command


def data_pdu(context_id: int, fragment: bytes | memoryview, *, is_command: bool, is_last: bool) -> bytes:
    """One P-DATA-TF PDU with one presentation data value (PS3.8 section 9.3.5 and Annex E.2)."""
    control = int(is_command) | int(is_last) << 1
    head = PDU_HEADER.pack(P_DATA, 0, len(fragment) + 6) + PDV_HEADER.pack(len(fragment) + 2, context_id, control)
    return head + fragment


def split_values(variable_field: bytes) -> list[tuple[int, bool, bool, bytes]]:
    """The values of a P-DATA-TF as (context, is command, is last, fragment); ValueError if it is malformed."""
    values = []
    position = 0
    while position < len(variable_field):
        if len(variable_field) - position < PDV_HEADER.size:
            raise ValueError("a presentation data value is cut")
        length, context_id, control = PDV_HEADER.unpack_from(variable_field, position)
        end = position + 4 + length
        if length < 2 or end > len(variable_field):  # noqa: PLR2004 - context and control byte
            raise ValueError("a presentation data value has a wrong length")
        fragment = variable_field[position + PDV_HEADER.size : end]
        values.append((context_id, bool(control & 1), bool(control & 2), fragment))
        position = end
    return values


def _request(field: int, message_id: int, sop_class_uid: str, data_set_type: int) -> Dataset:
    command = Dataset()
    command.AffectedSOPClassUID = sop_class_uid
    command.CommandField = field
    command.MessageID = message_id
    command.CommandDataSetType = data_set_type
    return command
