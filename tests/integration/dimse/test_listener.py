"""The listener for commitment reports, judged by pynetdicom's requestor, and by callers that behave badly."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydicom import Dataset
from pynetdicom import AE, build_role
from pynetdicom.association import Association

from gateway.dimse.commitment_report import COMMITMENT_INSTANCE_UID, COMMITMENT_UID
from gateway.dimse.listener import Listening, ReportListener
from gateway.dimse.peer import Timeouts
from gateway.dimse.tls import TlsFiles
from gateway.domain.commitment import ProofReport
from gateway.domain.errors import ConfigurationError, Disposition, GatewayError, Phase
from tests.support.dcmtk import rejected_call
from tests.support.pki import Pki

PATIENT = Timeouts(tls_s=10, association_s=10, response_s=10, stall_s=10)
QUICK = Timeouts(tls_s=2, association_s=2, response_s=2, stall_s=2)
ECHO = "1.2.840.10008.1.1"
SC = "1.2.840.10008.5.1.4.1.1.7"


@contextmanager
def listening(
    take: Callable[[ProofReport], None], tls: TlsFiles | None = None, timeouts: Timeouts = PATIENT
) -> Iterator[int]:
    listener = ReportListener(Listening("127.0.0.1", 0, frozenset({"BOX", "BOX2"}), tls, timeouts), take)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            listener.serve(0.05)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.port
    finally:
        stop.set()
        thread.join()
        listener.close()


def report_of(uid: str, kept: list[str], failed: dict[str, int] | None = None) -> Dataset:
    report = Dataset()
    report.TransactionUID = uid
    report.ReferencedSOPSequence = [reference(one) for one in kept]
    if failed:
        report.FailedSOPSequence = [reference(one) for one in failed]
        for item, reason in zip(report.FailedSOPSequence, failed.values(), strict=True):
            item.FailureReason = reason
    return report


def reference(uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = SC, uid
    return item


def call(port: int, *, title: str = "BOX", role: bool = True, tls: TlsFiles | None = None) -> Association:
    caller = AE(ae_title="PACS")
    caller.add_requested_context(COMMITMENT_UID)
    caller.add_requested_context(ECHO)
    caller.add_requested_context(SC)
    negotiation: list[Any] = [build_role(COMMITMENT_UID, scp_role=True)] if role else []
    if tls is None:
        return caller.associate("127.0.0.1", port, ae_title=title, ext_neg=negotiation)
    context = ssl.create_default_context(cafile=str(tls.ca))
    if tls.certificate is not None and tls.key is not None:
        context.load_cert_chain(str(tls.certificate), str(tls.key))
    secure = (context, "localhost")
    return caller.associate("127.0.0.1", port, ae_title=title, ext_neg=negotiation, tls_args=secure)


def send(association: Association, report: Dataset, event_type: int = 1) -> int | None:
    status, _ = association.send_n_event_report(report, event_type, COMMITMENT_UID, COMMITMENT_INSTANCE_UID)
    return status.Status if "Status" in status else None


def is_hung_up_on(caller: socket.socket) -> bool:
    caller.settimeout(10)
    try:
        while caller.recv(4096):
            pass
    except ConnectionError:
        pass
    return True


def test_a_report_over_a_new_association_is_taken_and_answered() -> None:
    taken: list[ProofReport] = []
    with listening(taken.append) as port:
        association = call(port)
        assert association.is_established
        accepted = {str(context.abstract_syntax): context for context in association.accepted_contexts}
        assert set(accepted) == {COMMITMENT_UID, ECHO}
        assert accepted[COMMITMENT_UID].as_scp
        assert [context.result for context in association.rejected_contexts] == [3]
        assert send(association, report_of("1.2.3", ["1.2", "1.3"], {"1.4": 0x0112}), 2) == 0
        assert association.send_c_echo().Status == 0
        association.release()
        assert association.is_released
    assert taken == [ProofReport("1.2.3", frozenset({(SC, "1.2"), (SC, "1.3")}), {(SC, "1.4"): 0x0112})]


def test_mutual_tls(pki: Pki) -> None:
    taken: list[ProofReport] = []
    with listening(taken.append, pki.files("box")) as port:
        association = call(port, tls=pki.files("pacs"))
        assert send(association, report_of("1.2.3", [])) == 0
        association.release()
        for stranger in (pki.files("rogue"), pki.files("")):
            assert not call(port, tls=stranger).is_established
        assert not call(port).is_established
        again = call(port, tls=pki.files("pacs"))
        assert again.is_established
        again.release()
    assert [report.transaction_uid for report in taken] == ["1.2.3"]


def test_a_caller_without_role_selection_is_accepted() -> None:
    with listening(lambda _: None) as port:
        association = call(port, role=False, title="BOX2")
        assert association.is_established
        assert COMMITMENT_UID in {context.abstract_syntax for context in association.accepted_contexts}
        association.release()


def test_it_answers_only_by_its_names() -> None:
    with listening(lambda _: None) as port:
        said = rejected_call(port, "OTHER")
    assert "Result: Rejected Permanent, Source: Service User" in said
    assert "Reason: Called AE Title Not Recognized" in said


def test_what_cannot_be_written_down_is_answered_so_that_it_comes_again() -> None:
    def refuse(_: ProofReport) -> None:
        raise GatewayError("full", disposition=Disposition.HALT, phase=Phase.SPOOL)

    with listening(refuse) as port:
        association = call(port)
        assert send(association, report_of("1.2.3", [])) == 0x0110
        association.release()


def test_what_cannot_be_read_is_answered_too() -> None:
    taken: list[ProofReport] = []
    with listening(taken.append) as port:
        association = call(port)
        assert send(association, report_of("no uid", [])) == 0x0115
        assert send(association, report_of("1.2.3", []), 7) == 0x0113
        association.release()
        asking = call(port, role=False)
        status, _ = asking.send_n_action(report_of("1.2", []), 1, COMMITMENT_UID, COMMITMENT_INSTANCE_UID)
        assert status.Status == 0x0211
        asking.release()
    assert taken == []


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(74),
        struct.pack(">BBL", 1, 0, 200) + bytes(200),
        struct.pack(">BBL", 4, 0, 4) + bytes(4),
        struct.pack(">BBL", 1, 0, 1 << 31),
        struct.pack(">BBL", 1, 0, 90) + b"half",
    ],
)
@pytest.mark.parametrize("tls", [False, True])
def test_a_caller_that_talks_nonsense_or_nothing_harms_only_its_own_call(pki: Pki, words: bytes, *, tls: bool) -> None:
    taken: list[ProofReport] = []
    with (
        listening(taken.append, pki.files("box") if tls else None, QUICK) as port,
        socket.create_connection(("127.0.0.1", port)) as silent,
        socket.create_connection(("127.0.0.1", port)),
    ):
        silent.sendall(words)
        association = call(port, tls=pki.files("pacs") if tls else None)
        assert send(association, report_of("1.2.3", [])) == 0
        association.release()
        assert is_hung_up_on(silent)
    assert len(taken) == 1


def test_a_caller_that_vanishes_in_mid_call() -> None:
    taken: list[ProofReport] = []
    with listening(taken.append) as port:
        call(port).abort()
        lost = call(port)
        assert lost.dul.socket is not None
        lost.dul.socket.close()
        association = call(port)
        assert send(association, report_of("1.2.3", [])) == 0
        association.release()
    assert len(taken) == 1


def test_too_many_at_once_are_asked_to_come_later() -> None:
    with listening(lambda _: None) as port:
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(16)]
        assert "Result: Rejected Transient" in rejected_call(port, "BOX")
        for one in held:
            one.close()


def test_closing_ends_open_calls() -> None:
    with listening(lambda _: None) as port:
        association = call(port)
    association.join(5)
    assert not association.is_established


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(GatewayError, match=f"127.0.0.1:{port}: Address already in use") as caught:
            ReportListener(Listening("127.0.0.1", port, frozenset({"BOX"})), lambda _: None)
    assert caught.value.disposition is Disposition.RETRY


def test_faulty_tls_files_are_told_at_the_start(pki: Pki) -> None:
    with pytest.raises(ConfigurationError):
        ReportListener(Listening("127.0.0.1", 0, frozenset({"BOX"}), pki.files("")), lambda _: None)
