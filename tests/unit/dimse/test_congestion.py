"""Which congestion control a connection gets, from what the kernel tells of its way."""

import socket
import struct
from typing import cast

from gateway.dimse.congestion import Losses, Way

LARGE, SMALL = 1_000_000, 20_000
_UNSAID = 0xFFFFFFFF


class Kernel:
    """A socket whose TCP_INFO a test writes, and which notes the congestion controls that are asked for."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.chosen: list[bytes] = []
        self._refuses = refuses
        self.facts = b""
        self.says(smoothed_us=150_000, least_us=150_000, resent=0)

    def says(self, *, smoothed_us: int, least_us: int, resent: int, sent: int = 0) -> None:
        facts = bytearray(192)
        for place, value in ((68, smoothed_us), (100, resent), (148, least_us), (156, sent)):
            struct.pack_into("=I", facts, place, value)
        self.facts = bytes(facts)

    def getsockopt(self, _level: int, _option: int, _size: int) -> bytes:
        return self.facts

    def setsockopt(self, _level: int, _option: int, value: bytes) -> None:
        if self._refuses:
            raise PermissionError
        self.chosen.append(value)


def way_of(kernel: Kernel) -> Way:
    return Way(cast("socket.socket", kernel))


def test_the_queue_is_what_the_round_trip_is_longer_than_at_its_least() -> None:
    kernel = Kernel()
    kernel.says(smoothed_us=900_000, least_us=700_000, resent=0)
    assert abs(way_of(kernel).queueing_s() - 0.2) < 1e-9
    assert way_of(kernel).round_trip_s() == 0.7
    kernel.says(smoothed_us=900_000, least_us=_UNSAID, resent=0)
    assert way_of(kernel).queueing_s() == way_of(kernel).round_trip_s() == 0.0
    kernel.facts = b"an older kernel"
    assert way_of(kernel).queueing_s() == way_of(kernel).round_trip_s() == 0.0


def test_a_clean_link_has_cubic_and_is_told_once() -> None:
    kernel = Kernel()
    way = way_of(kernel)
    for size in (SMALL, LARGE, LARGE):
        way.carry(size)
    assert kernel.chosen == [b"cubic"]


def test_losses_before_an_empty_link_bring_bbr_for_large_objects_only() -> None:
    kernel = Kernel()
    way = way_of(kernel)
    for resent in range(4):
        kernel.says(smoothed_us=160_000, least_us=150_000, resent=resent)
        way.carry(LARGE)
    assert kernel.chosen == [b"cubic", b"bbr"]
    way.carry(SMALL)
    way.carry(LARGE)
    assert kernel.chosen == [b"cubic", b"bbr", b"cubic", b"bbr"]


def test_a_new_association_goes_by_what_the_others_have_lost() -> None:
    losses, kernels = Losses(), [Kernel() for _ in range(4)]
    for kernel in kernels[:3]:
        way = way_of(kernel)
        way.share(losses)
        way.carry(LARGE)
        kernel.says(smoothed_us=160_000, least_us=150_000, resent=1, sent=350)
        way.carry(SMALL)
    assert [kernel.chosen for kernel in kernels[:3]] == [[b"cubic"]] * 3
    new = way_of(kernels[3])
    new.share(losses)
    new.carry(SMALL)
    new.carry(LARGE)
    assert kernels[3].chosen == [b"cubic", b"bbr"]


def test_losses_that_are_gone_are_forgotten() -> None:
    losses, kernel = Losses(), Kernel()
    way = way_of(kernel)
    way.share(losses)
    for resent in (1, 2, 3):
        kernel.says(smoothed_us=160_000, least_us=150_000, resent=resent, sent=100 * resent)
        way.carry(LARGE)
    for sent in range(600, 3300, 300):
        kernel.says(smoothed_us=160_000, least_us=150_000, resent=3, sent=sent)
        way.carry(LARGE)
    assert kernel.chosen == [b"cubic", b"bbr"]
    kernel.says(smoothed_us=160_000, least_us=150_000, resent=3, sent=3_300)
    way.carry(LARGE)
    assert kernel.chosen == [b"cubic", b"bbr", b"cubic"]


def test_losses_from_a_queue_neither_bring_bbr_nor_count_as_clean() -> None:
    losses = Losses()
    for _ in range(3):
        losses.met(300, lost=True, queued=False)
    losses.met(100_000, lost=True, queued=True)
    assert losses.are_usual()


def test_losses_before_a_queue_was_gone_say_nothing_either() -> None:
    kernel = Kernel()
    way = way_of(kernel)
    for resent in range(1, 20, 2):
        kernel.says(smoothed_us=400_000, least_us=150_000, resent=resent)
        way.carry(LARGE)
        kernel.says(smoothed_us=160_000, least_us=150_000, resent=resent + 1)
        way.carry(LARGE)
    assert kernel.chosen == [b"cubic"]


def test_losses_at_a_full_queue_say_nothing_of_the_link() -> None:
    kernel = Kernel()
    way = way_of(kernel)
    for resent in range(0, 400, 40):
        kernel.says(smoothed_us=400_000, least_us=150_000, resent=resent)
        way.carry(LARGE)
    assert kernel.chosen == [b"cubic"]


def test_a_kernel_that_does_not_let_us_choose_keeps_its_own() -> None:
    way_of(Kernel(refuses=True)).carry(LARGE)
