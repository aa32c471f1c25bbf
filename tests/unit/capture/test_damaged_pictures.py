"""Damaged files of every kind end in a fault or a picture of the promised size, never in anything else."""

import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gateway.capture.completeness import completeness_of
from gateway.capture.image_files import make_thumbnail, open_picture
from gateway.domain.errors import GatewayError

PIXELS = np.random.default_rng(11).integers(0, 256, (12, 10, 3), dtype=np.uint8)
COLOUR, GRAY, WORDS = (
    Image.fromarray(PIXELS),
    Image.fromarray(PIXELS[:, :, 0]),
    Image.fromarray(PIXELS[:, :, 0] * np.uint16(257)),
)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


SEEDS = [
    encoded(COLOUR, "PNG"),
    encoded(COLOUR.quantize(4), "PNG"),
    encoded(WORDS, "PNG"),
    encoded(WORDS, "TIFF"),
    encoded(GRAY, "TIFF", compression="tiff_lzw", save_all=True, append_images=[GRAY]),
    encoded(COLOUR, "TIFF", compression="jpeg"),
    encoded(COLOUR, "BMP"),
    encoded(COLOUR.quantize(4), "BMP"),
    encoded(GRAY, "PPM"),
    encoded(COLOUR, "PPM"),
    encoded(COLOUR, "JPEG"),
    b"P2 3 2 255\n1 2 3 4 5 6\n",
]


def exercise(data: bytes) -> None:
    """All that the gateway does with a file's bytes."""
    completeness_of(io.BytesIO(data))
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        path = Path(file.name)
        try:
            frames = open_picture(path, max_pixels=1 << 20).frames
            for index in range(min(frames.frame_count, 3)):
                assert len(frames.frame(index)) == frames.format.frame_bytes
            make_thumbnail(path, io.BytesIO())
        except GatewayError:
            return


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_changed_bytes(seed: bytes, changes: list[tuple[float, int]]) -> None:
    data = bytearray(seed)
    for where, value in changes:
        data[int(where**2 * (len(data) - 1))] = value
    exercise(bytes(data))


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_every_truncation(seed: int) -> None:
    data = SEEDS[seed]
    for length in range(0, len(data), 3):
        exercise(data[:length])


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([s[:8] for s in SEEDS]), st.binary(max_size=300))
def test_random_bytes_behind_a_true_signature(head: bytes, noise: bytes) -> None:
    exercise(head + noise)
