"""Frames decoded one at a time from a picture file on disk, through Pillow."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import ExifTags, Image

from gateway.capture.contents import PictureKind
from gateway.capture.faults import decoding
from gateway.capture.jpeg_coding import ExaminedJpeg
from gateway.capture.pixels import load, native_bytes, native_format, open_image, upright
from gateway.domain.errors import GatewayError
from gateway.domain.frames import FrameFormat

DECODED_BITS = 8
"""Bits per sample of the JPEG streams that Pillow decodes."""


@dataclass(frozen=True, slots=True)
class JpegFrames:
    """The one frame of a JPEG file, decoded from its stripped stream and turned upright."""

    examined: ExaminedJpeg

    @property
    def format(self) -> FrameFormat:
        """Gray or RGB bytes; for the processes that Pillow cannot decode, the format of the coded stream."""
        found = self.examined
        if found.coded is not None and found.precision != DECODED_BITS:
            return found.coded.format
        mode = "L" if found.samples == 1 else "RGB"
        return native_format(mode, found.width, found.height, orientation=found.exif.orientation)

    @property
    def frame_count(self) -> int:
        """Always 1."""
        return 1

    def frame(self, index: int) -> memoryview:
        """Decode it; `UnreadableInput` for samples of more than 8 bits, which can only be passed on as they stand."""
        if index != 0:
            raise IndexError(index)
        with decoding("The JPEG"), open_image(io.BytesIO(self.examined.stream), PictureKind.JPEG) as image:
            load(image, self.format)
            return native_bytes(upright(image, self.examined.exif.orientation), self.format)


class PillowFrames:
    """Frames of a PNG, BMP or TIFF file.

    `pages` are the file's own page numbers of the frames, `orientation` is that of all of them.
    """

    def __init__(
        self,
        path: Path,
        kind: PictureKind,
        frame_format: FrameFormat,
        *,
        pages: tuple[int, ...] = (0,),
        orientation: int = 1,
        invert: bool = False,
    ) -> None:
        self._path = path
        self._kind = kind
        self._format = frame_format
        self._pages = pages
        self._orientation = orientation
        self._invert = invert
        self._stream: BinaryIO | None = None
        self._image: Image.Image | None = None

    @property
    def format(self) -> FrameFormat:
        """The format that all frames share."""
        return self._format

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return len(self._pages)

    def frame(self, index: int) -> memoryview:
        """Decode one frame; the file stays open between frames, because finding a page means walking to it."""
        try:
            with decoding("The picture"):
                data = self._decoded(self._pages[index])
        except GatewayError:
            self._close()
            raise
        if index == len(self._pages) - 1:
            self._close()
        return data

    def _decoded(self, page: int) -> memoryview:
        if self._image is None:
            # Opened by handle, not by name: Pillow would map the file, and maps a turned TIFF with its sides swapped.
            self._stream = self._path.open("rb")
            self._image = open_image(self._stream, self._kind)
        if self._image.tell() != page:
            self._image.seek(page)
        orientation = self._orientation
        if self._kind is PictureKind.TIFF:
            # Pillow turns TIFF pages itself, by this entry; XMP may have told it something else.
            self._image.getexif()[ExifTags.Base.Orientation] = orientation
            orientation = 1
        load(self._image, self._format)
        return native_bytes(upright(self._image, orientation), self._format, invert=self._invert)

    def _close(self) -> None:
        if self._image is not None:
            self._image.close()
            self._image = None
        if self._stream is not None:
            self._stream.close()
            self._stream = None
