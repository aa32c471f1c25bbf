"""A TIFF file as a picture: its pages judged by their directories before a pixel is decoded."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from gateway.capture.contents import PictureKind
from gateway.capture.exif import facts_of_ifd
from gateway.capture.picture_frames import PillowFrames
from gateway.capture.pixels import native_format, open_image, usable_profile
from gateway.capture.tiff_file import (
    BITS,
    COMPRESSION,
    ICC_PROFILE,
    LENGTH,
    ORIENTATION,
    PHOTOMETRIC,
    SAMPLE_FORMAT,
    SAMPLES,
    TILE_LENGTH,
    TILE_WIDTH,
    WIDTH,
    Ifd,
    TiffReader,
    data_extent,
    is_full_picture,
)
from gateway.domain.errors import UnreadableInput
from gateway.domain.frames import LossyStep, Picture, PictureFacts

_UNSIGNED, _SIGNED, _FLOAT, _UNDEFINED = 1, 2, 3, 4
_WHITE_IS_ZERO, _BLACK_IS_ZERO = 0, 1
_GRAY_BITS = frozenset({1, 2, 4, 8, 12, 16})
_BYTE, _WORD = 8, 16
_ASSOCIATED_ALPHA_MAX = 2
_LOSSY_METHODS: Mapping[int, str] = MappingProxyType({6: "ISO_10918_1", 7: "ISO_10918_1", 34892: "ISO_10918_1"})
_REMEDY = "Set the device to export 8 or 16 bit gray or 8 bit colour."


@dataclass(frozen=True, slots=True)
class _Page:
    """What must be the same on all pages that become frames of one acquisition."""

    width: int
    height: int
    bits: tuple[int, ...]
    sample_format: int
    photometric: int
    orientation: int


def open_tiff(path: Path, *, max_pixels: int) -> Picture:
    """Open all full pictures of the main chain; reduced copies and masks are left out.

    Pages that differ in size or kind are refused with the page's number: frames of one instance share one format,
    and splitting an exposure silently would hide that the device did something unexpected.
    """
    with path.open("rb") as stream:
        size = stream.seek(0, io.SEEK_END)
        reader = TiffReader(stream, size)
        ifds = list(reader.pages())
        numbers = tuple(number for number, ifd in enumerate(ifds) if is_full_picture(ifd)) or (0,)
        first = _described(ifds[numbers[0]], numbers[0], max_pixels)
        for number in numbers[1:]:
            _require_same(first, _described(ifds[number], number, max_pixels), number)
        facts = facts_of_ifd(reader, ifds[numbers[0]])
        coded_bytes = sum(data_extent(ifds[number], size) for number in numbers)
    with open_image(path, PictureKind.TIFF) as image:
        if numbers[0]:
            image.seek(numbers[0])
        stored = first.bits[0] if first.bits[0] > _BYTE else _WORD
        found = native_format(image.mode, first.width, first.height, orientation=facts.orientation, bits_stored=stored)
    invert = first.photometric == _WHITE_IS_ZERO and first.bits[0] == _WORD
    frames = PillowFrames(path, PictureKind.TIFF, found, pages=numbers, orientation=facts.orientation, invert=invert)
    ifd = ifds[numbers[0]]
    method = _LOSSY_METHODS.get(ifd.number(COMPRESSION, 1))
    lossy = (LossyStep(found.frame_bytes * len(numbers) / max(coded_bytes, 1), method),) if method else ()
    profile = usable_profile(ifd.raw.get(ICC_PROFILE), found.samples_per_pixel)
    return Picture(frames, PictureFacts(profile, facts.recorded_at, lossy), why_decoded="it is a TIFF file")


def _described(ifd: Ifd, number: int, max_pixels: int) -> _Page:
    bits = ifd.numbers(BITS) or (1,) * ifd.number(SAMPLES, 1)
    page = _Page(
        ifd.number(WIDTH, 0),
        ifd.number(LENGTH, 0),
        bits,
        ifd.number(SAMPLE_FORMAT, _UNSIGNED),
        ifd.number(PHOTOMETRIC, _BLACK_IS_ZERO),
        ifd.number(ORIENTATION, 1),
    )
    name = f"Page {number + 1} of the TIFF"
    if not page.width or not page.height:
        raise UnreadableInput(f"{name} has no size.")
    tile = ifd.number(TILE_WIDTH, 0) * ifd.number(TILE_LENGTH, 0)
    if max(page.width * page.height, tile) > max_pixels:
        raise UnreadableInput(f"{name} has {page.width} x {page.height} pixels, more than the {max_pixels} allowed.")
    if page.sample_format == _FLOAT:
        raise UnreadableInput(f"{name} holds floating-point samples, which have no DICOM form here.", remedy=_REMEDY)
    if page.sample_format not in (_UNSIGNED, _SIGNED, _UNDEFINED):
        raise UnreadableInput(f"{name} holds samples of an unknown kind.", remedy=_REMEDY)
    if len(bits) > _ASSOCIATED_ALPHA_MAX and max(bits) > _BYTE:
        raise UnreadableInput(f"{name} holds {max(bits)}-bit colour, which is not supported.", remedy=_REMEDY)
    if any(depth not in _GRAY_BITS for depth in bits):
        raise UnreadableInput(f"{name} holds {max(bits)}-bit samples, which are not supported.", remedy=_REMEDY)
    if page.sample_format == _SIGNED and bits != (_WORD,):
        raise UnreadableInput(
            f"{name} holds signed samples of {bits[0]} bits, which are not supported.", remedy=_REMEDY
        )
    return page


def _require_same(first: _Page, other: _Page, number: int) -> None:
    if (first.width, first.height) != (other.width, other.height):
        raise UnreadableInput(
            f"Page {number + 1} of the TIFF has {other.width} x {other.height} pixels where the first picture has"
            f" {first.width} x {first.height}.",
            remedy="Set the device to export pictures of different sizes as separate files.",
        )
    if first != other:
        raise UnreadableInput(
            f"Page {number + 1} of the TIFF holds other samples than the first picture.",
            remedy="Set the device to export different pictures as separate files.",
        )
