"""Picture files as frames: opened by content, judged by their headers, decoded one frame at a time."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageDraw

from gateway.capture.completeness import Completeness, Growth, is_complete, read_jpeg
from gateway.capture.contents import PictureKind, sniff
from gateway.capture.faults import decoding
from gateway.capture.jpeg_coding import examine_jpeg
from gateway.capture.picture_frames import DECODED_BITS
from gateway.capture.picture_openers import open_bmp, open_jpeg, open_png, open_pnm, require_pixels
from gateway.capture.pixels import open_image, upright
from gateway.capture.tiff_picture import open_tiff
from gateway.domain.frames import FrameFormat, Picture

__all__ = ["MAX_PIXELS", "Completeness", "Growth", "is_complete", "make_thumbnail", "open_picture"]

MAX_PIXELS = 160_000_000
"""Default limit of one frame: as RGB, it fits into half a gigabyte."""

_THUMBNAIL_QUALITY = 80
_BYTE = 8
_OPENERS: Mapping[PictureKind, Callable[..., Picture]] = MappingProxyType(
    {
        PictureKind.JPEG: open_jpeg,
        PictureKind.PNG: open_png,
        PictureKind.TIFF: open_tiff,
        PictureKind.BMP: open_bmp,
        PictureKind.PNM: open_pnm,
    }
)


def open_picture(path: Path, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Open a picture file as what its bytes are, whatever its name says.

    The file must stay where it is while frames are decoded; nothing is decoded here.

    Raises
    ------
    UnreadableInput
        If it is no picture of a known kind, damaged, too large, or of samples that cannot be kept exactly.
    GatewayError
        RETRY, if the disk fails.
    """
    with decoding("The picture"):
        with path.open("rb") as stream:
            kind = sniff(stream)
        return _OPENERS[kind](path, max_pixels=max_pixels)


def make_thumbnail(path: Path, target: BinaryIO, *, edge: int = 256) -> None:
    """Write a small JPEG of the first frame, at most `edge` pixels wide and high.

    Words are windowed from the least to the greatest value.

    Raises
    ------
    UnreadableInput
        As `open_picture`.
    """
    with decoding("The picture"):
        with path.open("rb") as stream:
            kind = sniff(stream)
        small = _small_jpeg(path, edge) if kind is PictureKind.JPEG else _small_picture(path, edge)
        small.thumbnail((edge, edge))
        small.save(target, "JPEG", quality=_THUMBNAIL_QUALITY)


def _small_jpeg(path: Path, edge: int) -> Image.Image:
    """A JPEG decoded at a fraction of its size, so that a large photograph costs little memory."""
    with path.open("rb") as stream:
        examined = examine_jpeg(read_jpeg(stream))
    require_pixels(examined.width, examined.height, MAX_PIXELS)
    if examined.precision != DECODED_BITS:
        return _placeholder(examined.width, examined.height, edge)
    with open_image(io.BytesIO(examined.stream), PictureKind.JPEG) as image:
        image.draft(None, (edge, edge))
        image.thumbnail((edge, edge))
        plain = image.convert("L" if image.mode == "L" else "RGB")
    return upright(plain, examined.exif.orientation)


def _placeholder(width: int, height: int, edge: int) -> Image.Image:
    """A plain tile of the picture's shape, for streams that are passed on as they stand but not decoded here."""
    tile = Image.new("L", (min(width, edge), min(height, edge)), 70)
    ImageDraw.Draw(tile).text((8, 8), "no preview", fill=220)
    return tile


def _small_picture(path: Path, edge: int) -> Image.Image:
    frames = open_picture(path).frames
    return _windowed(frames.frame(0), frames.format, edge)


def _windowed(data: memoryview, found: FrameFormat, edge: int) -> Image.Image:
    size = (found.columns, found.rows)
    if found.bits_allocated == _BYTE:
        shape = (found.rows, found.columns) + ((3,) if found.samples_per_pixel > 1 else ())
        return Image.fromarray(np.frombuffer(data, np.uint8).reshape(shape))
    words = np.frombuffer(data, "<i2" if found.signed else "<u2").reshape(found.rows, found.columns, -1)
    step = max(1, max(size) // (4 * edge))
    part = words[::step, ::step].astype(np.float32)
    least, most = float(words.min()), float(words.max())
    gray = ((part - least) * (255 / max(most - least, 1))).astype(np.uint8)
    return Image.fromarray(gray[:, :, 0] if gray.shape[2] == 1 else gray)
