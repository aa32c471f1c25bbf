"""Multi-frame objects on all cores: one process a core, one frame a task, results written by the worker.

Frames and streams travel as files, never through a pipe, which would cost what the second core gains. The caller owns
the files: it lays out the native ones, names the targets and removes both. A single frame needs no pool.
"""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gateway.codec.encode import encode_chunks
from gateway.codec.options import EncodeOptions
from gateway.domain.frames import FrameFormat


@dataclass(frozen=True, slots=True)
class FrameTask:
    """One frame to encode.

    Parameters
    ----------
    uid, fmt, options
        As `gateway.codec.encode.encode_chunks` takes them.
    source, offset
        File of native frames, and where in it this one begins, in bytes.
    target
        Where the worker writes the stream; an existing file is replaced.
    """

    uid: str
    fmt: FrameFormat
    source: Path
    offset: int
    target: Path
    options: EncodeOptions | None = None


def encode_frame(task: FrameTask) -> int:
    """Do one task in this process; returns the length of the stream in bytes, raises as `encode_chunks`."""
    native = np.memmap(task.source, np.uint8, "r", offset=task.offset, shape=(task.fmt.frame_bytes,))
    with task.target.open("wb") as target:
        return sum(target.write(part) for part in encode_chunks(task.uid, native.data, task.fmt, options=task.options))


def encode_frames(tasks: Sequence[FrameTask], processes: int | None = None) -> Iterator[int]:
    """Encode frames on `processes` cores, by default all; yields the length of each stream, in the order of tasks.

    Raises as `encode_chunks` for the first frame that cannot be encoded; the tasks behind it are given up.
    """
    workers = min(len(tasks), processes or os.cpu_count() or 1)
    if workers <= 1:
        yield from map(encode_frame, tasks)
        return
    # a forked child could inherit a lock that another thread of the caller holds
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield from pool.map(encode_frame, tasks)
