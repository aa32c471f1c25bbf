"""Storing in peers that live in this process: every status, every misbehaviour, and the memory it takes."""

import threading
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)
from pynetdicom import AE, evt
from pynetdicom.events import Event

from gateway.dimse.demo_peers import DemoPacs
from gateway.dimse.peer import Timeouts
from gateway.dimse.status import STORE_STATUS, PeerRefused, store_meaning
from gateway.dimse.store import StoreSession
from gateway.dimse.tls import server_context
from gateway.domain.errors import Disposition, GatewayError, Phase
from tests.integration.dimse.conftest import Instance, Peers
from tests.support.dicom_files import secondary_capture
from tests.support.pki import Pki
from tests.support.scripted_scp import ScriptedScp, Wire

RETRY, PARK = Disposition.RETRY, Disposition.PARK


def scripted(*steps: object) -> ScriptedScp:
    """A peer that accepts and then answers each store request by the next of `steps` (a callable of wire, id, rq)."""
    left = list(steps)

    def script(wire: Wire) -> None:
        wire.accept()
        while left:
            context_id, request = wire.read_message()
            answer = left.pop(0)
            assert callable(answer)
            answer(wire, context_id, request)
        wire.wait_for_end()

    return ScriptedScp(script)


def test_instances_arrive_byte_for_byte_over_mutual_tls(tmp_path: Path, pki: Pki, peers: Peers) -> None:
    received = tmp_path / "rx"
    received.mkdir()
    instances = []
    for number, syntax in enumerate((ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRLittleEndian)):
        path = tmp_path / f"{number}.dcm"
        instances.append(Instance(path, *secondary_capture(path, transfer_syntax=syntax)))
    threads = threading.active_count()
    with DemoPacs(received, tls=pki.files("pacs")) as pacs:
        with StoreSession.open(peers(pacs.port, tls=pki.files()), {i.pair for i in instances}) as session:
            listening = threading.active_count()
            for sent in instances * 3:
                assert sent.store(session).status == 0
                assert session.usable()
            assert threading.active_count() == listening
        for sent in instances:
            arrived = (received / f"{sent.sop_instance_uid}.dcm").read_bytes()
            original = sent.path.read_bytes()
            assert arrived[_data_set_offset(arrived) :] == original[_data_set_offset(original) :]
            assert (
                dcmread(received / f"{sent.sop_instance_uid}.dcm").file_meta.TransferSyntaxUID
                == sent.transfer_syntax_uid
            )
    assert threading.active_count() <= threads  # a thread of an earlier test may end meanwhile


def _data_set_offset(data: bytes) -> int:
    return 144 + int.from_bytes(data[140:144], "little")


def test_every_status_of_the_table(instance: Instance, peers: Peers) -> None:
    codes = [*STORE_STATUS, 0xA701, 0xA9FF, 0xC001, 0xB123, 0x0999, 0xFF00]
    left = list(codes)

    def answer(_: Event) -> Dataset:
        status = Dataset()
        status.Status = left.pop(0)
        status.ErrorComment = "the peer's own words"
        return status

    entity = AE(ae_title="DEMOPACS")
    entity.add_supported_context(instance.sop_class_uid, [ExplicitVRLittleEndian])
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, answer)])
    assert server is not None
    try:
        with StoreSession.open(peers(server.server_address[1]), [instance.pair]) as session:
            for code in codes:
                meaning = store_meaning(code)
                if meaning.disposition is Disposition.DONE:
                    assert instance.store(session).status == code
                else:
                    with pytest.raises(PeerRefused, match=f"{code:04X}") as caught:
                        instance.store(session)
                    assert caught.value.disposition is meaning.disposition
                    assert caught.value.comment == "the peer's own words"
                assert session.usable(), hex(code)
    finally:
        entity.shutdown()


def test_a_duplicate_counts_only_after_a_resend(instance: Instance, peers: Peers) -> None:
    def duplicate(wire: Wire, context_id: int, request: Dataset) -> None:
        wire.respond(context_id, request, Status=0x0111)

    with scripted(duplicate, duplicate) as scp, StoreSession.open(peers(scp.port), [instance.pair]) as session:
        assert instance.store(session, sent_before=True).status == 0x0111
        with pytest.raises(GatewayError, match="0111") as caught:
            instance.store(session, sent_before=False)
        assert caught.value.disposition is PARK


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"MessageIDBeingRespondedTo": 999}, "answered message 999"),
        ({"AffectedSOPInstanceUID": "1.2.3.4"}, "1.2.3.4"),
        ({"AffectedSOPClassUID": "1.2.3.5"}, "1.2.3.5"),
        ({"CommandField": 0x8030}, "0x8030"),
        ({"Status": None}, "without a status"),
        ({"MessageIDBeingRespondedTo": None}, "answered message -1"),
    ],
)
def test_an_answer_for_something_else_is_never_stored(
    instance: Instance, peers: Peers, changes: dict[str, object], words: str
) -> None:
    def lie(wire: Wire, context_id: int, request: Dataset) -> None:
        wire.respond(context_id, request, **changes)

    with scripted(lie) as scp, StoreSession.open(peers(scp.port), [instance.pair]) as session:
        with pytest.raises(GatewayError, match=words) as caught:
            instance.store(session)
        assert (caught.value.disposition, caught.value.phase) == (RETRY, Phase.RESPONSE)
        assert not session.usable()


