"""Picture files of every kind as frames, compared with arrays that were written by Pillow or by hand."""

import io
import struct
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydicom
import pytest
from PIL import Image, PngImagePlugin
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames

from gateway.capture.image_files import make_thumbnail, open_picture
from gateway.domain.errors import GatewayError, UnreadableInput

RANDOM = np.random.default_rng(3)
GRAY = RANDOM.integers(0, 256, (21, 33), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (21, 33, 3), dtype=np.uint8)
WORDS = RANDOM.integers(0, 65536, (21, 33), dtype=np.uint16)


def saved(tmp_path: Path, image: Image.Image, name: str, **options: Any) -> Path:
    path = tmp_path / name
    image.save(path, **options)
    return path


def frame(path: Path, index: int = 0) -> np.ndarray:
    frames = open_picture(path).frames
    found = frames.format
    data = frames.frame(index)
    assert len(data) == found.frame_bytes
    kind = ("<i2" if found.signed else "<u2") if found.bits_allocated == 16 else np.uint8
    array = np.frombuffer(data, kind).reshape(found.rows, found.columns, found.samples_per_pixel)
    return array[:, :, 0] if found.samples_per_pixel == 1 else array


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "pgm"])
def test_gray_bytes(tmp_path: Path, suffix: str) -> None:
    path = saved(tmp_path, Image.fromarray(GRAY), f"a.{suffix}")
    assert np.array_equal(frame(path), GRAY)
    assert open_picture(path).frames.format.photometric_interpretation == "MONOCHROME2"


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "ppm"])
def test_colour_bytes(tmp_path: Path, suffix: str) -> None:
    path = saved(tmp_path, Image.fromarray(COLOUR), f"a.{suffix}")
    assert np.array_equal(frame(path), COLOUR)
    assert open_picture(path).frames.format.photometric_interpretation == "RGB"


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_words(tmp_path: Path, suffix: str) -> None:
    path = saved(tmp_path, Image.fromarray(WORDS), f"a.{suffix}")
    assert np.array_equal(frame(path), WORDS)
    assert open_picture(path).frames.format.bits_stored == 16


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_words(tmp_path: Path, compression: str) -> None:
    path = saved(tmp_path, Image.fromarray(WORDS), "a.tif", compression=compression)
    assert np.array_equal(frame(path), WORDS)


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(GRAY), "a.jpg", format="PNG")
    assert np.array_equal(frame(path), GRAY)


def tiff(pages: list[tuple[np.ndarray, dict[int, tuple[str, list[int]]]]], order: Literal["<", ">"] = "<") -> bytes:
    """TIFF pages by hand: one uncompressed strip each, tags overriding the usual ones."""
    out = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8))
    for number, (array, overrides) in enumerate(pages):
        data = array.astype(array.dtype.newbyteorder(order)).tobytes()
        samples = 1 if array.ndim == 2 else array.shape[2]
        tags: dict[int, tuple[str, list[int]]] = {
            256: ("I", [array.shape[1]]),
            257: ("I", [array.shape[0]]),
            258: ("H", [array.dtype.itemsize * 8] * samples),
            259: ("H", [1]),
            262: ("H", [1 if samples == 1 else 2]),
            273: ("I", [0]),
            277: ("H", [samples]),
            278: ("I", [array.shape[0]]),
            279: ("I", [len(data)]),
            **overrides,
        }
        ifd_end = len(out) + 2 + 12 * len(tags) + 4
        extra = b""
        entries = b""
        for tag, (code, values) in sorted(tags.items()):
            raw = struct.pack(f"{order}{len(values)}{code}", *values)
            if tag == 273:
                long_values = sum(
                    len(v) * struct.calcsize(c) for c, v in tags.values() if len(v) * struct.calcsize(c) > 4
                )
                raw = struct.pack(order + "I", ifd_end + long_values)
            if len(raw) > 4:
                pointer = ifd_end + len(extra)
                extra += raw
                raw = struct.pack(order + "I", pointer)
            entries += struct.pack(order + "HHI", tag, {"H": 3, "I": 4}[code], len(values)) + raw.ljust(4, b"\0")
        following = ifd_end + len(extra) + len(data)
        last = number == len(pages) - 1
        out += struct.pack(order + "H", len(tags)) + entries + struct.pack(order + "I", 0 if last else following)
        out += extra + data
    return bytes(out)


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "a.bin"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
def test_words_in_both_byte_orders(tmp_path: Path, order: Literal["<", ">"]) -> None:
    assert np.array_equal(frame(written(tmp_path, tiff([(WORDS, {})], order))), WORDS)


@pytest.mark.parametrize("array", [GRAY, WORDS])
def test_white_is_zero_is_turned_around(tmp_path: Path, array: np.ndarray) -> None:
    path = written(tmp_path, tiff([(array, {262: ("H", [0])})]))
    assert np.array_equal(frame(path), np.iinfo(array.dtype).max - array)


