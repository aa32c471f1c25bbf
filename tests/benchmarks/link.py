"""How well the forward role fills a link, beside DCMTK's dcmsend and storescu over links of the same kind.

Run as root with ``python -m tests.benchmarks.link [--json] [--quick] [--longest-s S] [--only TEXT]``. A link is two
network namespaces that this program makes and removes, joined packet by packet with a shared rate, delay, loss, queue
and outages; TCP on both sides is the kernel's own, and storescp answers on the far side. Seconds run from a sender's
first packet to its last answer, in the gateway's case to the commit that records it.

share_of_capacity: bytes of the objects' files over what the link's raw rate carries in those seconds while it is up.
share_on_wire: bytes of all packets to the far side (headers, repeats, DIMSE) over the same.
possible_share, possible_seconds: what no sender can exceed on that link. A packet of 1500 bytes carries 1448 of an
object (20 of IP, 32 of TCP with its time stamps), a lost one is sent again, and three round trips carry no object: to
connect, to associate, and for the last byte and its answer.

The mix "peer as shipped" has storescp as Debian ships it, which sends each answer in two pieces and, by Nagle's
algorithm, the second a round trip later; in the other mixes TCP_NODELAY=1 stands in its environment. ``--quick`` leaves
that mix out, and the STOW rows too, whose far side is Orthanc behind nginx and whose peer is a plain client
(`link_stow`).
"""

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.benchmarks import link_stow
from tests.benchmarks.link_table import table
from tests.support.backlog import owe, write_objects
from tests.support.forwarding import ForwardRole, Target
from tests.support.link_emulator import PACS, EmulatedLink, LinkShape

LINKS: Mapping[str, LinkShape] = MappingProxyType(
    {
        "LAN (100 Mbit/s, 1 ms)": LinkShape(100_000, 1, queue_ms=50),
        "10 Mbit/s, 40 ms": LinkShape(10_000, 40),
        "2 Mbit/s, 150 ms, 1 %": LinkShape(2_000, 150, loss_percent=1),
        "384 kbit/s, 715 ms": LinkShape(384, 715, queue_ms=1000),
        "2 Mbit/s, 150 ms, 30 s up, 30 s down": LinkShape(2_000, 150, up_s=30, down_s=30),
    }
)
AS_SHIPPED = "200 x 20 kB, peer as shipped"
MIXES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "200 x 20 kB": (200, 20_000),
        AS_SHIPPED: (200, 20_000),
        "30 x 500 kB": (30, 500_000),
        "2 x 60 MB": (2, 60_000_000),
        link_stow.MIX: (200, 20_000),
    }
)
PORT = 11112
QUICK_LONGEST_S = 5.0
QUICK_DARK_S = 5.0
_FAST_KBIT_S = 20_000
_PATIENCE = 12
_PACKET_BYTES, _CARRIED_BYTES = 1500, 1448
_EMPTY_ROUND_TRIPS = 3


