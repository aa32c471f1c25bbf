"""The sender of a DICOMweb destination: what it makes of refusals, so that none parks an object of no fault."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.identifiers import AcquisitionId, DeliveryId, DestinationName, InstanceId, Uid
from gateway.domain.instance import Delivery, SpooledObject, StoreOutcome
from gateway.domain.lifecycle import DeliveryState
from gateway.spool.accepted import AcceptedLedger
from gateway.spool.files import SpoolFiles, digest_of
from gateway.stages.sender import CopyRules, Outgoing, PerhapsSent, concerns_the_link, was_closed_on
from gateway.stages.stow_sender import StowSender
from tests.integration.dicomweb.test_store import Archive, Reply, says, stores_all
from tests.support.dicom_files import secondary_capture
from tests.support.dicomweb import Caller, Request, store_answer, stow_peer
from tests.support.ledger import TestSpool
from tests.support.pki import Pki

RETRY, PARK = Disposition.RETRY, Disposition.PARK
NAME = "archive"
# One frame of 8 x 8 zero pixels as one RLE segment: a header of 64 bytes, then replicate runs of 64 zeros.
RLE_FRAME = (b"\x01\0\0\0\x40\0\0\0" + bytes(56)) + b"\xc1\0"


class Bench:
    """A sender with a spool and a ledger of its own and a clock that a test sets."""

    def __init__(self, folder: Path, pki: Pki, archive: Archive, copies: Sequence[str] = ()) -> None:
        self.folder = folder / "spool"
        (self.folder / "instances").mkdir(parents=True)
        files = SpoolFiles(self.folder, role="forward", floor_bytes=0)
        files.prepare()
        self.now = 100.0
        self._outgoing = Outgoing(files, CopyRules(tuple(copies)))
        self._peer = stow_peer(archive.url, pki)
        self.ledger = TestSpool(folder / "ledger")
        self.ledger.destinations.configure({NAME: "as it is"})
        self.memory = AcceptedLedger(self.ledger.database, self.ledger.clock)
        self.sender = self.another()

    def another(self) -> StowSender:
        """A second worker, or the one of the next run."""
        recall = partial(self.memory.refused, NAME)
        return StowSender(self._peer, self._outgoing, beat=lambda: None, recall=recall, monotonic=lambda: self.now)

    def restart(self) -> None:
        """Begin a run that knows what the ledger knows."""
        self.sender.close()
        self.sender = self.another()

    def owe(self, count: int, *, rle: bool = False, rows: int = 8) -> list[Delivery]:
        return [self._delivery(number, rle=rle, rows=rows) for number in range(1, count + 1)]

    def deliver(self, batch: Sequence[Delivery]) -> dict[int, StoreOutcome | GatewayError]:
        self.sender.open([])
        found: dict[int, StoreOutcome | GatewayError] = {}
        found.update((delivery.id, outcome) for delivery, outcome in self.sender.send(batch))
        if (learnt := self.sender.learnt()) is not None:
            self.memory.learn(NAME, learnt.pairs, learnt.max_pdu_bytes)
        return found

    def remembered(self) -> dict[str, bool]:
        return {row.transfer_syntax: row.accepted for row in self.memory.shown()}

    def _delivery(self, number: int, *, rle: bool, rows: int) -> Delivery:
        path = self.folder / "instances" / f"{number}.dcm"
        if rle:
            length = len(RLE_FRAME).to_bytes(4, "little")
            items = b"\xfe\xff\x00\xe0\0\0\0\0" + b"\xfe\xff\x00\xe0" + length + RLE_FRAME
            sop_class, uid, syntax = secondary_capture(path, transfer_syntax=RLELossless, pixels=items)
        else:
            sop_class, uid, syntax = secondary_capture(path, rows=rows, columns=1024 if rows > 8 else 8)
        spooled = SpooledObject(
            f"instances/{number}.dcm", digest_of(path), path.stat().st_size, Uid(sop_class), Uid(syntax)
        )
        return Delivery(
            DeliveryId(number), InstanceId(number), AcquisitionId(number), DestinationName(NAME),
            DeliveryState.SENDING, 1, Uid(uid), spooled,
        )  # fmt: skip


@pytest.fixture
def replies() -> list[Reply]:
    return [stores_all]


@pytest.fixture
def archive(pki: Pki, replies: list[Reply]) -> Iterator[Archive]:
    with Archive(pki, *replies) as service:
        yield service


@pytest.fixture
def bench(tmp_path: Path, pki: Pki, archive: Archive) -> Iterator[Bench]:
    made = Bench(tmp_path, pki, archive)
    yield made
    made.sender.close()
    made.ledger.close()


def test_a_batch_travels_in_one_request(bench: Bench, archive: Archive) -> None:
    found = bench.deliver(bench.owe(5))
    assert all(isinstance(outcome, StoreOutcome) for outcome in found.values())
    assert len(archive.requests) == 1
    assert bench.sender.usable()
    assert bench.sender.round_trip_s() > 0


def test_requests_hold_what_the_link_carries_in_a_few_seconds(tmp_path: Path, pki: Pki) -> None:
    """An object takes two seconds here: what follows the first request goes one or two at a time."""

    def slow(caller: Caller, request: Request) -> None:
        made.now += 2.0 * len(request.uids)
        stores_all(caller, request)

    with Archive(pki, slow) as archive:
        made = Bench(tmp_path, pki, archive)
        for _ in range(2):
            assert len(made.deliver(made.owe(7))) == 7
        made.sender.close()
        made.ledger.close()
    first, *later = [len(request.uids) for request in archive.requests]
    assert first == 7
    assert sum(later) == 7
    assert set(later) <= {1, 2}


def test_the_first_request_is_small_however_large_the_objects_are(tmp_path: Path, pki: Pki) -> None:
    with Archive(pki, stores_all) as archive:
        made = Bench(tmp_path, pki, archive)
        assert len(made.deliver(made.owe(4, rows=2000))) == 4
        made.sender.close()
        made.ledger.close()
    assert len(archive.requests[0].uids) == 1
    assert sum(len(request.uids) for request in archive.requests) == 4


@pytest.mark.parametrize("replies", [[says(401), stores_all]])
def test_a_refusal_of_the_service_parks_no_object_and_is_told_by_the_next_open(bench: Bench) -> None:
    owed = bench.owe(3)
    ((number, told),) = bench.deliver(owed).items()
    assert number == 1
    assert isinstance(told, GatewayError)
    assert (told.disposition, told.phase, concerns_the_link(told)) == (RETRY, Phase.RESPONSE, True)
    with pytest.raises(GatewayError) as caught:
        bench.sender.open([])
    assert (caught.value.disposition, caught.value.code) == (PARK, "HTTP 401")
    assert len(bench.deliver(owed)) == 3, "after that it is tried again"


@pytest.mark.parametrize("replies", [[says(503, Retry_After="30"), stores_all]])
def test_a_service_that_asks_to_be_left_alone_is_left_alone(bench: Bench, archive: Archive) -> None:
    owed = bench.owe(2)
    bench.deliver(owed)
    for _ in range(3):
        with pytest.raises(GatewayError, match="503"):
            bench.sender.open([])
        bench.now += 9
    assert len(archive.requests) == 1
    bench.now += 9
    assert all(isinstance(outcome, StoreOutcome) for outcome in bench.deliver(owed).values())


@pytest.mark.parametrize("replies", [[says(500), stores_all]])
def test_what_was_in_a_request_that_failed_travels_alone_and_the_rest_until_one_is_stored(
    bench: Bench, archive: Archive
) -> None:
    owed = bench.owe(8)
    bench.deliver(owed[:3])
    assert len(bench.deliver([*owed[3:5], *owed[:3], *owed[5:]])) == 8
    assert [len(request.uids) for request in archive.requests] == [3, 1, 1, 1, 1, 1, 3]


@pytest.mark.parametrize("replies", [[stores_all]])
def test_what_an_earlier_run_may_have_sent_travels_alone(bench: Bench, archive: Archive) -> None:
    owed = [replace(one, attempts=1 + (number in {2, 3})) for number, one in enumerate(bench.owe(6))]
    assert len(bench.deliver(owed)) == 6
    assert [len(request.uids) for request in archive.requests] == [2, 1, 1, 2]


def refuses_rle(caller: Caller, request: Request) -> None:
    if str(RLELossless).encode() in request.body:
        caller.answer(409, store_answer([], dict.fromkeys(request.uids, 0xC122)))
    else:
        stores_all(caller, request)


def refuses_rle_by_415(caller: Caller, request: Request) -> None:
    caller.answer(415) if str(RLELossless).encode() in request.body else stores_all(caller, request)


@pytest.mark.parametrize("replies", [[refuses_rle], [refuses_rle_by_415]])
def test_a_refused_transfer_syntax_is_sent_uncompressed_and_remembered(bench: Bench, archive: Archive) -> None:
    owed = bench.owe(2, rle=True)
    found = bench.deliver(owed)
    for outcome in found.values():
        assert isinstance(outcome, StoreOutcome)
        assert outcome.transfer_syntax_uid == "1.2.840.10008.1.2.1"
        assert outcome.copy_bytes
    assert bench.remembered() == {str(RLELossless): False, str(ExplicitVRLittleEndian): True}
    before = len(archive.requests)
    assert all(isinstance(outcome, StoreOutcome) for outcome in bench.deliver(owed).values())
    assert len(archive.requests) == before + 1, "the second time it is not even tried compressed"
    assert not [path for path in bench.folder.rglob("*") if path.is_file() and path.parent.name != "instances"]


@pytest.mark.parametrize("replies", [[refuses_rle], [refuses_rle_by_415]])
def test_a_refusal_outlives_the_run_and_costs_nothing_again(bench: Bench, archive: Archive) -> None:
    bench.deliver(bench.owe(2, rle=True))
    bench.restart()
    before = len(archive.requests)
    assert all(isinstance(outcome, StoreOutcome) for outcome in bench.deliver(bench.owe(3, rle=True)).values())
    (request,) = archive.requests[before:]
    assert str(RLELossless).encode() not in request.body
    assert len(request.uids) == 3


@pytest.mark.parametrize("replies", [[refuses_rle]])
def test_a_worker_knows_what_was_refused_to_another(bench: Bench, archive: Archive) -> None:
    second = bench.another()
    bench.deliver(bench.owe(1, rle=True))
    bench.sender.close()  # the service serves one at a time
    bench.sender = second
    before = len(archive.requests)
    bench.deliver(bench.owe(1, rle=True))
    assert len(archive.requests) == before + 1


@pytest.mark.parametrize("replies", [[refuses_rle, stores_all]])
def test_who_is_asked_anew_is_sent_the_stored_syntax_again(bench: Bench) -> None:
    owed = bench.owe(1, rle=True)
    assert [one.copy_bytes for one in bench.deliver(owed).values() if isinstance(one, StoreOutcome)] != [None]
    bench.memory.forget(NAME, by="a person")
    assert bench.remembered() == {}
    (outcome,) = bench.deliver(owed).values()
    assert isinstance(outcome, StoreOutcome)
    assert (outcome.transfer_syntax_uid, outcome.copy_bytes) == (RLELossless, None)
    assert bench.remembered() == {str(RLELossless): True}


@pytest.mark.parametrize("replies", [[refuses_rle_by_415]])
def test_a_request_refused_for_its_syntax_costs_two_sendings_however_many_it_holds(
    bench: Bench, archive: Archive
) -> None:
    found = bench.deliver(bench.owe(12, rle=True))
    assert [type(outcome) for outcome in found.values()] == [StoreOutcome] * 12
    assert [len(request.uids) for request in archive.requests] == [12, 1, 12]


@pytest.mark.parametrize("taken", [JPEGLSLossless, ExplicitVRLittleEndian])
def test_other_syntaxes_are_offered_before_the_object_goes_uncompressed(tmp_path: Path, pki: Pki, taken: str) -> None:
    """The destination's compression names two; what the service refuses is not offered to it again."""
    padded = taken.encode() + b"\0" * (len(taken) % 2)
    named = b"\x02\0\x10\0UI" + len(padded).to_bytes(2, "little") + padded  # (0002,0010)

    def picky(caller: Caller, request: Request) -> None:
        if named in request.body:
            stores_all(caller, request)
        else:
            caller.answer(409, store_answer([], dict.fromkeys(request.uids, 0xC122)))

    with Archive(pki, picky) as archive:
        bench = Bench(tmp_path, pki, archive, [JPEGLosslessSV1, JPEGLSLossless])
        owed = bench.owe(2, rle=True)
        first = bench.deliver(owed)
        tries = len(archive.requests)
        second = bench.deliver(owed)
        bench.sender.close()
    for outcome in [*first.values(), *second.values()]:
        assert isinstance(outcome, StoreOutcome)
        assert outcome.transfer_syntax_uid == taken
        assert outcome.copy_bytes
    assert (tries, len(archive.requests)) == ((3, 4) if taken == JPEGLSLossless else (4, 5))


