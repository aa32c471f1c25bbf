"""Real medical pictures from packages, exported in the formats that devices write, read back exactly."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import examples

from gateway.capture.image_files import make_thumbnail, open_picture

CT = (examples.ct.pixel_array.astype(np.int32) + 2048).astype(np.uint16)
COLOUR = examples.rgb_color.pixel_array


def frame(path: Path) -> np.ndarray:
    frames = open_picture(path).frames
    found = frames.format
    kind = "<u2" if found.bits_allocated == 16 else np.uint8
    return np.frombuffer(frames.frame(0), kind).reshape(found.rows, found.columns, found.samples_per_pixel).squeeze()


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_tomogram_of_16_bits(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"ct.{suffix}"
    Image.fromarray(CT).save(path)
    assert np.array_equal(frame(path), CT)
    with (tmp_path / "thumbnail.jpg").open("w+b") as target:
        make_thumbnail(path, target, edge=64)
        assert max(Image.open(target).size) == 64


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "ppm"])
def test_a_colour_picture(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"colour.{suffix}"
    Image.fromarray(COLOUR).save(path)
    assert np.array_equal(frame(path), COLOUR)


def test_a_colour_picture_as_jpeg_travels_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "colour.jpg"
    Image.fromarray(COLOUR).save(path, quality=90)
    picture = open_picture(path)
    assert picture.coded is not None
    assert picture.coded.stream == path.read_bytes()
    assert np.array_equal(frame(path), np.asarray(Image.open(path)))
