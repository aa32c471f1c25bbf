import struct

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.codec import rle
from gateway.codec.encode import encode, encode_chunks
from gateway.codec.errors import CodecError, DamagedStream
from gateway.codec.options import EncodeOptions
from gateway.codec.registry import lookup
from gateway.codec.rle_decode import decode_rle
from gateway.codec.verify import verify
from gateway.domain.frames import FrameFormat

UID = "1.2.840.10008.1.2.5"


def gray(rows: int, columns: int, bits: int = 8) -> FrameFormat:
    return FrameFormat(rows, columns, 1, bits, bits, signed=False, photometric_interpretation="MONOCHROME2")


def header(*offsets: int) -> bytes:
    return struct.pack("<16L", len(offsets), *offsets, *[0] * (15 - len(offsets)))


def test_golden_gray() -> None:
    frame = np.array([[7, 7, 7, 7, 1, 2], [3, 3, 3, 3, 3, 3]], np.uint8)
    assert encode(UID, frame, gray(2, 6)) == header(64) + bytes(
        [
            *(253, 7),  # Replicate Run of 4
            *(1, 1, 2),  # Literal Run of 2
            *(251, 3),  # Replicate Run of 6, which does not reach over the row's border
            0,  # the segment is padded to an even length
        ]
    )


def test_golden_sixteen_bits_puts_high_bytes_first() -> None:
    frame = np.array([[0x0102, 0x0103, 0x0104]], np.uint16)
    assert encode(UID, frame, gray(1, 3, 16)) == header(64, 66) + bytes(
        [
            *(254, 1),  # the high bytes: Replicate Run of 3
            *(2, 2, 3, 4),  # the low bytes: Literal Run of 3
        ]
    )


def test_golden_colour_has_a_segment_for_each_plane() -> None:
    fmt = FrameFormat(1, 2, 3, 8, 8, signed=False, photometric_interpretation="RGB")
    frame = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    assert encode(UID, frame, fmt) == header(64, 68, 72) + bytes(
        [
            *(1, 1, 4, 0),  # R: Literal Run of 2, padding
            *(1, 2, 5, 0),  # G
            *(1, 3, 6, 0),  # B
        ]
    )


@pytest.mark.parametrize("columns", [1, 2, 3, 127, 128, 129, 130, 131, 255, 256, 257, 384, 385])
@pytest.mark.parametrize("kind", ["constant", "runs at borders", "runs of three", "literal"])
def test_tiles_keep_runs_within_what_a_header_counts(columns: int, kind: str) -> None:
    row: NDArray[np.uint8] = {
        "constant": np.full(columns, 9),
        "runs at borders": (np.arange(columns) + 3) // 128,
        "runs of three": np.arange(columns) // 3,
        "literal": np.arange(columns) % 251,
    }[kind].astype(np.uint8)
    frame = np.stack([row, row[::-1], row])
    fmt = gray(3, columns)
    stream = encode(UID, frame, fmt)
    verify(UID, stream, frame, fmt)
    assert np.array_equal(decode_rle(stream, fmt), frame)


def test_a_stream_too_long_to_hold_is_encoded_again_and_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = np.random.default_rng(1).integers(0, 65536, (61, 301), dtype=np.uint16)
    whole = encode(UID, frame, gray(61, 301, 16))
    strips = EncodeOptions(strip_samples=700)
    held = encode(UID, frame, gray(61, 301, 16), options=strips)
    for limit in (0, 1000, 20_000, 30_000):
        monkeypatch.setattr(rle, "_HELD_BYTES", limit)
        assert b"".join(encode_chunks(UID, frame, gray(61, 301, 16), options=strips)) == held == whole


def test_a_stream_beyond_the_offsets_is_refused() -> None:
    with pytest.raises(CodecError, match=r"4294967360 bytes.*PS3\.5 Annex G\.5"):
        rle.rle_header([1 << 31, 1 << 31])


def test_own_decoder_reads_what_the_foreign_encoder_wrote() -> None:
    import rle.rle as foreign  # noqa: PLC0415 - the name of our own module stands above

    frame = np.random.default_rng(2).integers(0, 3, (40, 50, 3), dtype=np.uint16)
    fmt = FrameFormat(40, 50, 3, 16, 16, signed=False, photometric_interpretation="RGB")
    stream = foreign.encode_frame(frame.tobytes(), 40, 50, 3, 16, "<")
    assert np.array_equal(decode_rle(stream, fmt).reshape(frame.shape), frame)


DAMAGES = {
    "shorter than its header": (b"\1" * 63, "63 of 64 bytes"),
    "empty": (b"", "0 of 64 bytes"),
    "another number of segments": (header(64, 66) + b"\xff\1\xff\1", "names 2 segments, the frame has 1"),
    "more segments than there can be": (struct.pack("<16L", 99, *[64] * 15), "names 99 segments"),
    "an offset into the header": (header(60) + b"\xfd\1", r"offsets \[60\]"),
    "an offset past the end": (header(64)[:4] + struct.pack("<L", 999) + bytes(56), r"offsets \[999\]"),
    "no segment behind the header": (header(64), r"offsets \[64\]"),
    "a literal past the end": (header(64) + b"\7\1\2\3", "byte 64 passes"),
    "a run without its byte": (header(64) + b"\xff\1\xff", "byte 66 passes"),
    "too little": (header(64) + b"\xff\1", "after 2 of 4 bytes"),
    "too much": (header(64) + b"\xf0\1", "more than 4 bytes"),
    "nothing but no-operations": (header(64) + b"\x80" * 1000, "after 0 of 4 bytes"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_streams_are_refused_by_name(damage: str) -> None:
    stream, message = DAMAGES[damage]
    with pytest.raises(DamagedStream, match=message):
        decode_rle(stream, gray(2, 2))


def test_every_cut_and_every_flipped_bit_ends_in_an_error_or_a_frame() -> None:
    frame = np.random.default_rng(3).integers(0, 2, (6, 7), dtype=np.uint16) * 257
    fmt = gray(6, 7, 16)
    stream = encode(UID, frame, fmt)
    damaged = [stream[:length] for length in range(len(stream) - 1)]
    for position in range(8 * len(stream)):
        altered = bytearray(stream)
        altered[position // 8] ^= 1 << position % 8
        damaged.append(bytes(altered))
    refused = 0
    for candidate in damaged:
        try:
            assert decode_rle(candidate, fmt).shape == (6, 7)
        except DamagedStream:
            refused += 1
    assert refused >= len(stream) - 1


def test_no_operation_headers_are_passed_over() -> None:
    assert decode_rle(header(64) + b"\x80\xfd\5\x80", gray(2, 2)).tolist() == [[5, 5], [5, 5]]


def test_the_row_proves_with_a_decoder_not_ours() -> None:
    assert [decoder.name for decoder in lookup(UID).decoders] == ["pylibjpeg-rle"]