@dataclass(frozen=True)
class Case:
    """One mix over one link; `count` and `size` are what is sent of it."""

    link: str
    mix: str
    shape: LinkShape
    count: int
    size: int
    quick: bool = False

    @property
    def limit_s(self) -> float:
        """When a sender is given up: it has had many times what the link needs."""
        first_s, patience = (20, 5) if self.quick else (60, _PATIENCE)
        return first_s + patience * self.count * self.size / self.shape.bytes_per_s * (2 if self.shape.down_s else 1)

    def possible_seconds(self, total_bytes: int) -> float:
        """The least seconds in which a sender can bring objects of so many bytes over the link, outages included."""
        shape = self.shape
        packets = total_bytes * _PACKET_BYTES / _CARRIED_BYTES / (1 - shape.loss_percent / 100)
        busy_s = packets / shape.bytes_per_s + _EMPTY_ROUND_TRIPS * shape.rtt_ms / 1000
        return busy_s if not shape.down_s else busy_s + math.floor(busy_s / shape.up_s) * shape.down_s

    def row(self, sent: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        """The row of the result."""
        peers = {name: facts for name, facts in sent.items() if name != "gateway"}
        measured = {"objects": self.count, "object_bytes": self.size}
        return {"link": self.link, "mix": self.mix, **measured, **sent["gateway"], "peers": peers}


def cases(*, longest_s: float, quick: bool, only: str) -> list[Case]:
    """Every mix over every link; of a mix that would fill its link for longer than `longest_s` (0: no limit) a part."""
    found = []
    for link, full in LINKS.items():
        shape = _with_short_outages(full) if quick else full
        for mix, (count, size) in MIXES.items():
            if only.lower() not in f"{link} / {mix}".lower() or (quick and mix == AS_SHIPPED):
                continue
            if mix == link_stow.MIX and (quick or link not in link_stow.LINKS):
                continue
            most = longest_s * shape.bytes_per_s if longest_s else math.inf
            part = max(2, min(count, int(most / size))) if most < math.inf else count
            shorter = int(min(size, most / part)) if most < math.inf else size
            found.append(Case(link, mix, shape, part, shorter, quick))
    return found


def _with_short_outages(shape: LinkShape) -> LinkShape:
    if not shape.down_s:
        return shape
    return LinkShape(shape.rate_kbit_s, shape.rtt_ms, up_s=QUICK_DARK_S, down_s=QUICK_DARK_S)


def measure(case: Case, number: int) -> dict[str, Any]:
    """Send the case by every sender, each over a link of its own; at the same time unless the link is a fast one."""
    with tempfile.TemporaryDirectory(prefix="gateway-link-") as folder:
        root = Path(folder)
        runs = {
            "gateway": lambda: _by_gateway(case, root / "gateway", f"{os.getpid()}g{number}"),
            "dcmsend": lambda: _by_dcmtk(case, root / "dcmsend", f"{os.getpid()}d{number}", "dcmsend"),
            "storescu": lambda: _by_dcmtk(case, root / "storescu", f"{os.getpid()}s{number}", "storescu"),
        }
        if case.mix == link_stow.MIX:
            runs = {
                "gateway": lambda: _by_stow(case, root / "gateway", f"{os.getpid()}g{number}"),
                link_stow.PLAIN: lambda: _by_plain_client(case, root / "plain", f"{os.getpid()}p{number}"),
            }
        at_once = 1 if case.shape.rate_kbit_s > _FAST_KBIT_S else len(runs)
        with ThreadPoolExecutor(at_once) as pool:
            pending = {name: pool.submit(run) for name, run in runs.items()}
            sent = {name: one.result() for name, one in pending.items()}
    print(f"{case.link} / {case.mix}: {sent}", file=sys.stderr)
    return case.row(sent)


@contextmanager
def far_side(link: EmulatedLink, folder: Path, mix: str = "") -> Iterator[Path]:
    """DCMTK's storescp, one process an association, beyond `link`; the folder it writes to."""
    environment = {name: value for name, value in os.environ.items() if name != "TCP_NODELAY"}
    environment |= {} if mix == AS_SHIPPED else {"TCP_NODELAY": "1"}
    received = folder / "received"
    received.mkdir(parents=True)
    command = link.inside_pacs("storescp", "--fork", "+xa", "-B", "-aet", "PACS", "-od", str(received), str(PORT))
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _await_listening(process.pid)
        yield received
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # with its children, which may still wait for a peer that is gone
        process.wait()


def _await_listening(pid: int) -> None:
    """Wait for a listener in the network namespace of a process, as the kernel shows it, so that no peer is probed."""
    deadline = time.monotonic() + 30
    while f":{PORT:04X} 00000000:0000 0A" not in Path(f"/proc/{pid}/net/tcp").read_text():
        if time.monotonic() > deadline:
            raise RuntimeError("storescp does not listen")
        time.sleep(0.05)


def _by_gateway(case: Case, folder: Path, tag: str) -> dict[str, Any]:
    """The real forward role with the waits that it has by default."""
    waits = Target("main", f"{PACS}:{PORT}", connect_s=10, tls_s=15, association_s=30, response_s=60, stall_s=60)
    with EmulatedLink(case.shape, tag) as link, far_side(link, folder, case.mix) as received:
        traffic, ended = _send_all(case, link, folder, waits)
        return _facts(case, _sizes(received), traffic, ended)


def _by_stow(case: Case, folder: Path, tag: str) -> dict[str, Any]:
    """The real forward role to a DICOMweb service; TLS and HTTP are bytes of the wire, not of the objects."""
    with EmulatedLink(case.shape, tag) as link, link_stow.far_service(link, folder / "far") as service:
        traffic, ended = _send_all(case, link, folder, service.target())
        return _facts(case, service.arrived(case.size), traffic, ended)


def _by_plain_client(case: Case, folder: Path, tag: str) -> dict[str, Any]:
    write_objects(folder, case.count, case.size)
    with EmulatedLink(case.shape, tag) as link, link_stow.far_service(link, folder / "far") as service:
        ended = _await_end(case, link_stow.plain_client(link, service, folder / "instances"))
        return _facts(case, service.arrived(case.size), link.traffic(), ended)


def _send_all(case: Case, link: EmulatedLink, folder: Path, target: Target) -> tuple[Mapping[str, Any], float]:
    """Have the forward role send; what crossed the link, and when the last answer was recorded."""
    role = ForwardRole(folder / "home", [target], wrap=link.inside_box)
    owe(role.spool, write_objects(role.spool, case.count, case.size), ["main"])
    deadline = time.monotonic() + case.limit_s
    with role:
        while role.states() != {"stored": case.count} and time.monotonic() < deadline:
            time.sleep(0.5)
        traffic = link.traffic()
        ended_us = role.rows("SELECT max(stored_us) AS us FROM delivery WHERE state = 'stored'")[0]["us"] or 0
    return traffic, ended_us / 1e6


def _by_dcmtk(case: Case, folder: Path, tag: str, program: str) -> dict[str, Any]:
    """DCMTK's own sender with its own defaults, all objects over one association."""
    write_objects(folder, case.count, case.size)
    scan = ["+sd"] if program == "storescu" else ["--scan-directories"]
    command = [program, "-aec", "PACS", *scan, PACS, str(PORT), str(folder / "instances")]
    with EmulatedLink(case.shape, tag) as link, far_side(link, folder, case.mix) as received:
        ended = _await_end(case, link.inside_box(*command))
        return _facts(case, _sizes(received), link.traffic(), ended)


def _await_end(case: Case, command: Sequence[str]) -> float:
    """Run a sender, and give it up after the case's limit; when it ended."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(case.limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return time.time()


def _sizes(received: Path) -> list[int]:
    return [path.stat().st_size for path in received.iterdir()]


def _facts(case: Case, arrived: Sequence[int], traffic: Mapping[str, Any], ended: float) -> dict[str, Any]:
    """Seconds, share of capacity and bytes on the wire; what arrived is counted by the receiver's own files."""
    seconds = max(0.001, ended - (traffic["first_at"] or ended))
    up_s = max(0.001, case.shape.up_seconds(seconds))
    wire = traffic["to_pacs"]["bytes"] + traffic["to_box"]["bytes"]
    facts = {
        "seconds": round(seconds, 2),
        "share_of_capacity": round(sum(arrived) / (up_s * case.shape.bytes_per_s), 3),
        "share_on_wire": round(traffic["to_pacs"]["bytes"] / (up_s * case.shape.bytes_per_s), 3),
        "wire_bytes": wire,
        **_possible(case, sum(arrived)),
    }
    # a figure of a sender that did not deliver everything would be read as if it had
    return facts if len(arrived) == case.count else {**facts, "undelivered": case.count - len(arrived)}


def _possible(case: Case, arrived_bytes: int) -> dict[str, float]:
    seconds = case.possible_seconds(arrived_bytes)
    up_s = case.shape.up_seconds(seconds)
    return {
        "possible_seconds": round(seconds, 2),
        "possible_share": round(arrived_bytes / (up_s * case.shape.bytes_per_s), 3),
    }


def run(chosen: Sequence[Case], at_once: int) -> list[dict[str, Any]]:
    """Measure fast links one after another, then `at_once` cases of the slow ones together, longest first."""
    rows: dict[int, dict[str, Any]] = {}
    numbered = list(enumerate(chosen))
    for number, case in numbered:
        if case.shape.rate_kbit_s > _FAST_KBIT_S:
            rows[number] = measure(case, number)
    slow = [(number, case) for number, case in numbered if number not in rows]
    slow.sort(key=lambda one: -one[1].limit_s)
    with ThreadPoolExecutor(at_once) as pool:
        pending = {number: pool.submit(measure, case, number) for number, case in slow}
        rows |= {number: one.result() for number, one in pending.items()}
    return [rows[number] for number, _ in numbered]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON array, a row per link and mix")
    parser.add_argument("--quick", action="store_true", help="a part of each mix, within two minutes")
    parser.add_argument("--longest-s", type=float, default=0, help="seconds of full link that a mix may take; 0: all")
    parser.add_argument("--only", default="", help="only links and mixes whose name has this text")
    parser.add_argument("--at-once", type=int, default=4, help="slow links measured at the same time")
    arguments = parser.parse_args()
    longest_s = QUICK_LONGEST_S if arguments.quick else arguments.longest_s
    at_once = 12 if arguments.quick else arguments.at_once
    chosen = cases(longest_s=longest_s, quick=arguments.quick, only=arguments.only)
    rows = run(chosen, at_once)
    print(json.dumps(rows, indent=2) if arguments.json else table(rows))


if __name__ == "__main__":
    main()
