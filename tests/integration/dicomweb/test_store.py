"""Storing to a service that does as it is told: what it says of each instance counts, and nothing else."""

import dataclasses
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.dicomweb.multipart import StowItem
from gateway.dicomweb.peer import bearer
from gateway.dicomweb.statuses import ServiceRefused
from gateway.dicomweb.store import StowSession
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.instance import StoreOutcome
from tests.integration.dicomweb.conftest import item
from tests.support.dicomweb import Caller, Request, ScriptedService, store_answer, stow_peer
from tests.support.pki import Pki

RETRY, PARK = Disposition.RETRY, Disposition.PARK
Found = dict[str, StoreOutcome | GatewayError]
Reply = Callable[[Caller, Request], None]


class Archive(ScriptedService):
    """Answers each request by the next of `replies`, the last one for ever; keeps what it read."""

    def __init__(self, pki: Pki, *replies: Reply, ask_certificate: bool = False, protocols: Sequence[str] = ()) -> None:
        self.requests: list[Request] = []
        self._replies = list(replies)
        super().__init__(pki, self._converse, ask_certificate=ask_certificate, protocols=protocols)

    def _converse(self, caller: Caller) -> None:
        while True:
            self.requests.append(caller.read())
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
            reply(caller, self.requests[-1])


def stores_all(caller: Caller, request: Request) -> None:
    caller.answer(200, store_answer(request.uids))


def says(status: int, body: object = None, **headers: str) -> Reply:
    return lambda caller, _: caller.answer(status, body, **headers)


def sent(archive: ScriptedService, pki: Pki, items: list[StowItem], *, identity: str = "box") -> Found:
    with StowSession.open(stow_peer(archive.url, pki, identity=identity)) as session:
        return {each.sop_instance_uid: result for each, result in session.store_batch(items)}


def fault_of(archive: ScriptedService, pki: Pki, items: list[StowItem]) -> GatewayError:
    with StowSession.open(stow_peer(archive.url, pki)) as session, pytest.raises(GatewayError) as caught:
        list(session.store_batch(items))
    return caught.value


def test_a_batch_is_one_request_and_each_instance_has_its_answer(pki: Pki, items: list[StowItem]) -> None:
    with Archive(pki, stores_all) as archive:
        found = sent(archive, pki, items)
    assert found == {each.sop_instance_uid: StoreOutcome(0, "", each.transfer_syntax_uid) for each in items}
    (request,) = archive.requests
    assert (request.method, request.target) == ("POST", "/web/studies")
    assert request.uids == [each.sop_instance_uid for each in items]
    assert request.headers["content-type"].startswith('multipart/related; type="application/dicom"; boundary=')
    assert request.headers["accept"] == "application/dicom+json"
    assert request.headers["authorization"].startswith("Basic ")
    assert request.headers["host"] == f"localhost:{archive.port}"
    assert int(request.headers["content-length"]) == len(request.body)
    assert "transfer-encoding" not in request.headers


@pytest.mark.parametrize("status", [200, 202, 400, 409, 500])
def test_failures_inside_are_found_whatever_the_status(pki: Pki, items: list[StowItem], status: int) -> None:
    good, warned, full, bad = (each.sop_instance_uid for each in items)
    body = store_answer([good, warned], {full: 0xA700, bad: 0xA900}, {warned: 0xB000})
    with Archive(pki, says(status, body)) as archive:
        found = sent(archive, pki, items)
    assert found[good] == StoreOutcome(0, "", items[0].transfer_syntax_uid)
    assert found[warned] == StoreOutcome(0xB000, "", items[1].transfer_syntax_uid)
    for uid, code, disposition in ((full, "A700", RETRY), (bad, "A900", PARK)):
        fault = found[uid]
        assert isinstance(fault, ServiceRefused)
        assert (fault.code, fault.disposition, fault.phase) == (code, disposition, Phase.RESPONSE)


def test_what_the_answer_leaves_out_is_sent_by_itself(pki: Pki, items: list[StowItem]) -> None:
    first, *rest = (each.sop_instance_uid for each in items)
    with Archive(pki, says(200, store_answer([first])), stores_all) as archive:
        found = sent(archive, pki, items)
    assert all(isinstance(found[uid], StoreOutcome) for uid in (first, *rest))
    assert [request.uids for request in archive.requests[1:]] == [[uid] for uid in rest]


