"""Imaging devices that are not there: plausible acquisitions drawn by numbers, for demonstrations and tests.

The same kind and seed give the same bytes. Nothing drawn here is a picture of a person, and no name stands in it.
"""

import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image

from gateway.capture.drawing_bright import endoscopy, fundus
from gateway.capture.drawing_gray import ultrasound, xray
from gateway.domain.errors import ConfigurationError

_Drawing = Callable[[np.random.Generator, int], Image.Image]


@dataclass(frozen=True, slots=True)
class _Device:
    draw: _Drawing
    format: str
    suffix: str
    options: Mapping[str, int | str]


_DEVICES: Mapping[str, _Device] = MappingProxyType(
    {
        "fundus": _Device(fundus, "JPEG", ".jpg", {"quality": 92, "subsampling": "4:2:2"}),
        "endoscopy": _Device(endoscopy, "JPEG", ".jpg", {"quality": 90, "subsampling": "4:2:0"}),
        "ultrasound": _Device(ultrasound, "PNG", ".png", {}),
        "xray": _Device(xray, "TIFF", ".tif", {}),
    }
)
KINDS = tuple(_DEVICES)
"""What can be drawn."""


def draw(kind: str, seed: int) -> tuple[bytes, str]:
    """An acquisition of a device of this kind: the file's bytes and its suffix, with the dot.

    Raises
    ------
    ConfigurationError
        If there is no such kind.
    """
    device = _DEVICES.get(kind)
    if device is None:
        raise ConfigurationError(f"{kind} cannot be drawn.", remedy=f"Use one of {', '.join(KINDS)}.")
    image = device.draw(np.random.default_rng(seed), seed)
    out = io.BytesIO()
    image.save(out, device.format, **device.options)
    return out.getvalue(), device.suffix


def drop_into(folder: Path, name: str, data: bytes) -> Path:
    """Put a file into `folder`, under a hidden name first, as a careful device does; its final path."""
    folder.mkdir(parents=True, exist_ok=True)
    hidden = folder / f".{name}.part"
    with hidden.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    return hidden.rename(folder / name)