def test_signed_words_stay_signed(tmp_path: Path) -> None:
    words = WORDS.view(np.int16)
    path = written(tmp_path, tiff([(words, {339: ("H", [2])})]))
    assert open_picture(path).frames.format.signed
    assert np.array_equal(frame(path), words)


def test_pages_become_frames_one_at_a_time(tmp_path: Path) -> None:
    stack = [WORDS, WORDS + 1, WORDS + 2]
    path = written(tmp_path, tiff([(page, {}) for page in stack]))
    frames = open_picture(path).frames
    assert frames.frame_count == 3
    for index in (2, 0, 1, 2, 1):
        assert np.array_equal(np.frombuffer(frames.frame(index), "<u2").reshape(WORDS.shape), stack[index])


def test_reduced_copies_and_masks_are_no_frames(tmp_path: Path) -> None:
    small = GRAY[:5, :7].copy()
    path = written(tmp_path, tiff([(small, {254: ("I", [1])}), (GRAY, {}), (GRAY, {254: ("I", [4])})]))
    frames = open_picture(path).frames
    assert frames.frame_count == 1
    assert np.array_equal(np.frombuffer(frames.frame(0), np.uint8).reshape(GRAY.shape), GRAY)


def test_an_orientation_of_tiff_is_applied(tmp_path: Path) -> None:
    path = written(tmp_path, tiff([(WORDS, {274: ("H", [6])}), (WORDS, {274: ("H", [6])})]))
    assert np.array_equal(frame(path), np.rot90(WORDS, -1))
    assert np.array_equal(frame(path, 1), np.rot90(WORDS, -1))


@pytest.mark.parametrize(
    ("pages", "word"),
    [
        ([(GRAY, {}), (GRAY[:10].copy(), {})], "Page 2"),
        ([(GRAY, {}), (WORDS, {})], "Page 2"),
        ([(WORDS.astype(np.float32), {339: ("H", [3])})], "floating-point"),
        ([(WORDS.astype(np.uint32), {})], "32-bit"),
        ([(np.dstack([WORDS] * 3), {})], "16-bit colour"),
        ([(GRAY.view(np.int8), {339: ("H", [2])})], "signed"),
    ],
)
def test_tiff_files_that_are_refused_say_why(tmp_path: Path, pages: list[Any], word: str) -> None:
    with pytest.raises(UnreadableInput, match=word):
        open_picture(written(tmp_path, tiff(pages)))


def test_a_jpeg_inside_tiff_counts_as_lossy(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(COLOUR), "a.tif", compression="jpeg")
    picture = open_picture(path)
    assert picture.facts.lossy[0].method == "ISO_10918_1"
    assert picture.facts.lossy[0].ratio > 1
    assert len(picture.frames.frame(0)) == COLOUR.size


def test_alpha_is_laid_over_black(tmp_path: Path) -> None:
    alpha = RANDOM.integers(0, 256, GRAY.shape, dtype=np.uint8)
    path = saved(tmp_path, Image.fromarray(np.dstack([COLOUR, alpha])), "a.png")
    expected = COLOUR.astype(float) * alpha[:, :, None] / 255
    assert np.abs(frame(path) - expected).max() <= 1
    path = saved(tmp_path, Image.fromarray(np.dstack([GRAY, alpha])), "b.png")
    assert np.abs(frame(path) - GRAY.astype(float) * alpha / 255).max() <= 1


def test_palettes_become_rgb(tmp_path: Path) -> None:
    image = Image.fromarray(COLOUR).quantize(16)
    for name in ("a.png", "a.tif", "a.bmp"):
        assert np.array_equal(frame(saved(tmp_path, image, name)), np.asarray(image.convert("RGB")))
    image.info["transparency"] = 3
    transparent = saved(tmp_path, image, "t.png", transparency=3)
    seen = frame(transparent)
    assert not seen[np.asarray(image) == 3].any()


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "pbm"])
def test_bits_become_bytes(tmp_path: Path, suffix: str) -> None:
    image = Image.fromarray(GRAY > 127)
    seen = frame(saved(tmp_path, image, f"a.{suffix}"))
    assert np.array_equal(seen.reshape(*GRAY.shape, -1)[:, :, 0], np.where(GRAY > 127, 255, 0))


def test_portable_anymaps_keep_their_values(tmp_path: Path) -> None:
    twelve = WORDS >> 4
    path = written(tmp_path, b"P5\n# made by hand\n33 21\n4095\n" + twelve.astype(">u2").tobytes())
    assert np.array_equal(frame(path), twelve)
    assert open_picture(path).frames.format.bits_stored == 12
    colour = RANDOM.integers(0, 1024, (21, 33, 3), dtype=np.uint16)
    path = written(tmp_path, b"P6 33 21 1023 " + colour.astype(">u2").tobytes())
    assert np.array_equal(frame(path), colour)
    path = written(tmp_path, b"P2 33 21 255 " + b" ".join(b"%d" % v for v in GRAY.ravel()) + b"\n")
    assert np.array_equal(frame(path), GRAY)
    path = written(tmp_path, b"P1\n3 2\n010\n1 1#x\n1\n")
    assert np.array_equal(frame(path), [[255, 0, 255], [0, 0, 0]])


