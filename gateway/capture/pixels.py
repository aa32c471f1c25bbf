"""Pillow images as native DICOM frames: alpha over black, palettes and CMYK to RGB, bitmaps to bytes."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

import numpy as np
from PIL import Image

from gateway.capture.contents import PictureKind
from gateway.domain.errors import UnreadableInput
from gateway.domain.frames import FrameFormat

_WORDS = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
_SIGNED_WORDS = "I"
_GRAYS = frozenset({"1", "L", "LA", "La"})
_COLOURS = frozenset({"P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"})
_TURNS: Mapping[int, Image.Transpose] = MappingProxyType(
    {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
)
_SIDES_SWAPPED = range(5, 9)


def open_image(source: Path | BinaryIO, kind: PictureKind) -> Image.Image:
    """Open without decoding, as this kind and no other."""
    # Pillow's limit is one number for the process; ours is the device's, and was applied to the header before.
    Image.MAX_IMAGE_PIXELS = None
    return Image.open(source, formats=[kind.value])


def load(image: Image.Image, expected: FrameFormat) -> None:
    """Decode, unless Pillow reads another size from the file than was judged."""
    if image.width * image.height != expected.rows * expected.columns:
        raise UnreadableInput("The picture contradicts itself about its size.")
    image.load()


def native_format(mode: str, width: int, height: int, *, orientation: int = 1, bits_stored: int = 16) -> FrameFormat:
    """The format that `native_bytes` gives an image of this Pillow mode, turned upright."""
    if orientation in _SIDES_SWAPPED:
        width, height = height, width
    if mode in _GRAYS or mode in _COLOURS:
        gray = mode in _GRAYS
        colour = "MONOCHROME2" if gray else "RGB"
        return FrameFormat(height, width, 1 if gray else 3, 8, 8, signed=False, photometric_interpretation=colour)
    if mode in _WORDS or mode == _SIGNED_WORDS:
        signed = mode == _SIGNED_WORDS
        return FrameFormat(height, width, 1, 16, bits_stored, signed=signed, photometric_interpretation="MONOCHROME2")
    raise UnreadableInput(
        f"Pictures of the kind {mode} cannot be made into DICOM frames.",
        remedy="Set the device to export 8 or 16 bit gray or 8 bit colour.",
    )


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """The image turned as its EXIF orientation asks."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def native_bytes(image: Image.Image, expected: FrameFormat, *, invert: bool = False) -> memoryview:
    """The native bytes of a decoded image; `invert` turns white-is-zero words around."""
    if image.size != (expected.columns, expected.rows):
        raise UnreadableInput("The picture decodes to another size than its header names.")
    if image.mode in _WORDS or image.mode == _SIGNED_WORDS:
        array = _words(image, signed=expected.signed)
        if invert:
            array = ((1 << expected.bits_stored) - 1) - array
    else:
        array = np.asarray(_bytes_of(image, expected))
    data = np.ascontiguousarray(array).data.cast("B")
    if len(data) != expected.frame_bytes:
        raise UnreadableInput("The picture decodes to other samples than its header names.")
    return data


def _words(image: Image.Image, *, signed: bool) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    words = np.asarray(image).astype("<i2" if signed else "<u2")
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        words = np.where(words == transparent, 0, words).astype(words.dtype)
    return words


def _bytes_of(image: Image.Image, expected: FrameFormat) -> Image.Image:
    plain = "L" if expected.samples_per_pixel == 1 else "RGB"
    if image.mode == "RGBX" or not image.has_transparency_data:
        return image.convert(plain)
    layered = image.convert("LA" if plain == "L" else "RGBA") if image.mode != "La" else image.convert("LA")
    alpha = layered.getchannel("A")
    if image.format == PictureKind.BMP.value and alpha.getextrema() == (0, 0):
        return layered.convert(plain)
    black = Image.new(plain, image.size)
    black.paste(layered.convert(plain), mask=alpha)
    return black


def usable_profile(profile: bytes | None, samples: int) -> bytes | None:
    """The ICC profile if it describes frames of so many samples: a CMYK profile says nothing about decoded RGB."""
    if not profile or profile[36:40] != b"acsp":
        return None
    return profile if profile[16:20] == (b"GRAY" if samples == 1 else b"RGB ") else None
