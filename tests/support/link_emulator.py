"""A packet-level link between two network namespaces: shared rate, delay, loss, a drop-tail queue, outages.

Each side has a TUN interface, and this process carries the IP packets between them, so the TCP on both sides is the
kernel's own. Needs root and /dev/net/tun. The namespaces live as long as the process; nothing leaves the machine.
Run as a program it takes its settings as one JSON argument, obeys lines on standard input, answers each with one line.
"""

import contextlib
import fcntl
import json
import os
import random
import select
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Self

BOX, PACS = "10.77.0.1", "10.77.0.2"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_MTU = 1500
_IDLE_S = 0.05
_BURST = 64
_TRAIN_GAP_S = 0.004
_IPV4 = 4


@dataclass(frozen=True, slots=True)
class LinkShape:
    """What a link can do; ``up_s`` and ``down_s`` say how long it lives and is dead in turn (0: it never dies)."""

    rate_kbit_s: float = 10_000
    rtt_ms: float = 1
    loss_percent: float = 0
    queue_ms: float = 400
    up_s: float = 0
    down_s: float = 0
    seed: int = 1

    @property
    def bytes_per_s(self) -> float:
        """Capacity of each direction in bytes per second, IP headers included."""
        return self.rate_kbit_s * 125

    def up_seconds(self, seconds: float) -> float:
        """For how much of its first `seconds` the link is alive."""
        if not self.down_s:
            return seconds
        turns, rest = divmod(seconds, self.up_s + self.down_s)
        return turns * self.up_s + min(rest, self.up_s)


class EmulatedLink:
    """A running link; enter it to have the namespaces, leave it to have them gone."""

    def __init__(self, shape: LinkShape, tag: str) -> None:
        self.shape = shape
        self._tag = tag
        self.box, self.pacs = f"gwbox{tag}", f"gwpacs{tag}"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.support.link_emulator", self._tag, json.dumps(asdict(self.shape))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._read() != "ready":
            self._process.wait()
            raise RuntimeError("the link emulator did not start; it needs root and /dev/net/tun")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(20)

    def inside_box(self, *command: str) -> list[str]:
        """`command` as it is run on the gateway's side."""
        return ["ip", "netns", "exec", self.box, *command]

    def inside_pacs(self, *command: str) -> list[str]:
        """`command` as it is run on the PACS's side."""
        return ["ip", "netns", "exec", self.pacs, *command]

    def blackhole(self) -> None:
        """Lose every packet from now on, without a word."""
        self._ask("blackhole")

    def cut(self) -> None:
        """Take the box's interface down, as a pulled cable does."""
        self._ask("cut")

    def heal(self) -> None:
        """Carry packets again."""
        self._ask("heal")

    def traffic(self) -> dict[str, Any]:
        """Bytes and packets carried to each side, when the first came, what was lost."""
        found: dict[str, Any] = json.loads(self._ask("traffic"))
        return found

    def _ask(self, what: str) -> str:
        if self._process is None or self._process.stdin is None:
            raise RuntimeError("the link does not run")
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> str:
        if self._process is None or self._process.stdout is None:
            raise RuntimeError("the link does not run")
        return self._process.stdout.readline().strip()


class _Direction:
    """One way of the link: packets wait for the wire, then for the light."""

    def __init__(self, out: int, shape: LinkShape, seed: int) -> None:
        self._out = out
        self._shape = shape
        self._random = random.Random(seed)
        self._free_at = 0.0
        self._under_way: deque[tuple[float, bytes]] = deque()
        self.packets = self.bytes = self.lost = self.overflowed = 0
        self._trains: list[int] = []
        self._last_at = float("-inf")

    def admit(self, now: float, packet: bytes) -> None:
        """Take a packet; drop it when the queue is full or chance says so."""
        if now - self._last_at > _TRAIN_GAP_S:
            self._trains.append(0)
        self._trains[-1] += len(packet)
        self._last_at = now
        if (self._free_at - now) * 1000 > self._shape.queue_ms:
            self.overflowed += 1
            return
        self._free_at = max(now, self._free_at) + len(packet) / self._shape.bytes_per_s
        self.packets += 1
        self.bytes += len(packet)
        if self._random.random() * 100 < self._shape.loss_percent:
            self.lost += 1
            return
        self._under_way.append((self._free_at + self._shape.rtt_ms / 2000, packet))

    def deliver(self, now: float) -> None:
        """Hand out what has arrived."""
        while self._under_way and self._under_way[0][0] <= now:
            _, packet = self._under_way.popleft()
            with contextlib.suppress(OSError):  # an interface that is down takes nothing
                os.write(self._out, packet)

    def next_at(self) -> float:
        """When the next packet arrives."""
        return self._under_way[0][0] if self._under_way else float("inf")

    def facts(self) -> dict[str, int]:
        """Counters for the report."""
        return {
            "packets": self.packets,
            "bytes": self.bytes,
            "lost": self.lost,
            "overflowed": self.overflowed,
            "typical_train_bytes": self._typical_train(),
        }

    def _typical_train(self) -> int:
        """Bytes that come without a pause between them: in a train of at least this length half of all bytes came."""
        half, seen = self.bytes / 2, 0
        for size in sorted(self._trains, reverse=True):
            seen += size
            if seen >= half:
                return size
        return 0


