"""Storage commitment as SCU, against a scripted archive and pynetdicom's: each way in which a report comes, or not."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.dsutils import encode

from gateway.dimse.commitment import CommitmentSession
from gateway.dimse.commitment_report import COMMITMENT_INSTANCE_UID, COMMITMENT_UID, action_information, read_report
from gateway.dimse.demo_peers import DemoPacs
from gateway.dimse.link import no_beat
from gateway.dimse.store import StoreSession
from gateway.domain.commitment import ProofItem, ProofReport, ProofRequest
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.identifiers import DestinationName, Uid, mint_uid
from tests.integration.dimse.conftest import Instance, Peers
from tests.support.pki import Pki
from tests.support.scripted_scp import ScriptedScp, Wire

SC = "1.2.840.10008.5.1.4.1.1.7"


def request_for(*uids: str) -> ProofRequest:
    items = tuple(ProofItem(Uid("1.2"), Uid("1.3"), Uid(SC), Uid(uid)) for uid in uids)
    return ProofRequest(mint_uid(), DestinationName("main"), items)


REQUEST = request_for("1.2.1", "1.2.2")
BOTH = frozenset({(SC, "1.2.1"), (SC, "1.2.2")})


def read_action(wire: Wire) -> tuple[int, Dataset]:
    return wire.read_message()


def report(wire: Wire, context_id: int, uid: str, *, kept: frozenset[tuple[str, str]] = BOTH, number: int = 7) -> None:
    """Send an N-EVENT-REPORT-RQ."""
    command = Dataset()
    command.AffectedSOPClassUID, command.AffectedSOPInstanceUID = COMMITMENT_UID, COMMITMENT_INSTANCE_UID
    command.CommandField, command.MessageID, command.EventTypeID = 0x0100, number, 1
    data = Dataset()
    data.TransactionUID = uid
    data.ReferencedSOPSequence = []
    for sop_class, instance in sorted(kept):
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, instance
        data.ReferencedSOPSequence.append(item)
    encoded = encode(data, is_implicit_vr=False, is_little_endian=True)
    assert encoded is not None
    wire.send_message(context_id, command, bytes(encoded))


def answered(wire: Wire, number: int = 7) -> None:
    """The answer to a report must come, and be success."""
    _, command = wire.read_message()
    assert (command.CommandField, command.MessageIDBeingRespondedTo, command.Status) == (0x8100, number, 0)


def accept_action(wire: Wire, context_id: int, command: Dataset, **changes: object) -> None:
    command.AffectedSOPClassUID = command.RequestedSOPClassUID
    wire.respond(context_id, command, **changes)


def same_association(wire: Wire) -> None:
    context_id, command = read_action(wire)
    accept_action(wire, context_id, command)
    report(wire, context_id, REQUEST.transaction_uid)
    answered(wire)


def before_the_response(wire: Wire) -> None:
    context_id, command = read_action(wire)
    report(wire, context_id, REQUEST.transaction_uid)
    answered(wire)
    accept_action(wire, context_id, command)


def twice(wire: Wire) -> None:
    same_association(wire)
    report(wire, 1, REQUEST.transaction_uid, number=8)
    answered(wire, 8)


def of_somebody_else(wire: Wire) -> None:
    context_id, command = read_action(wire)
    accept_action(wire, context_id, command)
    report(wire, context_id, "1.2.3.4.5")
    answered(wire)


def never(wire: Wire) -> None:
    accept_action(wire, *read_action(wire))


def released_instead(wire: Wire) -> None:
    accept_action(wire, *read_action(wire))
    wire.sock.sendall(bytes([5, 0, 0, 0, 0, 4, 0, 0, 0, 0]))


def aborted_instead(wire: Wire) -> None:
    accept_action(wire, *read_action(wire))
    wire.sock.sendall(bytes([7, 0, 0, 0, 0, 4, 0, 0, 2, 0]))


def nonsense_instead(wire: Wire) -> None:
    accept_action(wire, *read_action(wire))
    wire.sock.sendall(b"GET / HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    ("script", "transactions"),
    [
        (same_association, [REQUEST.transaction_uid]),
        (before_the_response, [REQUEST.transaction_uid]),
        (twice, [REQUEST.transaction_uid] * 2),
        (of_somebody_else, ["1.2.3.4.5"]),
        (never, []),
        (released_instead, []),
        (aborted_instead, []),
        (nonsense_instead, []),
    ],
)
def test_however_the_report_comes_it_is_taken_and_answered(
    peers: Peers, script: Callable[[Wire], None], transactions: list[str]
) -> None:
    taken: list[ProofReport] = []
    done: list[bool] = []

    def play(wire: Wire) -> None:
        wire.accept()
        script(wire)
        done.append(True)
        wire.wait_for_end()

    with (
        ScriptedScp(play) as scp,
        CommitmentSession.open(peers(scp.port), taken.append, beat=no_beat) as session,
    ):
        session.ask(REQUEST)
        session.wait(0.8, lambda: len(taken) == len(transactions) > 0 and bool(done))
    assert done == [True]
    assert [one.transaction_uid for one in taken] == transactions
    assert all(one.committed == BOTH and not one.failed for one in taken)


def refuses(status: int) -> Callable[[Wire], None]:
    def script(wire: Wire) -> None:
        accept_action(wire, *read_action(wire), Status=status)

    return script


def silent(wire: Wire) -> None:
    read_action(wire)


def breaks_off(wire: Wire) -> None:
    read_action(wire)
    wire.reset()


def answers_another(wire: Wire) -> None:
    accept_action(wire, *read_action(wire), MessageIDBeingRespondedTo=99)


@pytest.mark.parametrize(
    ("script", "disposition", "phase", "code"),
    [
        (refuses(0x0213), Disposition.RETRY, Phase.COMMIT, "0213"),
        (refuses(0x0131), Disposition.RETRY, Phase.COMMIT, "0131"),
        (refuses(0x0124), Disposition.PARK, Phase.COMMIT, "0124"),
        (refuses(0x0112), Disposition.PARK, Phase.COMMIT, "0112"),
        (refuses(0xCAFE), Disposition.RETRY, Phase.COMMIT, "CAFE"),
        (silent, Disposition.RETRY, Phase.COMMIT, "time-out"),
        (breaks_off, Disposition.RETRY, Phase.COMMIT, "ConnectionResetError"),
        (answers_another, Disposition.RETRY, Phase.COMMIT, None),
    ],
)
def test_a_request_that_is_not_taken_says_why(
    peers: Peers, script: Callable[[Wire], None], disposition: Disposition, phase: Phase, code: str | None
) -> None:
    def play(wire: Wire) -> None:
        wire.accept()
        script(wire)
        wire.wait_for_end()

    with (
        ScriptedScp(play) as scp,
        pytest.raises(GatewayError) as caught,
        CommitmentSession.open(peers(scp.port, hasty=script is silent), lambda _: None) as session,
    ):
        session.ask(REQUEST)
    assert (caught.value.disposition, caught.value.phase) == (disposition, phase)
    assert code is None or caught.value.code == code


def test_a_peer_without_commitment_is_named(peers: Peers) -> None:
    with (
        ScriptedScp(lambda wire: wire.accept(result=3)) as scp,
        pytest.raises(GatewayError, match="does not offer storage commitment") as caught,
    ):
        CommitmentSession.open(peers(scp.port), lambda _: None)
    assert (caught.value.disposition, caught.value.phase) == (Disposition.PARK, Phase.NEGOTIATE)


def test_pynetdicoms_archive_reports_on_the_same_association(
    tmp_path: Path, peers: Peers, pki: Pki, instance: Instance
) -> None:
    taken: list[ProofReport] = []
    request = request_for(instance.sop_instance_uid, "1.2.3")
    with DemoPacs(tmp_path / "rx", tls=pki.files("pacs"), commits=True) as pacs:
        peer = peers(pacs.port, tls=pki.files())
        with StoreSession.open(peer, [instance.pair]) as session:
            instance.store(session)
        with CommitmentSession.open(peer, taken.append) as asking:
            asking.ask(request)
            asking.wait(20, lambda: bool(taken))
    (found,) = taken
    assert found.transaction_uid == request.transaction_uid
    assert found.committed == {(SC, instance.sop_instance_uid)}
    assert found.failed == {(SC, "1.2.3"): 0x0112}


def read(dataset: Dataset) -> ProofReport:
    encoded = encode(dataset, is_implicit_vr=False, is_little_endian=True)
    assert encoded is not None
    return read_report(bytes(encoded), str(ExplicitVRLittleEndian))


@pytest.mark.parametrize("attributes", [{}, {"TransactionUID": ""}])
def test_a_report_without_a_transaction_cannot_be_read(attributes: Mapping[str, str]) -> None:
    dataset = Dataset()
    dataset.PatientID = ""
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    with pytest.raises(ValueError, match="no Transaction UID"):
        read(dataset)


def test_a_failed_item_without_a_reason_is_a_failure_all_the_same() -> None:
    dataset = Dataset()
    dataset.TransactionUID = "1.2"
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = SC, "1.3"
    dataset.FailedSOPSequence = [item]
    assert read(dataset) == ProofReport("1.2", frozenset(), {(SC, "1.3"): 0x0110})


def test_the_request_as_pydicom_reads_it() -> None:
    found = read_report(action_information(REQUEST, str(ExplicitVRLittleEndian)), str(ExplicitVRLittleEndian))
    assert found == ProofReport(REQUEST.transaction_uid, BOTH, {})
