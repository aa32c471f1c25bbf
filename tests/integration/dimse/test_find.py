"""Worklist queries to peers that live in this process: matching, every status, too much and nonsense."""

from collections.abc import Callable
from datetime import date
from io import BytesIO

import pytest
from pydicom import Dataset
from pynetdicom import AE
from pynetdicom.dsutils import encode
from pynetdicom.events import Event

from gateway.dimse.demo_peers import DemoWorklist, matches
from gateway.dimse.find import WORKLIST_FIND_UID, find_worklist
from gateway.dimse.status import PeerRefused
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.worklist.query import WorklistFilter, query_identifiers
from tests.integration.dimse.conftest import Peers
from tests.support.pki import Pki
from tests.support.scripted_scp import ScriptedScp, Wire
from tests.support.worklist_items import answer
from tests.support.worklist_scp import Answers, worklist

RETRY, PARK = Disposition.RETRY, Disposition.PARK
TODAY = date(2026, 11, 21)
QUERY = query_identifiers(WorklistFilter(), TODAY)


def test_the_demo_worklist_answers_over_mutual_tls(pki: Pki, peers: Peers) -> None:
    items = [answer(PatientID=f"P{n}", AccessionNumber=f"A{n}") for n in range(3)]
    with DemoWorklist(items, tls=pki.files("pacs")) as ris:
        peer = peers(ris.port, tls=pki.files(), called="DEMORIS")
        wanted = [
            (WorklistFilter(), {"P0", "P1", "P2"}),
            (WorklistFilter(patient_id="P1"), {"P1"}),
            (WorklistFilter(accession_number="A2"), {"P2"}),
            (WorklistFilter(station_ae_titles=("OTHER",)), set()),
            (WorklistFilter(modalities=("CT",)), set()),
            (WorklistFilter(modalities=("CT", "OP")), {"P0", "P1", "P2"}),
        ]
        for filter_, expected in wanted:
            found = find_worklist(peer, query_identifiers(filter_, TODAY))
            assert {str(item.PatientID) for item in found.identifiers} == expected
            assert found.complete
        assert not find_worklist(peer, query_identifiers(WorklistFilter(), date(2026, 11, 22))).identifiers


@pytest.mark.parametrize(
    ("asked", "fits"),
    [("", True), ("20261121", True), ("20261120", False), ("20261120-20261121", True), ("-20261120", False),
     ("20261121-", True), ("20261122-", False)],
)  # fmt: skip
def test_the_demo_worklist_matches_dates(asked: str, fits: bool) -> None:
    query = Dataset()
    query.ScheduledProcedureStepSequence = [Dataset()]
    query.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStartDate = asked
    assert matches(query, answer()) is fits


@pytest.mark.parametrize(
    ("status", "disposition"),
    [
        (0xA700, RETRY),
        (0xA900, PARK),
        (0xC001, RETRY),
        (0x0122, PARK),
        (0x0124, PARK),
        (0x0213, RETRY),
        (0x0999, RETRY),
    ],
)
def test_a_failure_status_is_raised(peers: Peers, status: int, disposition: Disposition) -> None:
    def fail(_: Event) -> Answers:
        yield status, None

    with worklist(fail) as port, pytest.raises(PeerRefused, match=f"{status:04X}") as caught:
        find_worklist(peers(port), QUERY)
    assert (caught.value.disposition, caught.value.phase) == (disposition, Phase.QUERY)


@pytest.mark.parametrize("status", [0xA700, 0xA900, 0xC001])
def test_a_failure_after_some_answers_leaves_these(peers: Peers, status: int) -> None:
    def fail(_: Event) -> Answers:
        yield 0xFF00, answer(PatientID="P1")
        yield status, None

    with worklist(fail) as port:
        found = find_worklist(peers(port), QUERY * 3)
    assert [item.PatientID for item in found.identifiers] == ["P1"]
    assert not found.complete
    assert f"{status:04X}" in str(found.fault)


def test_a_provider_that_ends_early_is_not_complete(peers: Peers) -> None:
    def early(_: Event) -> Answers:
        yield 0xFF00, answer()
        yield 0xFE00, None

    with worklist(early) as port:
        found = find_worklist(peers(port), QUERY)
    assert (len(found.raw), found.complete) == (1, False)
    assert "FE00" in found.cut


def until_cancelled(cancelled: list[int]) -> Callable[[Event], Answers]:
    """A handler that answers on and on, and notes at which answer it was cancelled."""

    def many(event: Event) -> Answers:
        for number in range(100_000):
            if event.is_cancelled:
                cancelled.append(number)
                yield 0xFE00, None
                return
            yield 0xFF00, answer(PatientID=str(number))

    return many


def test_answers_that_go_on_too_long_are_cancelled(peers: Peers) -> None:
    """The clock of the allowance runs a second an answer; the provider hears the cancel and ends."""
    cancelled: list[int] = []
    seconds = iter(range(1_000_000))
    with worklist(until_cancelled(cancelled)) as port:
        found = find_worklist(peers(port), QUERY, within_s=10, monotonic=lambda: float(next(seconds)))
    assert 0 < len(found.raw) <= 10
    assert "more than 10 s" in found.cut
    assert cancelled


