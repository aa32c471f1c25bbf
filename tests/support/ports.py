"""Ports of loopback for servers that are about to start.

They lie below the range from which the kernel takes the ports of outgoing connections, and a process is given each of
its own part of them in turn: between asking and listening nobody else gets it.
"""

import itertools
import os
import socket

_FIRST, _EACH, _PARTS = 10_000, 700, 32
_OFFSETS = itertools.cycle(range(_EACH))


def free_port() -> int:
    """A TCP port of loopback that nobody listens on now."""
    base = _FIRST + _EACH * (os.getpid() % _PARTS)
    for offset in itertools.islice(_OFFSETS, _EACH):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", base + offset))
            except OSError:
                continue
            return base + offset
    raise RuntimeError("every port of loopback that this process may use is taken")