def test_bytes_that_changed_on_the_disk_are_not_sent(bench: Bench, archive: Archive) -> None:
    owed = bench.owe(3)
    path = bench.folder / owed[1].spooled.path
    changed = dcmread(path)
    changed.PatientID = "OTHER"
    changed.save_as(path)
    found = bench.deliver(owed)
    fault = found[2]
    assert isinstance(fault, GatewayError)
    assert (fault.disposition, fault.code) == (Disposition.QUARANTINE, "digest")
    assert isinstance(found[1], StoreOutcome)
    assert isinstance(found[3], StoreOutcome)
    assert owed[1].sop_instance_uid not in archive.requests[0].uids


def test_for_damaged_objects_alone_nothing_is_sent(bench: Bench, archive: Archive) -> None:
    owed = bench.owe(2)
    for delivery in owed:
        (bench.folder / delivery.spooled.path).write_bytes(b"rotten")
    found = bench.deliver(owed)
    assert [fault.code for fault in found.values() if isinstance(fault, GatewayError)] == ["digest"] * 2
    assert archive.requests == []


def vanishes(caller: Caller, _: Request) -> None:
    caller.reset()


def holds_already(caller: Caller, request: Request) -> None:
    caller.answer(409, store_answer([], dict.fromkeys(request.uids, 0x0111)))


@pytest.mark.parametrize("replies", [[vanishes, holds_already]])
def test_what_may_have_arrived_before_the_break_is_no_stranger_when_it_is_a_duplicate(bench: Bench) -> None:
    owed = bench.owe(3)
    told = bench.deliver(owed)
    assert {number: type(fault) is PerhapsSent for number, fault in told.items()} == {1: False, 2: True, 3: True}
    for fault in told.values():
        assert isinstance(fault, GatewayError)
        assert fault.disposition is RETRY
    found = bench.deliver(owed)
    assert [outcome.status for outcome in found.values() if isinstance(outcome, StoreOutcome)] == [0x0111] * 3


@pytest.mark.parametrize("replies", [[vanishes]])
def test_a_request_that_broke_speaks_of_the_destination_and_blames_none_of_its_objects(bench: Bench) -> None:
    owed = bench.owe(3)
    told = [fault for fault in bench.deliver(owed).values() if isinstance(fault, GatewayError)]
    assert [concerns_the_link(fault) for fault in told].count(True) == 1
    assert [was_closed_on(fault) for fault in told] == [False] * 3
    (alone,) = bench.deliver(owed[:1]).values()
    assert isinstance(alone, GatewayError)
    assert was_closed_on(alone), "this one broke it by itself"
