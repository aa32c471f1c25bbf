from pathlib import Path

import numpy as np
import pytest

from gateway.codec.encode import encode
from gateway.codec.errors import CodecError
from gateway.codec.pool import FrameTask, encode_frame, encode_frames
from gateway.domain.frames import FrameFormat

SV1 = "1.2.840.10008.1.2.4.70"
FORMAT = FrameFormat(20, 30, 1, 16, 12, signed=False, photometric_interpretation="MONOCHROME2")


def tasks(folder: Path, count: int) -> tuple[list[FrameTask], list[bytes]]:
    frames = np.random.default_rng(1).integers(0, 4096, (count, 20, 30), dtype=np.uint16)
    native = folder / "native"
    native.write_bytes(frames.tobytes())
    made = [
        FrameTask(SV1, FORMAT, native, index * FORMAT.frame_bytes, folder / f"frame-{index}") for index in range(count)
    ]
    return made, [encode(SV1, frame, FORMAT) for frame in frames]


@pytest.mark.parametrize("processes", [1, 2])
def test_workers_write_what_one_process_would(tmp_path: Path, processes: int) -> None:
    made, streams = tasks(tmp_path, 5)
    assert list(encode_frames(made, processes)) == [len(stream) for stream in streams]
    assert [task.target.read_bytes() for task in made] == streams


def test_a_fault_of_a_worker_arrives_with_its_words(tmp_path: Path) -> None:
    made, _ = tasks(tmp_path, 3)
    made[1].source.write_bytes(b"\xff" * 3 * FORMAT.frame_bytes)
    with pytest.raises(CodecError, match="value 65535, Bits Stored 12") as caught:
        list(encode_frames(made, 2))
    assert caught.value.clause == "PS3.5 section 8.1.1"


def test_no_tasks_are_no_work() -> None:
    assert list(encode_frames([])) == []


def test_a_single_frame_needs_no_pool(tmp_path: Path) -> None:
    made, streams = tasks(tmp_path, 1)
    assert encode_frame(made[0]) == len(streams[0])
