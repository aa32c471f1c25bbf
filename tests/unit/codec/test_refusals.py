"""Bad input: a typed error that names the value and the clause, never a wrong stream."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.codec.encode import encode, encode_chunks
from gateway.codec.errors import CodecError
from gateway.codec.registry import all_rows, encoded_photometric, lookup
from gateway.domain.errors import Disposition, Phase
from gateway.domain.frames import FrameFormat

GRAY = FrameFormat(4, 6, 1, 16, 12, signed=False, photometric_interpretation="MONOCHROME2")
RGB = FrameFormat(4, 6, 3, 8, 8, signed=False, photometric_interpretation="RGB")
RLE = "1.2.840.10008.1.2.5"
BASELINE = "1.2.840.10008.1.2.4.50"
EXTENDED = "1.2.840.10008.1.2.4.51"
SV1 = "1.2.840.10008.1.2.4.70"
ENCODING = [row.uid for row in all_rows() if row.encoder]


def frame_of(fmt: FrameFormat) -> bytes:
    return bytes(fmt.frame_bytes)


@pytest.mark.parametrize("uid", ENCODING)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": 0}, r"Rows is 0.*C\.7\.6\.3\.1"),
        ({"columns": 0}, r"Columns is 0.*C\.7\.6\.3\.1"),
        ({"rows": 65536}, r"Rows is 65536.*C\.7\.6\.3\.1"),
        ({"columns": 65536}, r"Columns is 65536.*C\.7\.6\.3\.1"),
        ({"bits_allocated": 32, "bits_stored": 32}, r"Bits Allocated is 32, .*PS3\.5"),
        ({"bits_allocated": 1, "bits_stored": 1}, r"Bits Allocated is 1, .*PS3\.5"),
        ({"bits_stored": 0}, r"Bits Stored is 0, .*PS3\.5"),
        ({"bits_allocated": 8, "bits_stored": 12}, r"Bits (Stored is 12|Allocated is 8), .*PS3\.5"),
        ({"samples_per_pixel": 2}, r"Samples per Pixel is 2, .*PS3\.5"),
        ({"samples_per_pixel": 3}, r"(Samples per Pixel is 3|MONOCHROME2 with 3|Bits)"),
        ({"photometric_interpretation": "YBR_FULL_422"}, r"YBR_FULL_422, .*PS3\.5|Bits"),
        ({"photometric_interpretation": "HSV"}, r"HSV, .*PS3\.5|Bits"),
        ({"photometric_interpretation": "RGB"}, r"RGB.*PS3\.|Bits"),
    ],
)
def test_attributes_that_no_syntax_allows(uid: str, changes: dict[str, Any], message: str) -> None:
    base = replace(GRAY, bits_allocated=8, bits_stored=8) if uid == BASELINE else GRAY
    fmt = replace(base, **changes)
    with pytest.raises(CodecError, match=message) as caught:
        encode_chunks(uid, b"", fmt)
    assert (caught.value.disposition, caught.value.phase) == (Disposition.QUARANTINE, Phase.ENCODE)


@pytest.mark.parametrize(
    ("uid", "fmt", "message"),
    [
        (BASELINE, GRAY, r"Bits Allocated is 16, .*JPEG Baseline.*8\.2\.1"),
        (BASELINE, replace(RGB, samples_per_pixel=1, signed=True), r"Pixel Representation is 1, .*8\.2\.1"),
        (
            BASELINE,
            replace(RGB, samples_per_pixel=1, photometric_interpretation="PALETTE COLOR"),
            r"Photometric Interpretation is PALETTE COLOR, .*8\.2\.1",
        ),
        (EXTENDED, replace(GRAY, bits_stored=16), r"Bits Stored is 16, .*8\.2\.1"),
        (EXTENDED, replace(RGB, bits_allocated=16, bits_stored=12), r"Samples per Pixel is 3, .*8\.2\.1"),
        (SV1, replace(GRAY, bits_stored=7), r"Bits Stored is 7, .*8\.2\.1"),
    ],
)
def test_attributes_that_one_syntax_forbids(uid: str, fmt: FrameFormat, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        encode(uid, frame_of(fmt), fmt)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 6), np.uint8), r"dtype \|u1, not <u2"),
        (np.zeros((4, 6), np.int16), r"dtype <i2, not <u2"),
        (np.zeros((4, 6), ">u2"), r"dtype >u2, not <u2"),
        (np.zeros((4, 6), np.float32), r"dtype <f4, not <u2"),
        (np.zeros((6, 4), np.uint16), r"shape \(6, 4\).*\(4, 6, 1\)"),
        (np.zeros((4, 6, 3), np.uint16), r"shape \(4, 6, 3\).*\(4, 6, 1\)"),
        (np.zeros(24, np.uint16), r"shape \(24,\).*\(4, 6, 1\)"),
        (np.zeros((0, 6), np.uint16), r"shape \(0, 6\)"),
        (np.full((4, 6), 4096, np.uint16), r"value 4096, Bits Stored 12 allows 0 to 4095"),
    ],
)
def test_arrays_that_are_not_the_frame(array: NDArray[Any], message: str) -> None:
    with pytest.raises(CodecError, match=f"{message}.*PS3"):
        encode(SV1, array, GRAY)


@pytest.mark.parametrize("length", [0, 47, 49, 1000])
def test_buffers_of_another_length(length: int) -> None:
    with pytest.raises(CodecError, match=f"has {length} bytes, its attributes ask for 48"):
        encode(RLE, memoryview(bytes(length)), GRAY)


@pytest.mark.parametrize("value", [-2049, 2048])
def test_signed_values_beyond_bits_stored(value: int) -> None:
    array = np.zeros((4, 6), np.int16)
    array[3, 5] = value
    with pytest.raises(CodecError, match=rf"value {value}, Bits Stored 12 allows -2048 to 2047"):
        encode(RLE, array, replace(GRAY, signed=True))


def test_native_syntaxes_encode_nothing() -> None:
    for row in all_rows():
        if row.encoder is None:
            with pytest.raises(CodecError, match=rf"{row.uid}, which is native"):
                encode(row.uid, frame_of(GRAY), GRAY)


def test_unknown_syntaxes_are_named() -> None:
    for uid in ("1.2.840.10008.1.2.2", "1.2.840.10008.1.2.4.91", ""):
        with pytest.raises(CodecError, match=f"Transfer Syntax UID is {uid}, "):
            lookup(uid)


def test_an_array_whose_memory_is_not_in_order_is_encoded_as_it_reads() -> None:
    turned = np.arange(24, dtype=np.uint16).reshape(6, 4).T
    assert encode(SV1, turned, GRAY) == encode(SV1, np.ascontiguousarray(turned), GRAY)


@pytest.mark.parametrize("uid", ENCODING)
def test_bytes_and_arrays_are_the_same_frame(uid: str) -> None:
    fmt = replace(GRAY, rows=32, columns=40)
    fmt = replace(fmt, bits_allocated=8, bits_stored=8) if uid == BASELINE else fmt
    array = np.arange(1280).reshape(32, 40).astype(np.uint8 if uid == BASELINE else np.uint16)
    assert encode(uid, memoryview(array.tobytes()), fmt) == encode(uid, array, fmt)


@pytest.mark.parametrize(
    ("uid", "fmt", "photometric"),
    [
        (RLE, RGB, "RGB"),
        (RLE, GRAY, "MONOCHROME2"),
        (SV1, RGB, "RGB"),
        (BASELINE, RGB, "YBR_FULL_422"),
        ("1.2.840.10008.1.2.4.80", RGB, "RGB"),
        ("1.2.840.10008.1.2.4.90", RGB, "YBR_RCT"),
        ("1.2.840.10008.1.2.4.90", replace(RGB, photometric_interpretation="YBR_FULL"), "YBR_FULL"),
        ("1.2.840.10008.1.2.4.90", GRAY, "MONOCHROME2"),
        ("1.2.840.10008.1.2.1", RGB, "RGB"),
    ],
)
def test_what_the_encoded_object_says_of_its_colour(uid: str, fmt: FrameFormat, photometric: str) -> None:
    assert encoded_photometric(uid, fmt) == photometric
