"""Command sets and PDUs: what is sent is read by pynetdicom; what is received is checked to the byte."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.pdu import A_ASSOCIATE_RQ, P_DATA_TF

from gateway.dimse import messages
from gateway.dimse.messages import DECODE_FAULTS
from gateway.dimse.negotiation import Agreement, ContextResult, Proposal, association_request, read_acceptance
from gateway.dimse.peer import Peer, Timeouts
from gateway.dimse.store import propose
from gateway.domain.errors import ConfigurationError

CLASS, INSTANCE = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
EXPLICIT, IMPLICIT, J2K = str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian), str(JPEG2000Lossless)
PEER = Peer("x", "localhost", 104, "MAIN", "BOX")


def foreign(command: bytes) -> Dataset:
    """The command set as pynetdicom reads it from our PDU."""
    pdu = P_DATA_TF()
    pdu.decode(messages.data_pdu(1, command, is_command=True, is_last=True))
    message = DIMSEMessage()
    assert message.decode_msg(pdu.to_primitive()) is (message.command_set.CommandDataSetType == 0x0101)
    return message.command_set


def test_store_request() -> None:
    command = foreign(messages.store_request(7, CLASS, INSTANCE))
    assert (command.CommandField, command.MessageID, command.Priority) == (1, 7, 0)
    assert (command.AffectedSOPClassUID, command.AffectedSOPInstanceUID) == (CLASS, INSTANCE)
    assert command.CommandDataSetType != 0x0101
    assert command.CommandGroupLength == len(messages.store_request(7, CLASS, INSTANCE)) - 12


def test_find_echo_and_cancel_requests() -> None:
    assert foreign(messages.find_request(1, CLASS)).CommandField == 0x0020
    assert foreign(messages.echo_request(2, CLASS)).CommandDataSetType == 0x0101
    cancel = foreign(messages.cancel_request(9))
    assert (cancel.CommandField, cancel.MessageIDBeingRespondedTo) == (0x0FFF, 9)


@pytest.mark.parametrize(
    "field",
    [b"\0\0\0", b"\0\0\0\x01\x01", b"\0\0\0\x01\x01\x02", b"\0\0\0\x09\x01\x02abc", b"\xff\xff\xff\xff\x01\x02"],
)
def test_malformed_data_values_are_named(field: bytes) -> None:
    with pytest.raises(ValueError, match="presentation data value"):
        messages.split_values(field)


def test_data_values_are_split() -> None:
    pdus = [
        messages.data_pdu(3, b"ab", is_command=True, is_last=True),
        messages.data_pdu(3, b"cd", is_command=False, is_last=False),
    ]
    field = b"".join(pdu[6:] for pdu in pdus)
    assert messages.split_values(field) == [(3, True, True, b"ab"), (3, False, False, b"cd")]


@given(st.binary(max_size=200))
def test_no_bytes_surprise_the_readers(data: bytes) -> None:
    proposals = propose([(CLASS, J2K)])
    for read in (messages.decode_command, messages.split_values, lambda raw: read_acceptance(raw, proposals)):
        with contextlib.suppress(*DECODE_FAULTS):
            read(data)


def test_proposals_have_the_exact_syntax_alone_and_the_common_ground() -> None:
    found = propose([(CLASS, J2K), (CLASS, J2K), ("1.2.9", EXPLICIT)])
    assert found == (
        Proposal(CLASS, (EXPLICIT, IMPLICIT)),
        Proposal("1.2.9", (EXPLICIT, IMPLICIT)),
        Proposal(CLASS, (J2K,)),
        Proposal("1.2.9", (EXPLICIT,)),
    )


def test_no_more_than_128_contexts_are_proposed() -> None:
    many = propose([(f"1.2.{n}", J2K) for n in range(100)])
    assert len(many) == 128
    association_request(PEER, many)
    with pytest.raises(ValueError, match="128"):
        association_request(PEER, [*many, *many])
    with pytest.raises(ValueError, match="128"):
        association_request(PEER, [])


@pytest.mark.parametrize("title", ["", " ", "SEVENTEEN-LETTERS", "A\\B", "ÄE"])
def test_what_is_no_ae_title_is_a_matter_of_configuration(title: str) -> None:
    with pytest.raises(ConfigurationError, match="AE title"):
        association_request(replace(PEER, called_ae_title=title), propose([(CLASS, J2K)]))


def test_the_association_request_is_read_by_pynetdicom() -> None:
    request = A_ASSOCIATE_RQ()
    request.decode(association_request(PEER, propose([(CLASS, J2K)])))
    primitive = request.to_primitive()
    assert (primitive.called_ae_title, primitive.calling_ae_title) == ("MAIN", "BOX")
    assert primitive.maximum_length_received == PEER.max_pdu_bytes
    contexts = primitive.presentation_context_definition_list
    assert [(c.context_id, c.abstract_syntax, list(c.transfer_syntax)) for c in contexts] == [
        (1, CLASS, [EXPLICIT, IMPLICIT]),
        (3, CLASS, [J2K]),
    ]


def test_an_agreement_finds_the_context_in_order_of_preference() -> None:
    proposal = Proposal(CLASS, (EXPLICIT, IMPLICIT))
    agreement = Agreement(
        (ContextResult(1, proposal, 0, IMPLICIT), ContextResult(3, Proposal(CLASS, (J2K,)), 4, "")), 0
    )
    found = agreement.context_for(CLASS, (EXPLICIT, IMPLICIT))
    assert found is not None
    assert found.context_id == 1
    assert agreement.context_for(CLASS, (J2K,)) is None
    assert agreement.context_for("1.2.9", (IMPLICIT,)) is None


def test_the_time_for_an_answer_grows_with_the_object() -> None:
    timeouts = Timeouts(response_s=60, response_s_per_megabyte=2)
    assert timeouts.for_response(0) == 60
    assert timeouts.for_response(2_000_000_000) == 4060