def test_an_answer_without_the_optional_uids_is_an_answer(instance: Instance, peers: Peers) -> None:
    def terse(wire: Wire, context_id: int, request: Dataset) -> None:
        wire.respond(context_id, request, AffectedSOPInstanceUID=None, AffectedSOPClassUID=None)

    with scripted(terse) as scp, StoreSession.open(peers(scp.port), [instance.pair]) as session:
        assert instance.store(session).status == 0


def _silence(wire: Wire, _: int, __: Dataset) -> None:
    wire.wait_for_end()


def _abort(wire: Wire, _: int, __: Dataset) -> None:
    wire.sock.sendall(bytes([7, 0, 0, 0, 0, 4, 0, 0, 2, 6]))


def _reset(wire: Wire, _: int, __: Dataset) -> None:
    wire.reset()


def _close(wire: Wire, _: int, __: Dataset) -> None:
    wire.sock.close()


def _half(wire: Wire, _: int, __: Dataset) -> None:
    wire.sock.sendall(bytes([4, 0, 0, 0, 1, 0, 0, 0]))
    wire.sock.close()


def _stops_halfway(wire: Wire, _: int, __: Dataset) -> None:
    wire.sock.sendall(bytes([4, 0, 0, 0, 1, 0, 0, 0]))
    wire.wait_for_end()


def _nonsense(wire: Wire, _: int, __: Dataset) -> None:
    wire.sock.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
    wire.wait_for_end()


def _huge(wire: Wire, _: int, __: Dataset) -> None:
    wire.sock.sendall(bytes([4, 0, 255, 255, 255, 255]))
    wire.wait_for_end()


def _wrong_lengths(wire: Wire, context_id: int, request: Dataset) -> None:
    response = Dataset()
    response.CommandField, response.MessageIDBeingRespondedTo, response.Status = 0x8001, request.MessageID, 0
    wire.send_message(context_id, response, length=20)
    wire.wait_for_end()


def _with_data(wire: Wire, context_id: int, request: Dataset) -> None:
    response = Dataset()
    response.CommandField, response.MessageIDBeingRespondedTo, response.Status = 0x8001, request.MessageID, 0
    wire.send_message(context_id, response, b"x" * 1000)
    wire.wait_for_end()


def _release(wire: Wire, _: int, __: Dataset) -> None:
    wire.sock.sendall(bytes([5, 0, 0, 0, 0, 4, 0, 0, 0, 0]))
    wire.wait_for_end()


def _accepts_again(wire: Wire, _: int, __: Dataset) -> None:
    wire.sock.sendall(bytes([2, 0, 0, 0, 0, 4, 0, 0, 0, 0]))
    wire.wait_for_end()


def _endless_command(wire: Wire, context_id: int, _: Dataset) -> None:
    fragment = bytes([0, 0, 0, 66, context_id, 1]) + bytes(64)
    for _number in range(3000):
        wire.sock.sendall(bytes([4, 0, 0, 0, 0, 70]) + fragment)
    wire.wait_for_end()


@pytest.mark.parametrize(
    ("misbehaviour", "code"),
    [
        (_silence, "time-out"),
        (_abort, "abort 2/6"),
        (_reset, "ConnectionResetError"),
        (_close, "PeerClosed"),
        (_half, "PeerClosed"),
        (_stops_halfway, "time-out"),
        (_nonsense, "protocol"),
        (_huge, "protocol"),
        (_wrong_lengths, "protocol"),
        (_with_data, "protocol"),
        (_release, "ConnectionError"),
        (_accepts_again, "protocol"),
        (_endless_command, "protocol"),
    ],
)
def test_whatever_comes_instead_of_an_answer_is_tried_again(
    instance: Instance, peers: Peers, misbehaviour: object, code: str
) -> None:
    hasty = code == "time-out"
    with (
        scripted(misbehaviour) as scp,
        StoreSession.open(peers(scp.port, hasty=hasty), [instance.pair]) as session,
    ):
        with pytest.raises(GatewayError) as caught:
            instance.store(session)
        assert (caught.value.disposition, caught.value.phase, caught.value.code) == (RETRY, Phase.RESPONSE, code)
        assert not session.usable()


