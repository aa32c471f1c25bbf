"""The choice of a transfer syntax: encoders that refuse a frame drop out of the choice."""

import numpy as np
import pytest

from gateway.domain.frames import FrameFormat
from gateway.stages.encoding import EncodingPolicy, choose

JPEG_2000 = "1.2.840.10008.1.2.4.90"


def grey(edge: int) -> tuple[memoryview, FrameFormat]:
    pixels = np.arange(edge * edge, dtype="<u2").reshape(edge, edge)
    return memoryview(pixels.tobytes()), FrameFormat(
        edge, edge, 1, 16, 16, signed=False, photometric_interpretation="MONOCHROME2"
    )


@pytest.mark.parametrize("policy", ["smallest", "balanced"])
@pytest.mark.parametrize("edge", [1, 3, 10, 33])
def test_a_frame_that_is_too_small_for_one_encoder_gets_another(policy: str, edge: int) -> None:
    frame, fmt = grey(edge)
    choice = choose(EncodingPolicy(policy), frame, fmt, link_bytes_per_s=1e5, monotonic=lambda: 0.0)
    assert choice.transfer_syntax_uid != JPEG_2000 or edge == 33
    assert "to 1" in choice.reason
