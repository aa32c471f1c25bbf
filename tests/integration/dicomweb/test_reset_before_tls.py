"""A service that resets between the TCP connection and the TLS handshake is a link fault like any other."""

import socket
import struct
import time

import pytest

from gateway.dicomweb.wire import connect, secure
from gateway.domain.errors import Disposition, GatewayError, Phase
from tests.support.dicomweb import stow_peer
from tests.support.pki import Pki

_ESTABLISHED = 1


def test_a_reset_before_the_handshake_is_a_fault_of_tls_to_be_retried(pki: Pki) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = stow_peer(f"https://127.0.0.1:{listener.getsockname()[1]}/dicom-web", pki)
        sock = connect(peer)
        accepted, _ = listener.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        accepted.close()
        while sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED:
            time.sleep(0.01)
        with pytest.raises(GatewayError) as caught:
            secure(peer, sock)
    assert (caught.value.phase, caught.value.disposition) == (Phase.TLS, Disposition.RETRY)
    assert sock.fileno() < 0, "and the socket is closed"