def test_a_success_that_names_others_stores_nothing(pki: Pki, items: list[StowItem]) -> None:
    with Archive(pki, says(200, store_answer(["1.2.3"]))) as archive:
        found = sent(archive, pki, items[:1])
    (fault,) = found.values()
    assert isinstance(fault, GatewayError)
    assert (fault.disposition, fault.code) == (PARK, "not named")


def test_a_refused_batch_is_split_and_the_culprit_alone_is_parked(pki: Pki, items: list[StowItem]) -> None:
    culprit = items[2].sop_instance_uid

    def particular(caller: Caller, request: Request) -> None:
        caller.answer(400, b"bad") if culprit in request.uids else stores_all(caller, request)

    with Archive(pki, particular) as archive:
        found = sent(archive, pki, items)
    fault = found.pop(culprit)
    assert isinstance(fault, GatewayError)
    assert (fault.code, fault.disposition) == ("HTTP 400", PARK)
    assert all(isinstance(result, StoreOutcome) for result in found.values())


def test_too_large_means_smaller_requests_from_then_on(pki: Pki, items: list[StowItem]) -> None:
    def narrow(caller: Caller, request: Request) -> None:
        caller.answer(413) if len(request.uids) > 1 else stores_all(caller, request)

    with Archive(pki, narrow) as archive, StowSession.open(stow_peer(archive.url, pki)) as session:
        found = dict(session.store_batch(items))
        assert session.most_bytes < sum(each.size for each in items)
    assert all(isinstance(result, StoreOutcome) for result in found.values())


def test_what_a_service_takes_at_once_is_found_by_halving(pki: Pki, tmp_path: Path) -> None:
    """A limit of three: what is refused is halved, and what is taken then stays the measure."""
    many = [item(tmp_path, number) for number in range(16)]

    def three(caller: Caller, request: Request) -> None:
        caller.answer(413) if len(request.uids) > 3 else stores_all(caller, request)

    with Archive(pki, three) as archive, StowSession.open(stow_peer(archive.url, pki)) as session:
        found = dict(session.store_batch(many))
    assert [type(result) for result in found.values()] == [StoreOutcome] * 16
    sizes = [len(request.uids) for request in archive.requests]
    refused = [size for size in sizes if size > 3]
    # 16, 8 and 4, give or take one: bytes are halved, and a UID may be a few bytes shorter than others
    assert 2 <= len(refused) <= 4
    assert all(smaller <= larger / 2 + 1 for larger, smaller in pairwise(refused))
    assert sum(sizes) - sum(refused) == 16


def test_one_that_is_too_large_even_alone_is_parked(pki: Pki, items: list[StowItem]) -> None:
    with Archive(pki, says(413)) as archive:
        (fault,) = sent(archive, pki, items[:1]).values()
    assert isinstance(fault, GatewayError)
    assert (fault.code, fault.disposition) == ("HTTP 413", PARK)


@pytest.mark.parametrize("reply", [says(200), says(204), says(200, b"<html>Welcome</html>", content_type="text/html")])
def test_a_success_without_a_word_is_proven_by_a_query(pki: Pki, items: list[StowItem], reply: Reply) -> None:
    held = items[0].sop_instance_uid

    def query(caller: Caller, request: Request) -> None:
        assert request.method == "GET"
        caller.answer(200, [{"00080018": {"vr": "UI", "Value": [held]}}] if held in request.target else [])

    with Archive(pki, reply, query) as archive:
        found = sent(archive, pki, items)
    assert found.pop(held) == StoreOutcome(0, "found by query", items[0].transfer_syntax_uid)
    assert len(found) == 3
    for fault in found.values():
        assert isinstance(fault, GatewayError)
        assert (fault.disposition, fault.phase) == (RETRY, Phase.RESPONSE)


def test_a_success_without_a_word_where_no_query_is_served_proves_nothing(pki: Pki, items: list[StowItem]) -> None:
    with Archive(pki, says(200), says(404)) as archive:
        fault = fault_of(archive, pki, items)
    assert (fault.code, fault.disposition) == ("HTTP 404", PARK)