class _Carrier:
    """Carries packets between two TUN interfaces and obeys standard input."""

    def __init__(self, tag: str, shape: LinkShape) -> None:
        self._shape = shape
        self._tag = tag
        self._names = (f"gwbox{tag}", f"gwpacs{tag}")
        self._box = _tunnel(f"gwb{tag}", self._names[0], f"{BOX}/24")
        self._pacs = _tunnel(f"gwp{tag}", self._names[1], f"{PACS}/24")
        self._flow = {
            self._box: _Direction(self._pacs, shape, shape.seed),
            self._pacs: _Direction(self._box, shape, shape.seed + 1),
        }
        self._dark = False
        self._first_at: float | None = None
        self._begun = time.monotonic()

    def run(self) -> None:
        """Until standard input ends."""
        print("ready", flush=True)
        watched = [self._box, self._pacs, sys.stdin.fileno()]
        while True:
            now = time.monotonic()
            for direction in self._flow.values():
                direction.deliver(now)
            wait = min(_IDLE_S, max(0.0, min(d.next_at() for d in self._flow.values()) - time.monotonic()))
            for descriptor in select.select(watched, [], [], wait)[0]:
                if descriptor in self._flow:
                    self._carry(descriptor)
                elif not self._obey(sys.stdin.readline().strip()):
                    return

    def _carry(self, descriptor: int) -> None:
        for packet in _packets(descriptor):
            now = time.monotonic()
            if packet[0] >> 4 != _IPV4 or self._dark or self._asleep(now):
                continue
            if self._first_at is None:
                self._first_at, self._begun = time.time(), now
            self._flow[descriptor].admit(now, packet)

    def _asleep(self, now: float) -> bool:
        """Whether the link is in one of its outages, counted from the first packet."""
        shape = self._shape
        if not shape.down_s or self._first_at is None:
            return False
        return (now - self._begun) % (shape.up_s + shape.down_s) >= shape.up_s

    def _obey(self, order: str) -> bool:
        if not order:
            return False
        if order == "traffic":
            facts = {"to_pacs": self._flow[self._box].facts(), "to_box": self._flow[self._pacs].facts()}
            print(json.dumps({"first_at": self._first_at, **facts}), flush=True)
            return True
        if order in {"cut", "heal"}:
            state = "down" if order == "cut" else "up"
            _ip("-n", self._names[0], "link", "set", f"gwb{self._tag}", state)
        self._dark = order == "blackhole"
        print("done", flush=True)
        return True

    def close(self) -> None:
        """Remove the namespaces, and with them the interfaces."""
        for name in self._names:
            _ip("netns", "del", name)


def _packets(descriptor: int) -> Iterator[bytes]:
    for _ in range(_BURST):
        try:
            yield os.read(descriptor, 2048)
        except OSError:  # nothing more, or the interface is down
            return


def _tunnel(name: str, namespace: str, address: str) -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
    _ip("netns", "add", namespace)
    _ip("link", "set", name, "netns", namespace)
    _ip("-n", namespace, "link", "set", "lo", "up")
    _ip("-n", namespace, "addr", "add", address, "dev", name)
    _ip("-n", namespace, "link", "set", name, "mtu", str(_MTU), "txqueuelen", "1000", "up")
    return descriptor


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Carry packets until standard input is closed."""
    carrier = _Carrier(sys.argv[1], LinkShape(**json.loads(sys.argv[2])))
    try:
        carrier.run()
    finally:
        carrier.close()


if __name__ == "__main__":
    main()
