"""What the kernel is told about a connection's speed, as the kernel itself says it."""

import socket
import ssl
import struct
from typing import cast

import pytest

from gateway.dicomweb.peer import StowPeer
from gateway.dicomweb.wire import Wire
from gateway.dimse.link import Link
from gateway.domain.errors import Phase
from tests.integration.dimse.conftest import Peers

_SO_MAX_PACING_RATE = 47
_TCP_INFO_MAX_PACING = 112
_NONE = 0xFFFFFFFF


class Shares:
    """A `Pace` that grants everything, with shares of a cap as a list says."""

    def __init__(self, *shares: float | None) -> None:
        self._shares = iter(shares)

    def __call__(self, wanted: int, /) -> int:
        return wanted

    def share(self) -> float | None:
        return next(self._shares)


def kernel_says(sock: socket.socket) -> tuple[int, int]:
    """The option, and the rate that TCP itself works with."""
    option = struct.unpack("=I", sock.getsockopt(socket.SOL_SOCKET, _SO_MAX_PACING_RATE, 4))[0]
    facts = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    return option, struct.unpack_from("=Q", facts, _TCP_INFO_MAX_PACING)[0]


@pytest.fixture
def pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    return near, far


def test_the_share_is_the_kernels_limit_and_follows_the_hour(
    peers: Peers, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    link = Link(peers(1), near)
    link.pace_by(Shares(None, 50_000.0, 50_000.0, 25_000.0, None))
    found = []
    for _ in range(5):
        link.send(b"12345678", Phase.TRANSFER)
        found.append(kernel_says(near))
    assert [option for option, _ in found] == [_NONE, 55_000, 55_000, 27_500, _NONE]
    assert [rate for _, rate in found][1:4] == [55_000, 55_000, 27_500]
    assert found[4][1] >= _NONE
    link.close()
    far.close()


def test_a_kernel_without_it_sends_all_the_same(
    peers: Peers, pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = pair
    monkeypatch.setattr("gateway.dimse.link._PACING_OPTION", 250)  # an option that no kernel has
    link = Link(peers(1), near)
    link.pace_by(Shares(50_000.0))
    link.send(b"12345678", Phase.TRANSFER)
    assert far.recv(100) == b"12345678"
    link.close()
    far.close()


def test_a_service_is_sent_to_by_the_same_limit(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    peer = StowPeer("archive", "https://archive.example/web", ssl.create_default_context)
    open_wire = Wire(peer, cast("ssl.SSLSocket", near), pace=Shares(None, 50_000.0, 25_000.0, None))
    found = []
    for _ in range(4):
        open_wire.write(b"12345678")
        found.append(kernel_says(near)[0])
    assert found == [_NONE, 55_000, 27_500, _NONE]
    open_wire.close()
    far.close()