def test_answers_without_end_in_bytes_are_cancelled(peers: Peers) -> None:
    def large(event: Event) -> Answers:
        while not event.is_cancelled:
            yield 0xFF00, answer(TextValue="x" * 900_000)
        yield 0xFE00, None

    with worklist(large) as port:
        found = find_worklist(peers(port), QUERY)
    assert sum(map(len, found.raw)) < 34 << 20
    assert "MiB" in found.cut


def test_both_pending_statuses_are_matches(peers: Peers) -> None:
    def both(_: Event) -> Answers:
        yield 0xFF00, answer(PatientID="1")
        yield 0xFF01, answer(PatientID="2")

    with worklist(both) as port:
        found = find_worklist(peers(port), QUERY)
    assert [item.PatientID for item in found.identifiers] == ["1", "2"]


def test_at_the_limit_the_query_is_cancelled(peers: Peers) -> None:
    cancelled: list[int] = []
    with worklist(until_cancelled(cancelled)) as port:
        found = find_worklist(peers(port), QUERY * 2, limit=20)
    assert len(found.identifiers) == 20
    assert not found.complete
    assert cancelled


def test_exactly_the_limit_is_complete(peers: Peers) -> None:
    def three(_: Event) -> Answers:
        for number in range(3):
            yield 0xFF00, answer(PatientID=str(number))

    with worklist(three) as port:
        found = find_worklist(peers(port), QUERY, limit=3)
        assert (len(found.identifiers), found.complete) == (3, True)
        found = find_worklist(peers(port), QUERY, limit=2)
        assert (len(found.identifiers), found.complete) == (2, False)


def _response(request: Dataset, status: int) -> Dataset:
    response = Dataset()
    response.CommandField, response.MessageIDBeingRespondedTo = 0x8020, request.MessageID
    response.AffectedSOPClassUID, response.Status = WORKLIST_FIND_UID, status
    return response


def test_a_peer_that_ignores_the_cancel_is_left(peers: Peers) -> None:
    item = bytes(encode(answer(), is_implicit_vr=False, is_little_endian=True) or b"")

    def endless(wire: Wire) -> None:
        wire.accept()
        context_id, request = wire.read_message()
        while True:
            wire.send_message(context_id, _response(request, 0xFF00), item)

    with ScriptedScp(endless) as scp:
        found = find_worklist(peers(scp.port), QUERY, limit=5)
    assert (len(found.identifiers), found.complete) == (5, False)


def test_an_answer_that_is_no_data_set_is_counted_and_the_others_are_kept(peers: Peers) -> None:
    good = bytes(encode(answer(), is_implicit_vr=False, is_little_endian=True) or b"")
    cut = good[:-3]

    def script(wire: Wire) -> None:
        wire.accept()
        context_id, request = wire.read_message()
        for data in (good, cut, good):
            wire.send_message(context_id, _response(request, 0xFF00), data)
        wire.send_message(context_id, _response(request, 0x0000))
        wire.wait_for_end()

    with ScriptedScp(script) as scp:
        found = find_worklist(peers(scp.port), QUERY)
    assert len(found.raw) == 3
    assert len(found.identifiers) + found.unreadable == 3
    assert found.complete is (found.unreadable == 0)


@pytest.mark.parametrize("came", [0, 1])
def test_silence_in_the_middle_of_the_answers(peers: Peers, came: int) -> None:
    def script(wire: Wire) -> None:
        wire.accept()
        context_id, request = wire.read_message()
        for _ in range(came):
            data = BytesIO(b"\x10\x00\x20\x00LO\x02\x00P1").getvalue()
            wire.send_message(context_id, _response(request, 0xFF00), data)
        wire.wait_for_end()

    with ScriptedScp(script) as scp:
        if came:
            found = find_worklist(peers(scp.port, hasty=True), QUERY)
            assert (len(found.raw), found.complete) == (1, False)
            fault = found.fault
            assert fault is not None
        else:
            with pytest.raises(GatewayError, match="did not answer") as caught:
                find_worklist(peers(scp.port, hasty=True), QUERY)
            fault = caught.value
    assert (fault.disposition, fault.phase) == (RETRY, Phase.QUERY)


def test_a_peer_without_a_worklist_says_so(peers: Peers) -> None:
    entity = AE(ae_title="DEMOPACS")
    entity.add_supported_context("1.2.840.10008.1.1")
    server = entity.start_server(("127.0.0.1", 0), block=False)
    assert server is not None
    try:
        with pytest.raises(GatewayError, match="does not serve a modality worklist") as caught:
            find_worklist(peers(server.server_address[1]), QUERY)
    finally:
        entity.shutdown()
    assert (caught.value.disposition, caught.value.phase) == (PARK, Phase.NEGOTIATE)
