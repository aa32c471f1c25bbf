"""What kind of picture file some bytes are, told by the bytes and never by the name."""

from enum import Enum
from typing import BinaryIO

from gateway.capture.faults import TruncatedInput
from gateway.domain.errors import UnreadableInput

_ENOUGH_BYTES = 16


class PictureKind(Enum):
    """The picture files that are understood, under the names that Pillow gives their formats."""

    JPEG = "JPEG"
    PNG = "PNG"
    TIFF = "TIFF"
    BMP = "BMP"
    PNM = "PPM"


_SIGNATURES = (
    (b"\xff\xd8\xff", PictureKind.JPEG),
    (b"\x89PNG\r\n\x1a\n", PictureKind.PNG),
    (b"II*\x00", PictureKind.TIFF),
    (b"MM\x00*", PictureKind.TIFF),
    (b"II+\x00\x08\x00\x00\x00", PictureKind.TIFF),
    (b"MM\x00+\x00\x08\x00\x00", PictureKind.TIFF),
    (b"BM", PictureKind.BMP),
    *((b"P%d%c" % (digit, space), PictureKind.PNM) for digit in range(1, 7) for space in b" \t\r\n#"),
)


def sniff(stream: BinaryIO) -> PictureKind:
    """The kind of the picture in `stream`, which is left at its start.

    Raises
    ------
    TruncatedInput
        If the stream is empty, or too short or too blank to tell.
    UnreadableInput
        If it is something else.
    """
    stream.seek(0)
    head = stream.read(_ENOUGH_BYTES)
    stream.seek(0)
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if not head:
        raise TruncatedInput("The file is empty.", remedy="Export it again from the device.")
    if not any(head) or any(signature.startswith(head) for signature, _ in _SIGNATURES):
        raise TruncatedInput("The file ends before it says what it is.", remedy="Export it again from the device.")
    raise UnreadableInput(
        "The file is not a JPEG, PNG, TIFF, BMP or PNM picture, whatever its name says.",
        remedy="Set the device to export one of these formats.",
    )
