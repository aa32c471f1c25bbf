"""Whether a picture file is all there, told by its own format: a file that stopped growing may still be half of one."""

import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from gateway.capture.bmp_file import check_bmp
from gateway.capture.contents import PictureKind, sniff
from gateway.capture.faults import TruncatedInput, decoding, input_fault
from gateway.capture.jpeg_file import parse_jpeg
from gateway.capture.png_file import check_png
from gateway.capture.pnm_file import check_pnm
from gateway.capture.tiff_file import check_tiff
from gateway.domain.errors import UnreadableInput

_MAX_JPEG_BYTES = 1 << 30


class Growth(Enum):
    """What can be said about a file that may still be written."""

    COMPLETE = "complete"
    GROWING = "growing"
    HOPELESS = "hopeless"


@dataclass(frozen=True, slots=True)
class Completeness:
    """The verdict, with the fault that the file would have if it were taken as it stands."""

    growth: Growth
    fault: UnreadableInput | None = None

    @property
    def reason(self) -> str:
        """The fault in words; empty when the file is complete."""
        return self.fault.message if self.fault else ""


def read_jpeg(stream: BinaryIO) -> bytes:
    """The bytes of a JPEG file, unless it is larger than any picture."""
    if stream.seek(0, io.SEEK_END) > _MAX_JPEG_BYTES:
        raise UnreadableInput(f"The JPEG has more than {_MAX_JPEG_BYTES >> 20} MiB.")
    stream.seek(0)
    return stream.read()


def _check_jpeg(stream: BinaryIO) -> None:
    parse_jpeg(read_jpeg(stream))


_CHECKS: Mapping[PictureKind, Callable[[BinaryIO], None]] = MappingProxyType(
    {
        PictureKind.JPEG: _check_jpeg,
        PictureKind.PNG: check_png,
        PictureKind.TIFF: check_tiff,
        PictureKind.BMP: check_bmp,
        PictureKind.PNM: check_pnm,
    }
)


def completeness_of(stream: BinaryIO) -> Completeness:
    """Walk the structure of an open picture file; `HOPELESS` means that more bytes at its end would not help."""
    try:
        with decoding("The file"):
            _CHECKS[sniff(stream)](stream)
    except TruncatedInput as fault:
        return Completeness(Growth.GROWING, fault)
    except UnreadableInput as fault:
        return Completeness(Growth.HOPELESS, fault)
    return Completeness(Growth.COMPLETE)


def is_complete(path: Path) -> Completeness:
    """The same for a path, which must be a regular file; a `GatewayError` (RETRY) if it cannot be opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise input_fault("A captured file cannot be opened", error) from error
    with os.fdopen(descriptor, "rb") as stream:
        return completeness_of(stream)
