"""How each kind of picture file but TIFF becomes a picture: headers first, limits before any decoding."""

from pathlib import Path

from gateway.capture.bmp_file import read_bmp_header
from gateway.capture.completeness import read_jpeg
from gateway.capture.contents import PictureKind
from gateway.capture.exif import UPRIGHT, ExifFacts, exif_facts
from gateway.capture.jpeg_coding import examine_jpeg
from gateway.capture.jpeg_file import parse_frame_header
from gateway.capture.picture_frames import DECODED_BITS, JpegFrames, PillowFrames
from gateway.capture.pixels import native_format, open_image, usable_profile
from gateway.capture.png_file import read_png_header
from gateway.capture.pnm_file import PnmFrames, check_pnm, read_pnm_header
from gateway.domain.errors import UnreadableInput
from gateway.domain.frames import Picture, PictureFacts

_REMEDY = "Set the device to export 8 or 16 bit gray or 8 bit colour."
_WORD = 16
_GRAY = 0


def require_pixels(width: int, height: int, max_pixels: int) -> None:
    """Refuse a picture whose header alone would fill the memory of this box."""
    if width * height > max_pixels:
        raise UnreadableInput(
            f"The picture has {width} x {height} pixels, more than the {max_pixels} allowed.",
            remedy="Check the device's export settings.",
        )


def open_jpeg(path: Path, *, max_pixels: int) -> Picture:
    """A JPEG file; `coded` is its own stream where DICOM allows it."""
    with path.open("rb") as stream:
        data = read_jpeg(stream)
    header = parse_frame_header(data)
    require_pixels(header.width, header.height, max_pixels)
    examined = examine_jpeg(data)
    require_pixels(examined.width, examined.height, max_pixels)
    if examined.coded is None and examined.precision != DECODED_BITS:
        raise UnreadableInput(
            f"The JPEG cannot be wrapped because {examined.why_decoded}, and its {examined.precision}-bit samples"
            " cannot be decoded here.",
            remedy="Set the device to export 8-bit JPEG, or PNG or TIFF.",
        )
    profile = usable_profile(examined.icc_profile, examined.samples)
    facts = PictureFacts(profile, examined.exif.recorded_at, examined.lossy)
    return Picture(JpegFrames(examined), facts, examined.coded, examined.why_decoded)


def open_png(path: Path, *, max_pixels: int) -> Picture:
    """A PNG file; animations and 16-bit colour are refused because they would lose frames or bits unseen."""
    with path.open("rb") as stream:
        header = read_png_header(stream)
    require_pixels(header.width, header.height, max_pixels)
    if header.animated:
        raise UnreadableInput("The PNG is an animation.", remedy="Set the device to export still pictures.")
    if header.bit_depth == _WORD and header.colour_type != _GRAY:
        raise UnreadableInput("The PNG holds 16-bit colour, which is not supported.", remedy=_REMEDY)
    exif = exif_facts(header.exif) if header.exif else ExifFacts()
    return _through_pillow(path, PictureKind.PNG, exif)


def open_bmp(path: Path, *, max_pixels: int) -> Picture:
    """A Windows bitmap."""
    with path.open("rb") as stream:
        header = read_bmp_header(stream)
    require_pixels(header.width, header.height, max_pixels)
    return _through_pillow(path, PictureKind.BMP, ExifFacts())


def open_pnm(path: Path, *, max_pixels: int) -> Picture:
    """A portable anymap, with its exact samples."""
    with path.open("rb") as stream:
        header = read_pnm_header(stream)
        require_pixels(header.width, header.height, max_pixels)
        check_pnm(stream)
    return Picture(PnmFrames(path, header), PictureFacts(), why_decoded="it is a PNM file")


def _through_pillow(path: Path, kind: PictureKind, exif: ExifFacts) -> Picture:
    with open_image(path, kind) as image:
        width, height = image.size
        found = native_format(image.mode, width, height, orientation=exif.orientation)
        profile = image.info.get("icc_profile")
    frames = PillowFrames(path, kind, found, orientation=exif.orientation or UPRIGHT)
    facts = PictureFacts(usable_profile(profile, found.samples_per_pixel), exif.recorded_at)
    return Picture(frames, facts, why_decoded=f"it is a {kind.value} file")