def test_a_service_that_matches_no_lists_is_asked_one_by_one(pki: Pki, items: list[StowItem]) -> None:
    def query(caller: Caller, request: Request) -> None:
        uids = request.target.partition("=")[2].split(",")
        caller.answer(400) if len(uids) > 1 else caller.answer(200, [{"00080018": {"Value": uids}}])

    with Archive(pki, says(200), query) as archive:
        found = sent(archive, pki, items)
    assert all(isinstance(result, StoreOutcome) for result in found.values())
    assert len(archive.requests) == 2 + len(items)


@pytest.mark.parametrize(("sent_before", "stored"), [(True, True), (False, False)])
def test_a_duplicate_is_stored_only_if_it_was_sent_before(
    pki: Pki, tmp_path: Path, *, sent_before: bool, stored: bool
) -> None:
    one = item(tmp_path, 1, sent_before=sent_before)
    with Archive(pki, says(409, store_answer([], {one.sop_instance_uid: 0x0111}))) as archive:
        (result,) = sent(archive, pki, [one]).values()
    assert isinstance(result, StoreOutcome) is stored
    if isinstance(result, GatewayError):
        assert (result.code, result.disposition) == ("0111", PARK)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 410, 411, 429, 500, 502, 503, 504, 507, 302, 308])
def test_what_speaks_of_the_service_is_raised_for_the_whole_batch(pki: Pki, items: list[StowItem], status: int) -> None:
    with Archive(pki, says(status, b"no", Retry_After="7", Location="https://elsewhere.example/")) as archive:
        fault = fault_of(archive, pki, items)
    assert isinstance(fault, ServiceRefused)
    assert (fault.code, fault.retry_after_s) == (f"HTTP {status}", 7.0)
    assert fault.disposition is (RETRY if status in {429, 500, 502, 503, 504, 507} else PARK)
    assert len(archive.requests) == 1, "a redirect is not followed"


def test_an_answer_before_the_request_is_sent_ends_the_sending(pki: Pki, tmp_path: Path) -> None:
    large = [item(tmp_path, 1, rows=20_000)]

    def early(caller: Caller) -> None:
        caller.read(body=False)
        caller.answer(413, Connection="close")
        while caller.sock.recv(65_536):  # a close with unread bytes would take the answer back
            pass

    with ScriptedService(pki, early) as archive:
        (fault,) = sent(archive, pki, large).values()
    assert isinstance(fault, GatewayError)
    assert fault.code == "HTTP 413"


def test_a_connection_that_was_closed_while_idle_is_replaced(pki: Pki, items: list[StowItem]) -> None:
    def once(caller: Caller) -> None:
        request = caller.read()
        caller.answer(200, store_answer(request.uids))

    with ScriptedService(pki, once) as archive, StowSession.open(stow_peer(archive.url, pki)) as session:
        for each in items:
            assert isinstance(dict(session.store_batch([each]))[each], StoreOutcome)
    assert archive.connections == len(items)


def test_the_file_of_one_that_is_gone_does_not_hold_up_the_others(pki: Pki, items: list[StowItem]) -> None:
    items[1].path.unlink()
    with Archive(pki, stores_all) as archive:
        found = sent(archive, pki, items)
    fault = found.pop(items[1].sop_instance_uid)
    assert isinstance(fault, GatewayError)
    assert (fault.disposition, fault.phase) == (RETRY, Phase.SPOOL)
    assert len(found) == 3
    assert all(isinstance(result, StoreOutcome) for result in found.values())


@pytest.mark.parametrize(
    ("identity", "words"), [("rogue", "does not trust the CA"), ("expired", "expired"), ("", "showed none")]
)
def test_a_refused_certificate_is_named_though_tls_1_3_tells_it_late(
    pki: Pki, items: list[StowItem], identity: str, words: str
) -> None:
    with Archive(pki, stores_all, ask_certificate=True) as archive, pytest.raises(GatewayError) as caught:
        sent(archive, pki, items, identity=identity)
    assert (caught.value.phase, caught.value.disposition) == (Phase.TLS, PARK)
    assert words in caught.value.message


def test_a_token_is_read_anew_for_each_request(pki: Pki, items: list[StowItem]) -> None:
    tokens: Iterator[bytes] = iter([b"first\n", b"second\n"])
    peer = stow_peer("https://localhost:1", pki)
    with Archive(pki, stores_all) as archive:
        peer = type(peer)(
            peer.name, archive.url, peer.tls_context, lambda: bearer(next(tokens)), timeouts=peer.timeouts
        )
        with StowSession.open(peer) as session:
            list(session.store_batch(items[:1]))
            list(session.store_batch(items[1:]))
    assert [request.headers["authorization"] for request in archive.requests] == ["Bearer first", "Bearer second"]


