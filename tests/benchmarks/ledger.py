"""What the ledger costs as it grows, and what the forward role takes: time to start, memory under a backlog.

Run with ``python -m tests.benchmarks.ledger [--json] [--quick]``. All rows are a backlog owed to a destination that is
away. Enqueue is everything from a captured file's row to the frozen object's delivery; claim and finish are one
delivery each; page is what the queue page asks of the ledger. Each commit is synced to the disk, so the disk's own time
stands in every figure but the page's. Each figure is the one that a quarter of the turns stay under, so that other work
of the machine shows less. Start is from the process's first instruction to its word that it is ready, the least of
three. Memory is the most that the forward role had resident while it sent a giant object beside that backlog, with the
packages of an installed gateway (GDCM, which only the tests install, is kept out).
"""

import argparse
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from gateway.domain.acquisition import FindingPart, PartRole
from gateway.domain.instance import SpooledObject, StoreOutcome
from gateway.domain.lanes import Lane
from gateway.spool.captures import StoredPart
from gateway.spool.runs import Run
from tests.support.backlog import imagine, owe, write_giant
from tests.support.forwarding import ForwardRole, Target
from tests.support.ledger import RLE, SC, SetClock, TestSpool, finding, step
from tests.support.peers import StoreScp
from tests.support.ports import free_port

SIZES = (100, 10_000, 1_000_000)
QUICK_SIZES = (100, 10_000, 100_000)
GIANT_BYTES = 2_000_000_000
QUICK_GIANT_BYTES = 200_000_000
TURNS = 60
PAGE_TURNS = 15
STARTS = 3
AWAY = "away"
_PAGE_ROWS = 31
_HOUR_US = 3_600_000_000
_WITHOUT_GDCM = "import sys; sys.modules['gdcm'] = None; from gateway.cli import main; main()"


def measure(root: Path, sizes: tuple[int, ...], giant_bytes: int) -> list[dict[str, Any]]:
    """A row for each size of one ledger that grows."""
    with StoreScp(root / "pacs", None, "--ignore", ae_title="PACS") as pacs:
        targets = [Target("main", f"127.0.0.1:{pacs.port}", response_s=300, stall_s=60)]
        targets.append(Target(AWAY, f"127.0.0.1:{free_port()}", cap_s=30, base_s=10))
        role = ForwardRole(root / "home", targets, wrap=_without_gdcm)
        giant = write_giant(role.spool, giant_bytes, number=10_000_000)
        rows = []
        for turn, size in enumerate(sizes):
            here = role.rows("SELECT count(*) AS n FROM delivery WHERE destination = ?", AWAY)[0]["n"]
            imagine(role.spool, size - here, AWAY, first=here)
            if not turn:
                owe(role.spool, [giant], ["main"])
            figures = {"rows": size, **_costs(role.spool, turn), **_life(role)}
            print(figures, file=sys.stderr)
            rows.append(figures)
    return rows


def _costs(spool: Path, turn: int) -> dict[str, float]:
    """What one object costs from row to proof, and the page, each as a quarter of the turns has it at most."""
    ledger = TestSpool(spool, SetClock())
    ledger.clock.moment = ledger.clock.moment.replace(year=2030)  # later than whatever is due
    run = ledger.run("forward")
    turns = range(turn * TURNS, (turn + 1) * TURNS)
    enqueue = [_took(partial(_enqueue, ledger, number)) for number in turns]
    claim, finish = zip(*[_claim_and_finish(ledger, run) for _ in turns], strict=True)
    page = [_took(partial(_page, ledger)) for _ in range(PAGE_TURNS)]
    ledger.close()
    return {
        "enqueue_us": round(_quarter(enqueue) * 1e6),
        "claim_us": round(_quarter(claim) * 1e6),
        "finish_us": round(_quarter(finish) * 1e6),
        "page_ms": round(_quarter(page) * 1e3, 2),
    }


def _quarter(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=4)[0]