def test_an_early_refusal_is_believed_and_ends_the_association(big_instance: Instance, peers: Peers) -> None:
    def script(wire: Wire) -> None:
        wire.accept()
        kind, pdu = wire.read_pdu()
        assert kind == 4
        request = Dataset()
        request.CommandField, request.MessageID, request.AffectedSOPClassUID = 1, 1, big_instance.sop_class_uid
        wire.respond(pdu[10], request, Status=0xA700)
        wire.wait_for_end()

    with ScriptedScp(script) as scp, StoreSession.open(peers(scp.port), [big_instance.pair]) as session:
        with pytest.raises(PeerRefused, match="A700"):
            big_instance.store(session)
        assert not session.usable()


def test_stored_said_too_early_is_not_believed(big_instance: Instance, peers: Peers) -> None:
    def script(wire: Wire) -> None:
        wire.accept()
        _, pdu = wire.read_pdu()
        request = Dataset()
        request.CommandField, request.MessageID, request.AffectedSOPClassUID = 1, 1, big_instance.sop_class_uid
        wire.respond(pdu[10], request)
        wire.wait_for_end()

    with ScriptedScp(script) as scp, StoreSession.open(peers(scp.port), [big_instance.pair]) as session:
        with pytest.raises(GatewayError, match="before it had the whole object") as caught:
            big_instance.store(session)
        assert caught.value.disposition is RETRY


@pytest.mark.parametrize(("ending", "code"), [(_abort, "abort 2/6"), (_reset, "ConnectionResetError")])
def test_an_end_in_the_middle_of_an_object_is_met_while_sending(
    big_instance: Instance, peers: Peers, ending: object, code: str
) -> None:
    def script(wire: Wire) -> None:
        wire.accept()
        for _ in range(3):
            wire.read_pdu()
        assert callable(ending)
        ending(wire, 1, Dataset())
        wire.wait_for_end()

    with ScriptedScp(script) as scp, StoreSession.open(peers(scp.port), [big_instance.pair]) as session:
        with pytest.raises(GatewayError) as caught:
            big_instance.store(session)
        assert (caught.value.disposition, caught.value.phase, caught.value.code) == (RETRY, Phase.TRANSFER, code)


def test_a_peer_that_reads_no_more_is_noticed(big_instance: Instance, peers: Peers) -> None:
    stalled = threading.Event()

    def script(wire: Wire) -> None:
        wire.accept()
        stalled.wait(20)

    with (
        ScriptedScp(script) as scp,
        StoreSession.open(peers(scp.port, hasty=True), [big_instance.pair]) as session,
    ):
        with pytest.raises(GatewayError, match="no more bytes") as caught:
            big_instance.store(session)
        stalled.set()
        assert (caught.value.disposition, caught.value.phase) == (RETRY, Phase.TRANSFER)


def test_a_peer_that_reads_no_more_is_noticed_over_tls_too(big_instance: Instance, peers: Peers, pki: Pki) -> None:
    stalled = threading.Event()
    context = server_context(pki.files("pacs"))

    def script(wire: Wire) -> None:
        secured = Wire(context.wrap_socket(wire.sock, server_side=True))
        secured.accept()
        stalled.wait(20)

    with (
        ScriptedScp(script) as scp,
        StoreSession.open(peers(scp.port, tls=pki.files(), hasty=True), [big_instance.pair]) as session,
    ):
        with pytest.raises(GatewayError, match="no more bytes") as caught:
            big_instance.store(session)
        stalled.set()
        assert (caught.value.disposition, caught.value.phase) == (RETRY, Phase.TRANSFER)


def test_a_long_wait_is_seen_to_be_alive(instance: Instance, peers: Peers) -> None:
    beats: list[int] = []
    slow = threading.Event()

    def late(wire: Wire, context_id: int, request: Dataset) -> None:
        slow.wait(5)
        wire.respond(context_id, request)

    def beat() -> None:
        beats.append(1)
        if len(beats) > 6:
            slow.set()

    peer = replace(peers(0), timeouts=Timeouts(response_s=30))
    with scripted(late) as scp, StoreSession.open(replace(peer, port=scp.port), [instance.pair], beat=beat) as session:
        assert instance.store(session).status == 0
    assert len(beats) > 3


def test_memory_stays_bounded_whatever_the_size(big_instance: Instance, peers: Peers) -> None:
    def script(wire: Wire) -> None:
        wire.accept(max_length=65_536)
        context_id, request = wire.read_message()
        wire.respond(context_id, request)
        wire.wait_for_end()

    with ScriptedScp(script) as scp, StoreSession.open(peers(scp.port), [big_instance.pair]) as session:
        tracemalloc.start()
        try:
            assert big_instance.store(session).status == 0
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 4_000_000


