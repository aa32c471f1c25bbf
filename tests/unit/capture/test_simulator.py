"""Drawn acquisitions: readable as what they claim to be, the same each time, and dropped whole."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gateway.capture.completeness import Growth, completeness_of
from gateway.capture.image_files import open_picture
from gateway.capture.simulator import KINDS, draw, drop_into
from gateway.domain.errors import ConfigurationError

EXPECTED = {
    "fundus": (".jpg", "RGB", 8),
    "endoscopy": (".jpg", "RGB", 8),
    "ultrasound": (".png", "MONOCHROME2", 8),
    "xray": (".tif", "MONOCHROME2", 16),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawing_opens_as_its_kind_of_picture(tmp_path: Path, kind: str) -> None:
    suffix, colour, bits = EXPECTED[kind]
    data, ending = draw(kind, 3)
    path = drop_into(tmp_path / "drop", f"ACC1_7{ending}", data)
    assert path == tmp_path / f"drop/ACC1_7{suffix}"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    picture = open_picture(path)
    found = picture.frames.format
    assert (found.photometric_interpretation, found.bits_allocated) == (colour, bits)
    assert (picture.coded is not None) == (suffix == ".jpg")
    values = np.frombuffer(picture.frames.frame(0), "<u2" if bits == 16 else np.uint8)
    assert values.std() > 10


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_decide_the_bytes(kind: str) -> None:
    first, _ = draw(kind, 5)
    assert draw(kind, 5)[0] == first
    assert draw(kind, 6)[0] != first
    assert completeness_of(io.BytesIO(first)).growth is Growth.COMPLETE
    assert Image.open(io.BytesIO(first)).size[0] >= 1024


def test_an_unknown_kind_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="horoscope"):
        draw("horoscope", 1)