def _took(what: Callable[[], object]) -> float:
    begun = time.perf_counter()
    what()
    return time.perf_counter() - begun


def _enqueue(ledger: TestSpool, number: int) -> None:
    content = b"benchmark %d" % number
    offered = finding(content, name=b"%d" % number, exam_key=f"exam {number // 10}")
    digest = sha256(content).hexdigest()
    part = StoredPart(
        FindingPart(PartRole.PRIMARY, b"%d" % number, len(content), number), digest, len(content), f"n/{number}"
    )
    acquisition = ledger.captures.record("camera", offered, [part])
    ledger.match(acquisition)
    identity, _ = ledger.instances.reserve(
        acquisition, sop_class_uid=SC, study_instance_uid=step().key.study_instance_uid, started_at=ledger.clock.now()
    )
    spooled = SpooledObject(f"instances/{identity.sop_instance_uid}.dcm", digest, len(content), SC, RLE)
    ledger.instances.complete(acquisition, identity, spooled, [(AWAY, Lane.NORMAL)], [])


def _claim_and_finish(ledger: TestSpool, run: Run) -> tuple[float, float]:
    begun = time.perf_counter()
    (delivery,) = ledger.deliveries.claim_due(AWAY, run, 1)
    claimed = time.perf_counter()
    ledger.deliveries.stored(delivery, StoreOutcome(0, "", RLE), ledger.clock.now())
    return claimed - begun, time.perf_counter() - claimed


def _page(ledger: TestSpool) -> None:
    """What the queue page asks, for all rows and for those on the way."""
    ledger.status.counts()
    ledger.status.destinations()
    ledger.status.acquisitions(limit=_PAGE_ROWS)
    ledger.status.acquisitions(state="undelivered", limit=_PAGE_ROWS)


def _life(role: ForwardRole) -> dict[str, float]:
    """Start the real role, at last with the giant object due, and end it once that is stored."""
    starts = []
    for _ in range(STARTS - 1):
        _send_giant(role, at_us=time.time_ns() // 1000 + _HOUR_US)
        with _started(role) as start_s:
            starts.append(start_s)
    _send_giant(role, at_us=0)
    with _started(role) as start_s:
        starts.append(start_s)
        at_start = role.resident_mb()
        role.await_all_stored(1, 600, "main")
        most = role.resident_mb("VmHWM")
    return {"start_s": round(min(starts), 2), "rss_mb": round(most, 1), "rss_at_start_mb": round(at_start, 1)}


def _send_giant(role: ForwardRole, *, at_us: int) -> None:
    again = TestSpool(role.spool)
    again.run_sql("UPDATE delivery SET state = 'pending', due_us = ? WHERE destination = 'main'", at_us)
    again.run_sql("UPDATE destination SET due_us = 0")
    again.close()


@contextmanager
def _started(role: ForwardRole) -> Iterator[float]:
    """The running role; the seconds until it said that it is ready."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = f"{folder}/notify"
        manager.bind(address)
        manager.settimeout(300)
        os.environ["NOTIFY_SOCKET"] = address
        begun = time.perf_counter()
        with role:
            del os.environ["NOTIFY_SOCKET"]
            while b"READY=1" not in manager.recv(4096):
                pass
            yield time.perf_counter() - begun


def _without_gdcm(python: str, *arguments: str) -> list[str]:
    return [python, "-c", _WITHOUT_GDCM, *arguments[2:]]


def table(rows: list[dict[str, Any]]) -> str:
    """The result in Markdown."""
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads), *([f"{row[head]:,}" for head in heads] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON array, a row per size")
    parser.add_argument("--quick", action="store_true", help="up to 100,000 rows and a smaller object, within 2 min")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gateway-ledger-") as folder:
        if arguments.quick:
            rows = measure(Path(folder), QUICK_SIZES, QUICK_GIANT_BYTES)
        else:
            rows = measure(Path(folder), SIZES, GIANT_BYTES)
    print(json.dumps(rows, indent=2) if arguments.json else table(rows))


if __name__ == "__main__":
    main()