@pytest.mark.parametrize("limit", [128, 1024, 16_384, 0])
def test_no_pdu_is_longer_than_the_peer_takes(instance: Instance, peers: Peers, limit: int) -> None:
    lengths: list[int] = []

    def script(wire: Wire) -> None:
        wire.accept(max_length=limit)
        last = False
        while not last:
            _, pdu = wire.read_pdu()
            lengths.append(len(pdu) - 6)
            last = pdu[11] == 2
        request = Dataset()
        request.CommandField, request.MessageID, request.AffectedSOPClassUID = 1, 1, instance.sop_class_uid
        wire.respond(1, request)
        wire.wait_for_end()

    with ScriptedScp(script) as scp, StoreSession.open(peers(scp.port), [instance.pair]) as session:
        assert instance.store(session).status == 0
    assert max(lengths) <= (limit or 131_072)


def test_what_the_peer_takes_is_known_and_the_rest_is_parked(tmp_path: Path, peers: Peers) -> None:
    path = tmp_path / "rle.dcm"
    rle = Instance(path, *secondary_capture(path, transfer_syntax=RLELossless, pixels=b"\xfe\xff\x00\xe0" + bytes(4)))
    entity = AE(ae_title="DEMOPACS")
    entity.add_supported_context(rle.sop_class_uid, [ImplicitVRLittleEndian, JPEG2000Lossless])
    server = entity.start_server(("127.0.0.1", 0), block=False)
    assert server is not None
    pairs = [rle.pair, (rle.sop_class_uid, JPEG2000Lossless), ("1.2.840.10008.5.1.4.1.1.77.1.4", JPEGBaseline8Bit)]
    try:
        with StoreSession.open(peers(server.server_address[1]), pairs) as session:
            assert session.accepted(rle.sop_class_uid) == {ImplicitVRLittleEndian, JPEG2000Lossless}
            assert session.accepted("1.2.840.10008.5.1.4.1.1.77.1.4") == frozenset()
            assert session.proposed(*rle.pair)
            assert not session.proposed(rle.sop_class_uid, JPEGBaseline8Bit)
            with pytest.raises(GatewayError, match="transfer syntax") as caught:
                rle.store(session)
            assert (caught.value.disposition, caught.value.phase) == (PARK, Phase.NEGOTIATE)
            with pytest.raises(GatewayError, match="SOP class") as caught:
                session.store(
                    path, sop_class_uid="1.2.840.10008.5.1.4.1.1.77.1.4", sop_instance_uid="1.2",
                    transfer_syntax_uid=JPEGBaseline8Bit,
                )  # fmt: skip
            assert (caught.value.disposition, caught.value.code) == (PARK, "context 3")
            assert session.usable()
    finally:
        entity.shutdown()


def test_a_peer_that_goes_while_idle_is_noticed_before_the_next_store(instance: Instance, peers: Peers) -> None:
    for farewell in (_abort, _release, _close, _reset):
        gone = threading.Event()

        def script(wire: Wire, farewell: object = farewell, gone: threading.Event = gone) -> None:
            wire.accept()
            assert callable(farewell)
            threading.Thread(target=gone.set).start()
            farewell(wire, 1, Dataset())

        with ScriptedScp(script) as scp, StoreSession.open(peers(scp.port), [instance.pair]) as session:
            assert gone.wait(5)
            deadline = time.monotonic() + 5
            while session.usable() and time.monotonic() < deadline:
                time.sleep(0.01)
            assert not session.usable()


@pytest.mark.parametrize("damage", ["truncated", "not DICOM", "another instance", "no group length", "gone"])
def test_a_damaged_spool_file_is_never_sent(instance: Instance, peers: Peers, damage: str) -> None:
    data = instance.path.read_bytes()
    if damage == "truncated":
        instance.path.write_bytes(data[:140])
    elif damage == "not DICOM":
        instance.path.write_bytes(b"x" * 500)
    elif damage == "another instance":
        secondary_capture(instance.path)
    elif damage == "no group length":
        instance.path.write_bytes(data[:132] + data[144:])
    else:
        instance.path.unlink()
    expected = RETRY if damage == "gone" else Disposition.QUARANTINE
    with scripted(_silence) as scp, StoreSession.open(peers(scp.port), [instance.pair]) as session:
        with pytest.raises(GatewayError) as caught:
            instance.store(session)
        assert (caught.value.disposition, caught.value.phase) == (expected, Phase.SPOOL)
        assert session.usable()
