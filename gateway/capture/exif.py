"""The two facts of EXIF that matter here: which way up the picture is, and when the device says it was taken."""

import io
from dataclasses import dataclass
from datetime import datetime

from gateway.capture.tiff_file import ORIENTATION, Ifd, TiffReader
from gateway.domain.errors import UnreadableInput

EXIF_HEADER = b"Exif\x00\x00"
UPRIGHT = 1
_EXIF_IFD, _DATE_TIME_ORIGINAL = 0x8769, 0x9003
_ORIENTATIONS = range(1, 9)


@dataclass(frozen=True, slots=True)
class ExifFacts:
    """`orientation` is 1 to 8 as EXIF counts; `recorded_at` is the device's naive wall clock."""

    orientation: int = UPRIGHT
    recorded_at: datetime | None = None


def exif_facts(block: bytes) -> ExifFacts:
    """Read a TIFF-structured EXIF block; a damaged one says nothing, because the picture does not depend on it."""
    try:
        reader = TiffReader(io.BytesIO(block), len(block), lenient=True)
        return facts_of_ifd(reader, reader.ifd(reader.first))
    except UnreadableInput:
        return ExifFacts()


def facts_of_ifd(reader: TiffReader, ifd: Ifd) -> ExifFacts:
    """The same from the first IFD of a TIFF file or an EXIF block."""
    orientation = ifd.number(ORIENTATION, UPRIGHT)
    recorded_at = None
    pointer = ifd.number(_EXIF_IFD, 0)
    if pointer:
        recorded_at = _moment(reader.ifd(pointer).text(_DATE_TIME_ORIGINAL))
    return ExifFacts(orientation if orientation in _ORIENTATIONS else UPRIGHT, recorded_at)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text.strip(), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - EXIF names no zone
    except ValueError:
        return None