def test_cmyk_and_turned_photographs_are_decoded_upright(tmp_path: Path) -> None:
    smooth = np.dstack([np.tile(np.arange(48, dtype=np.uint8) * 5, (32, 1))] * 3)
    cmyk = saved(tmp_path, Image.fromarray(smooth).convert("CMYK"), "a.jpg", quality=95)
    assert np.abs(frame(cmyk).astype(int) - smooth).max() < 12
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x9003] = "2026:03:04 05:06:07"
    turned = saved(tmp_path, Image.fromarray(smooth), "b.jpg", quality=95, exif=exif)
    picture = open_picture(turned)
    assert picture.coded is None
    assert picture.facts.recorded_at == datetime(2026, 3, 4, 5, 6, 7)  # noqa: DTZ001 - EXIF names no zone
    assert np.abs(frame(turned).astype(int) - np.rot90(smooth, -1)).max() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_agrees_with_pillow(tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps  # noqa: PLC0415 - only the oracle of this test

    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ("a.jpg", "a.png"):
        path = saved(tmp_path, Image.fromarray(COLOUR), name, exif=exif)
        with Image.open(path) as image:
            assert np.array_equal(frame(path), np.asarray(ImageOps.exif_transpose(image)))


def test_the_profile_follows_only_where_it_fits(tmp_path: Path) -> None:
    from PIL import ImageCms  # noqa: PLC0415 - only this test needs it

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name in ("a.jpg", "a.png", "a.tif"):
        assert (
            open_picture(saved(tmp_path, Image.fromarray(COLOUR), name, icc_profile=profile)).facts.icc_profile
            == profile
        )
        gray = saved(tmp_path, Image.fromarray(GRAY), name, icc_profile=profile)
        assert open_picture(gray).facts.icc_profile is None


def _png(width: int, height: int, depth: int = 8, colour: int = 0) -> bytes:
    out = io.BytesIO()
    out.write(b"\x89PNG\r\n\x1a\n")
    PngImagePlugin.putchunk(out, b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    PngImagePlugin.putchunk(out, b"IDAT", b"\x78\x9c\x03\x00\x00\x00\x00\x01")
    PngImagePlugin.putchunk(out, b"IEND", b"")
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        _png(100000, 100000),
        b"P5 100000 100000 255\n",
        b"BM" + struct.pack("<IIIIiiHHIIIIII", 0, 0, 54, 40, 100000, 100000, 1, 8, 0, 0, 0, 0, 0, 0),
        tiff([(GRAY, {256: ("I", [100000]), 257: ("I", [100000])})]),
        b"\xff\xd8\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00",
    ],
)
def test_a_bomb_is_refused_by_its_header(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnreadableInput, match="pixels"):
        open_picture(written(tmp_path, data))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 64,
        b"hello world, no picture",
        b"GIF89a" + b"\0" * 50,
        _png(33, 21),
        _png(33, 21, 16, 2),
        b"BMxxxx",
        b"P5 x",
    ],
)
def test_what_is_no_picture_ends_in_a_fault(tmp_path: Path, data: bytes) -> None:
    path = written(tmp_path, data)
    with pytest.raises(UnreadableInput):
        open_picture(path).frames.frame(0)
    with pytest.raises(UnreadableInput):
        make_thumbnail(path, io.BytesIO())


def test_a_missing_file_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(GatewayError) as caught:
        open_picture(tmp_path / "gone.png")
    assert caught.value.disposition.value == "retry"


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "w.png", "w.pgm"])
def test_thumbnails_are_small_pictures_of_the_first_frame(tmp_path: Path, name: str) -> None:
    ramp = np.tile(np.linspace(0, 1, 600), (300, 1))
    if name == "w.pgm":
        path = written(tmp_path, b"P5 600 300 65535\n" + (ramp * 30000 + 1000).astype(">u2").tobytes())
    elif name == "w.png":
        path = saved(tmp_path, Image.fromarray((ramp * 30000 + 1000).astype(np.uint16)), name)
    else:
        path = saved(tmp_path, Image.fromarray((ramp * 255).astype(np.uint8)).convert("RGB"), name)
    out = io.BytesIO()
    make_thumbnail(path, out)
    small = Image.open(out)
    assert small.format == "JPEG"
    assert small.size == (256, 128)
    row = np.asarray(small.convert("L"))[60]
    assert row[2] < 20
    assert row[253] > 235


def test_a_stream_that_is_only_passed_on_has_a_plain_thumbnail(tmp_path: Path) -> None:
    source = get_testdata_file("JPGExtended.dcm", download=False)
    assert isinstance(source, str)
    stream = next(generate_frames(pydicom.dcmread(source).PixelData, number_of_frames=1))
    path = written(tmp_path, stream)
    picture = open_picture(path)
    assert picture.coded is not None
    assert picture.frames.format.bits_stored == 12
    with pytest.raises(UnreadableInput):
        picture.frames.frame(0)
    out = io.BytesIO()
    make_thumbnail(path, out)
    assert Image.open(out).format == "JPEG"
