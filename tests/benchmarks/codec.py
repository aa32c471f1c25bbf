"""Speed, size and memory of every encoder on real frames, beside the codecs that others use.

Run with ``python -m tests.benchmarks.codec [--json] [--quick]``. Every round runs every codec once, so that whatever
else the machine does falls on all of them; figures are medians of processor time on one core. Look-up tables are built
afresh for every frame.
"""

import os

# one thread a codec: a pool of BLAS threads would be measured as ours, and this must be said before NumPy loads
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import json
import statistics
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gateway.codec import difference_coder
from gateway.codec.encode import encode, encode_chunks
from gateway.codec.errors import CodecError
from gateway.codec.options import EncodeOptions
from gateway.codec.registry import check_format, lookup
from tests.benchmarks.codec_frames import RealFrame, timed_frames
from tests.benchmarks.codec_peers import BASELINE, EXTENDED, JPEG_2000, JPEG_LS, PROCESS_14, RLE, SV1, peers_of, seconds

UIDS = (RLE, SV1, PROCESS_14, BASELINE, EXTENDED, JPEG_LS, JPEG_2000)
LIBRARY_UIDS = (JPEG_LS, JPEG_2000)
OWN_ROUNDS = 15
PEER_ROUNDS = 5
QUICK_ROUNDS = 3
QUICK_PEER_ROUNDS = 1


@dataclass(frozen=True)
class Case:
    """One encoder on one frame."""

    uid: str
    frame: RealFrame
    options: EncodeOptions
    label: str

    @property
    def mega_bytes(self) -> float:
        """Native size in units of a million bytes."""
        return self.frame.format.frame_bytes / 1e6


def cases(*, quick: bool) -> Iterator[Case]:
    """Every encoder with every frame that it may carry."""
    for uid in UIDS:
        for frame in timed_frames():
            if quick and uid in LIBRARY_UIDS and frame.format.frame_bytes > 1 << 20:
                continue
            try:
                prepared = _for_syntax(uid, frame)
                check_format(lookup(uid), prepared.format)
            except CodecError:
                continue
            subsamplings = ("4:4:4", "4:2:2") if uid == BASELINE and frame.format.samples_per_pixel > 1 else ("4:2:2",)
            for subsampling in subsamplings:
                label = f"{frame.name} {subsampling}" if len(subsamplings) > 1 else frame.name
                yield Case(uid, prepared, EncodeOptions(subsampling=subsampling), label)


def _for_syntax(uid: str, frame: RealFrame) -> RealFrame:
    """Extended is measured on frames of 10 and 12 bits, called 12, because it knows no other depth."""
    if uid == EXTENDED and frame.format.bits_stored in {10, 12}:
        return replace(frame, format=replace(frame.format, bits_stored=12))
    return frame


def clear_tables() -> None:
    """Forget the look-up tables that depend on a frame; those that hold for all frames stay."""
    difference_coder.entries.cache_clear()
    difference_coder.pair_entries.cache_clear()


def measure(case: Case, *, quick: bool) -> dict[str, Any]:
    """One row of the result."""
    ours: list[float] = []
    kept: list[float] = []
    theirs: dict[str, list[tuple[float, int]]] = {}
    size = len(encode(case.uid, case.frame.pixels, case.frame.format, options=case.options))
    with tempfile.TemporaryDirectory() as folder:
        peers = peers_of(case.uid, case.frame, Path(folder), case.options.subsampling)
        own_rounds, peer_rounds = (QUICK_ROUNDS, QUICK_PEER_ROUNDS) if quick else (OWN_ROUNDS, PEER_ROUNDS)
        if case.uid in LIBRARY_UIDS:
            own_rounds = peer_rounds
        for number in range(own_rounds):
            clear_tables()
            ours.append(_seconds(case))
            kept.append(_seconds(case))
            if number < peer_rounds:
                for peer in peers:
                    theirs.setdefault(peer.name, []).append(peer.run())
    native = case.frame.format.frame_bytes
    return {
        "transfer_syntax": case.uid,
        "frame": case.label,
        "frame_bytes": native,
        "encode_mb_s": round(case.mega_bytes / statistics.median(ours), 1),
        "encode_mb_s_tables_kept": round(case.mega_bytes / statistics.median(kept), 1),
        "compression_ratio": round(native / size, 3),
        "peak_mb": round(_peak_bytes(case) / 1e6, 1),
        "peers": {
            name: {
                "encode_mb_s": round(case.mega_bytes / statistics.median(taken for taken, _ in runs), 1),
                "compression_ratio": round(native / max(1, runs[0][1]), 3),
            }
            for name, runs in theirs.items()
        },
    }


def _seconds(case: Case) -> float:
    begin = seconds()
    encode(case.uid, case.frame.pixels, case.frame.format, options=case.options)
    return seconds() - begin


def _peak_bytes(case: Case) -> int:
    """Most memory above the input at any time while the stream is taken away part by part."""
    clear_tables()
    tracemalloc.start()
    for _ in encode_chunks(case.uid, case.frame.pixels, case.frame.format, options=case.options):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def table(rows: list[dict[str, Any]]) -> str:
    """The result in Markdown: a table a transfer syntax, with the ratio to each peer and the peers that win."""
    parts = []
    for uid in UIDS:
        chosen = [row for row in rows if row["transfer_syntax"] == uid]
        if not chosen:
            continue
        names = sorted({name for row in chosen for name in row["peers"]})
        heads = ["frame", "MB/s", "tables kept", "ratio", "peak MB", *(f"{name} MB/s (x), ratio" for name in names)]
        lines = [f"**{lookup(uid).name}** ({uid})", "", _line(heads), _line(["---"] * len(heads))]
        lines += [_line(_cells(row, names)) for row in chosen]
        winners = {
            name: count
            for name in names
            if (count := sum(row["encode_mb_s"] < row["peers"].get(name, {}).get("encode_mb_s", 0) for row in chosen))
        }
        said = ", ".join(f"{name} on {count} of {len(chosen)} frames" for name, count in winners.items()) or "none"
        parts.append("\n".join([*lines, "", f"Faster than ours: {said}."]))
    return "\n\n".join(parts)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: dict[str, Any], names: list[str]) -> list[str]:
    cells = [
        row["frame"],
        f"**{row['encode_mb_s']:.0f}**",
        f"{row['encode_mb_s_tables_kept']:.0f}",
        f"{row['compression_ratio']:.3f}",
        f"{row['peak_mb']:.1f}",
    ]
    for name in names:
        peer = row["peers"].get(name)
        if peer is None:
            cells.append("-")
            continue
        times = row["encode_mb_s"] / peer["encode_mb_s"]
        cells.append(f"{peer['encode_mb_s']:.0f} (x{times:.2f}), {peer['compression_ratio']:.3f}")
    return cells


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON array, a row per encoder and frame")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, within two minutes")
    parser.add_argument("--only", default="", help="only transfer syntaxes whose UID ends so")
    arguments = parser.parse_args()
    rows = []
    for case in cases(quick=arguments.quick):
        if case.uid.endswith(arguments.only):
            rows.append(measure(case, quick=arguments.quick))
            print(f"{lookup(case.uid).name}: {case.label}", file=sys.stderr)
    print(json.dumps(rows, indent=2) if arguments.json else table(rows))


if __name__ == "__main__":
    main()
