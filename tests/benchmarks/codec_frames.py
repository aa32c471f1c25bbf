"""Real frames that packages carry (pydicom's test files and its data package), as native frames with their format."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels.utils import pixel_array

from gateway.domain.frames import FrameFormat


@dataclass(frozen=True)
class RealFrame:
    """One frame under the name that tables use."""

    name: str
    pixels: NDArray[Any]
    format: FrameFormat


# name in the table, file
SOURCES = (
    ("CR15 1955x1841", "RG1_UNCR.dcm"),
    ("CR10 1760x1760", "RG3_UNCR.dcm"),
    ("MR12 1024x1024", "MR2_UNCR.dcm"),
    ("CT16 signed 512x512", "693_UNCR.dcm"),
    ("CT16 512x512", "eCT_Supplemental.dcm"),
    ("NM16 signed 1024x256", "JPEG2000_UNC.dcm"),
    ("US8 768x1024", "JPGLosslessP14SV1_1s_1f_8b.dcm"),
    ("US8 palette 600x800", "OBXXXX1A.dcm"),
    ("US RGB 480x640", "US1_UNCR.dcm"),
    ("US cine RGB 480x640", "color3d_jpeg_baseline.dcm"),
)
# files that are only proven, not timed
SMALL_SOURCES = (
    ("CT signed 128x128", "CT_small.dcm"),
    ("MR signed 64x64", "MR_small.dcm"),
    ("MR multi-frame 64x64", "emri_small.dcm"),
    ("RGB 16 bit 100x100", "SC_rgb_16bit.dcm"),
    ("RGB odd 3x3", "SC_rgb_small_odd.dcm"),
    ("palette 350x800", "examples_palette.dcm"),
    ("overlay 300x484", "examples_overlay.dcm"),
    ("RGB 240x320", "examples_rgb_color.dcm"),
    ("signed 12 bit 512x512", "mlut_18.dcm"),
    ("palette 16 bit 480x640", "gdcm-US-ALOKA-16.dcm"),
    ("RGB 120x256", "color-px.dcm"),
)


def _path(file_name: str) -> Path:
    for package, folder in (("data_store", "data"), ("pydicom", "data/test_files")):
        spec = find_spec(package)
        for place in spec.submodule_search_locations or () if spec else ():
            candidate = Path(place) / folder / file_name
            if candidate.exists():
                return candidate
    message = f"{file_name} is in neither pydicom nor pydicom-data"
    raise FileNotFoundError(message)


@cache
def load(name: str, file_name: str, index: int = 0) -> RealFrame:
    """Decode frame `index` of a file with pydicom's decoders."""
    dataset = pydicom.dcmread(_path(file_name))
    pixels = np.ascontiguousarray(pixel_array(_path(file_name), index=index))
    samples = int(dataset.SamplesPerPixel)
    photometric = "RGB" if samples > 1 else str(dataset.PhotometricInterpretation)
    fmt = FrameFormat(
        rows=pixels.shape[0],
        columns=pixels.shape[1],
        samples_per_pixel=samples,
        bits_allocated=pixels.itemsize * 8,
        bits_stored=int(dataset.BitsStored),
        signed=bool(dataset.PixelRepresentation),
        photometric_interpretation=photometric,
    )
    return RealFrame(name, pixels, fmt)


def mosaic() -> RealFrame:
    """Nine moments of the cine side by side: a colour frame above 1 MB, which no package carries."""
    name, file_name = SOURCES[-1]
    moments = [load(name, file_name, 12 * number).pixels for number in range(9)]
    pixels = np.vstack([np.hstack(moments[row : row + 3]) for row in (0, 3, 6)])
    fmt = replace(load(name, file_name).format, rows=pixels.shape[0], columns=pixels.shape[1])
    return RealFrame("US cine mosaic RGB 1440x1920", pixels, fmt)


def timed_frames() -> Iterator[RealFrame]:
    """The frames of the benchmark."""
    for source in SOURCES:
        yield load(*source)
    yield mosaic()


def sequence(file_name: str, count: int) -> tuple[list[NDArray[Any]], FrameFormat]:
    """The first `count` frames of a multi-frame file."""
    frames = [load(file_name, file_name, index) for index in range(count)]
    return [frame.pixels for frame in frames], frames[0].format
