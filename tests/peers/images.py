"""Real pictures as devices export them: pydicom's own test images written as PNG, TIFF, JPEG, BMP and PNM."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames


@dataclass(frozen=True, slots=True)
class Exported:
    """A file as a device writes it, and what it shows.

    `pixels` is (frames, rows, columns) or (frames, rows, columns, 3), in 8 or 16 bit; `travels` says that the file is a
    JPEG which is legal in DICOM as it stands.
    """

    suffix: str
    data: bytes
    pixels: np.ndarray
    travels: bool = False


def exported() -> dict[str, Exported]:
    """Every picture by a short name."""
    tomogram = _signed_as_unsigned("CT_small.dcm")
    resonance = _pixels("MR_small.dcm").astype(np.uint16)
    doses = (_pixels("rtdose.dcm") >> 16).astype(np.uint16)
    echo = _pixels("examples_ybr_color.dcm")[:4]
    photograph = _pixels("examples_rgb_color.dcm")
    odd = _pixels("SC_rgb_small_odd.dcm")
    grey = (photograph.astype(np.uint16).sum(axis=2) // 3).astype(np.uint8)
    return {
        "tomogram-png": _as(tomogram, "png"),
        "tomogram-tiff": _as(tomogram, "tif", compression="tiff_lzw"),
        "resonance-pgm": Exported("pgm", _pgm(resonance), resonance[None]),
        "doses-pages": _as(doses, "tif", pages=True),
        "grey-png": _as(grey, "png"),
        "grey-bmp": _as(grey, "bmp"),
        "grey-pages": _as(np.stack([grey, grey[::-1]]), "tif", pages=True),
        "grey-jpeg": _as(grey, "jpg", quality=92),
        "photograph-png": _as(photograph, "png"),
        "photograph-tiff": _as(photograph, "tif", compression="tiff_deflate"),
        "photograph-bmp": _as(photograph, "bmp"),
        "photograph-ppm": _as(photograph, "ppm"),
        "photograph-jpeg": _as(photograph, "jpg", quality=90),
        "palette-png": _palette("examples_palette.dcm"),
        "odd-png": _as(odd, "png"),
        "echo-pages": _as(echo, "tif", pages=True),
        "scanner-jpeg": _jpeg_of("examples_ybr_color.dcm"),
    }


def decoded(data: bytes) -> np.ndarray:
    """What Pillow sees in a file of one picture, colour as RGB."""
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image)


def _pixels(name: str) -> np.ndarray:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    return np.asarray(dcmread(path).pixel_array)


def _signed_as_unsigned(name: str) -> np.ndarray:
    return (_pixels(name).astype(np.int32) + 2048).clip(0, 65535).astype(np.uint16)


def _as(pixels: np.ndarray, suffix: str, *, pages: bool = False, **options: object) -> Exported:
    frames: Sequence[np.ndarray] = list(pixels) if pages else [pixels]
    images = [Image.fromarray(frame) for frame in frames]
    stream = BytesIO()
    if pages:
        options |= {"save_all": True, "append_images": images[1:]}
    images[0].save(stream, {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper()), **options)
    data = stream.getvalue()
    shown = decoded(data)[None] if suffix == "jpg" else np.stack(frames)
    return Exported(suffix, data, shown, travels=suffix == "jpg")


def _pgm(pixels: np.ndarray) -> bytes:
    """A portable gray map of 16 bits, which is big endian."""
    rows, columns = pixels.shape
    return f"P5\n{columns} {rows}\n65535\n".encode() + pixels.astype(">u2").tobytes()


def _palette(name: str) -> Exported:
    """A palette picture as the device that made it would export it, with its own colours (cut to 8 bit)."""
    path = get_testdata_file(name)
    assert isinstance(path, str)
    dataset = dcmread(path)
    tables = [
        np.frombuffer(dataset[f"{colour}PaletteColorLookupTableData"].value, "<u2") >> 8
        for colour in ("Red", "Green", "Blue")
    ]
    image = Image.fromarray(dataset.pixel_array, mode="P")
    table = np.stack(tables, axis=1).astype(np.uint8)[:256]
    image.putpalette(table.tobytes())
    stream = BytesIO()
    image.save(stream, "PNG")
    return Exported("png", stream.getvalue(), table[dataset.pixel_array][None])


def _jpeg_of(name: str) -> Exported:
    """A JPEG stream that a scanner itself coded."""
    path = get_testdata_file(name)
    assert isinstance(path, str)
    dataset = dcmread(path)
    data = next(generate_frames(dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames)))
    return Exported("jpg", data, decoded(data)[None], travels=True)
