"""Half-written files are told from whole ones at every single length."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gateway.capture.completeness import Growth, completeness_of, is_complete
from gateway.domain.errors import GatewayError

GRAY = Image.fromarray(np.random.default_rng(5).integers(0, 256, (13, 9), dtype=np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


WHOLE = {
    "jpeg": encoded(GRAY, "JPEG"),
    "jpeg progressive": encoded(GRAY.convert("RGB"), "JPEG", progressive=True),
    "png": encoded(GRAY, "PNG"),
    "tiff": encoded(GRAY, "TIFF"),
    "tiff lzw": encoded(GRAY, "TIFF", compression="tiff_lzw"),
    "tiff pages": encoded(GRAY, "TIFF", save_all=True, append_images=[GRAY, GRAY]),
    "tiff big": encoded(GRAY, "TIFF", big_tiff=True),
    "bmp": encoded(GRAY, "BMP"),
    "bmp colour": encoded(GRAY.convert("RGB"), "BMP"),
    "pgm": encoded(GRAY, "PPM"),
    "ppm": encoded(GRAY.convert("RGB"), "PPM"),
    "pbm": encoded(GRAY.convert("1"), "PPM"),
    "pgm plain": b"P2 3 2 255\n 1 22 3 44 5 6\n",
}
# Bytes at the end that no reader misses: the pad byte after a TIFF's last page, the white space after a last number.
UNTOLD = {"pgm plain": 1, "tiff lzw": 1, "tiff pages": 1}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_files_are_complete(name: str) -> None:
    assert completeness_of(io.BytesIO(WHOLE[name])).growth is Growth.COMPLETE


@pytest.mark.parametrize("name", WHOLE)
def test_no_truncation_is_complete(name: str) -> None:
    data = WHOLE[name]
    taken = [n for n in range(len(data)) if completeness_of(io.BytesIO(data[:n])).growth is not Growth.GROWING]
    assert [n for n in taken if n < len(data) - UNTOLD.get(name, 0)] == []


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_of_full_size_whose_end_is_still_blank_is_not_complete_where_the_format_tells(name: str) -> None:
    data = WHOLE[name]
    half = data[: len(data) // 2].ljust(len(data), b"\0")
    verdict = completeness_of(io.BytesIO(half)).growth
    # A raster has no end marker: BMP, PNM and uncompressed TIFF with the directory first cannot tell blank from black.
    told = name.startswith(("jpeg", "png"))
    assert verdict is not Growth.COMPLETE or not told


def test_other_content_is_hopeless_and_says_so() -> None:
    verdict = completeness_of(io.BytesIO(b"<html>not a picture</html>"))
    assert verdict.growth is Growth.HOPELESS
    assert "not a JPEG" in verdict.reason


def test_a_damaged_chunk_is_hopeless() -> None:
    data = bytearray(WHOLE["png"])
    data[45] ^= 1
    assert completeness_of(io.BytesIO(bytes(data))).growth is Growth.HOPELESS


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(WHOLE["png"])
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    assert is_complete(tmp_path / "real.png").growth is Growth.COMPLETE
    with pytest.raises(GatewayError):
        is_complete(tmp_path / "link.png")