class Halting:
    """A `Pace` that lets a few bytes go at a time, and caps nothing."""

    def __init__(self, most: int) -> None:
        self.asked: list[int] = []
        self._most = most

    def __call__(self, wanted: int, /) -> int:
        self.asked.append(wanted)
        return min(wanted, self._most)

    def share(self) -> float | None:
        return None


def test_the_loop_is_told_that_it_is_alive_and_the_pace_is_kept(pki: Pki, items: list[StowItem]) -> None:
    beats: list[None] = []
    pace = Halting(500)
    with Archive(pki, stores_all) as archive:
        session = StowSession.open(stow_peer(archive.url, pki), beat=lambda: beats.append(None), pace=pace)
        found = dict(session.store_batch(items))
        session.close()
    assert all(isinstance(result, StoreOutcome) for result in found.values())
    assert beats
    assert len(pace.asked) >= len(archive.requests[0].body) / 500


def test_each_connection_has_its_own_way_over_the_link(pki: Pki, items: list[StowItem]) -> None:
    """A request fills the link for many round trips: the kernel is told to send it like a large object."""
    told: list[list[int]] = []

    class Recorder:
        def __init__(self, sock: socket.socket) -> None:
            assert sock.getpeername()
            told.append([])

        def carry(self, size: int) -> None:
            told[-1].append(size)

    with Archive(pki, stores_all) as archive:
        peer = dataclasses.replace(stow_peer(archive.url, pki), way=Recorder)
        for _ in range(2):
            with StowSession.open(peer) as session:
                assert len(dict(session.store_batch(items))) == len(items)
    assert len(told) == 2
    assert all(sizes and min(sizes) > 1_000_000 for sizes in told)


class Narrowing:
    """A `Pace` that grants less once it was asked for more than there is; it opens the tap at a stall."""

    def __init__(self, most: int) -> None:
        self.tap = threading.Event()
        self._left, self._beats = most, 0

    def beat(self) -> None:
        self._beats += 1
        if self._beats > 2:
            self.tap.set()

    def __call__(self, wanted: int, /) -> int:
        self._beats = 0
        self._left -= wanted
        if self._left >= 0:
            return wanted
        self.tap.set()
        return 1

    def share(self) -> float | None:
        return None


def test_a_pace_that_changes_while_a_socket_is_full_breaks_nothing(
    pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What TLS was given and could not send it must be given again: less of it would end the connection."""
    monkeypatch.setattr("gateway.dicomweb.wire._LONGEST_WAIT_S", 0.05)
    large = item(tmp_path, 1, rows=20_000)
    pace = Narrowing(large.size + 2000)

    def waits(caller: Caller) -> None:
        request = caller.read(body=False)
        pace.tap.wait(30)
        caller.swallow(int(request.headers["content-length"]))
        caller.answer(200, store_answer([large.sop_instance_uid]))

    with (
        ScriptedService(pki, waits) as archive,
        StowSession.open(stow_peer(archive.url, pki), beat=pace.beat, pace=pace) as session,
    ):
        ((_, result),) = session.store_batch([large])
    assert isinstance(result, StoreOutcome)


def test_the_handshake_of_a_service_that_is_not_trusted_is_named(pki: Pki) -> None:
    with Archive(pki, stores_all) as archive, pytest.raises(GatewayError) as caught:
        StowSession.open(stow_peer(archive.url, pki, ca="rogueca"))
    assert (caught.value.phase, caught.value.disposition) == (Phase.TLS, PARK)
    assert "CA that is not among" in caught.value.message


def test_memory_does_not_grow_with_the_object(pki: Pki, tmp_path: Path) -> None:
    large = item(tmp_path, 1, rows=60_000)
    size = large.path.stat().st_size

    def swallow(caller: Caller) -> None:
        request = caller.read(body=False)
        caller.swallow(int(request.headers["content-length"]))
        caller.answer(200, store_answer([large.sop_instance_uid]))

    with ScriptedService(pki, swallow) as archive, StowSession.open(stow_peer(archive.url, pki)) as session:
        tracemalloc.start()
        ((_, result),) = session.store_batch([large])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert isinstance(result, StoreOutcome)
    assert peak < size / 10
