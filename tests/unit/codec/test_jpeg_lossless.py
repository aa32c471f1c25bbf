import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.codec import difference_coder, jpeg_lossless
from gateway.codec.differences import Predictor, sample_differences, selectable
from gateway.codec.encode import encode
from gateway.codec.options import EncodeOptions
from gateway.codec.samples import Samples, as_samples
from gateway.codec.verify import verify
from gateway.domain.frames import FrameFormat

SV1 = "1.2.840.10008.1.2.4.70"
PROCESS_14 = "1.2.840.10008.1.2.4.57"


def gray(rows: int, columns: int, stored: int = 8, *, signed: bool = False) -> FrameFormat:
    return FrameFormat(rows, columns, 1, 8 if stored <= 8 else 16, stored, signed, "MONOCHROME2")


def test_golden_stream() -> None:
    frame = np.array([[100] * 8, [100] * 6 + [101, 99]], np.uint8)
    segments = (
        "ff d8",  # SOI
        "ff c3 00 0b",  # SOF3: lossless, Huffman; eleven bytes
        "08 00 02 00 08 01",  # P = 8, Y = 2, X = 8, Nf = 1
        "01 11 00",  # component 1: 1 x 1, Tq 0
        "ff c4 00 1c 00",  # DHT: Tc = 0 (lossless), Th = 0
        "01 00 00 07 01 00 00 00 00 00 00 00 00 00 00 00",  # BITS: one code of one bit, seven of four, one of five
        "00 02 03 04 05 06 07 08 01",  # HUFFVAL: SSSS 0 is the commonest; the all-ones code stays free
        "ff da 00 08",  # SOS
        "01 01 00",  # Ns = 1, component 1 with table 0
        "01 00 00",  # Ss = 1: prediction by Ra; Se = 0; Ah = Al = 0
        # 1011 00011 is 100 - 128 (SSSS 5), then thirteen times 0, 11110 1 is 1, 1000 01 is -2, ones to fill up
        "b1 80 03 d8 7f",
        "ff d9",  # EOI
    )
    assert encode(SV1, frame, gray(2, 8)) == bytes.fromhex(" ".join(segments))


def test_golden_stream_of_16_bits_has_the_difference_without_extra_bits() -> None:
    stream = encode(SV1, np.array([[0x8000, 0x0000]], np.uint16), gray(1, 2, 16))
    # the differences are 0 and 32768: SSSS 0 and SSSS 16, which takes no extra bits (T.81 H.1.2.2)
    body = stream[stream.index(b"\xff\xda") + 10 : -2].replace(b"\xff\x00", b"\xff")
    lengths = stream[stream.index(b"\xff\xc4") + 5 :][:16]
    symbols = stream[stream.index(b"\xff\xc4") + 21 :][: sum(lengths)]
    codes, code, index = {}, 0, 0
    for length, count in enumerate(lengths, 1):
        for _ in range(count):
            codes[symbols[index]] = format(code, f"0{length}b")
            code, index = code + 1, index + 1
        code <<= 1
    bits = codes[0] + codes[16]
    assert format(int.from_bytes(body), f"0{8 * len(body)}b") == bits + "1" * (-len(bits) % 8)


def _differences(samples: NDArray[np.int64], selection_value: int, precision: int) -> NDArray[np.int64]:
    """H.1.2.1 by the letter, sample by sample; shape (rows, columns, components)."""
    result = np.zeros_like(samples)
    for row, column, component in np.ndindex(*samples.shape):
        plane = samples[:, :, component]
        if row == 0 and column == 0:
            prediction = 1 << (precision - 1)
        elif row == 0:
            prediction = plane[0, column - 1]
        elif column == 0:
            prediction = plane[row - 1, 0]
        else:
            a, b, c = plane[row, column - 1], plane[row - 1, column], plane[row - 1, column - 1]
            prediction = {
                1: a,
                2: b,
                4: a + b - c,
                5: a + ((b - c) >> 1),
                6: b + ((a - c) >> 1),
                7: (a + b) >> 1,
            }[selection_value]
        result[row, column, component] = (plane[row, column] - prediction) & 0xFFFF
    return result


@pytest.mark.parametrize("precision", [8, 12, 15, 16])
@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (5, 7)])
def test_predictors_are_those_of_table_h_1(shape: tuple[int, int], components: int, precision: int) -> None:
    rng = np.random.default_rng(precision)
    dtype = np.uint8 if precision == 8 else np.uint16
    frame = rng.integers(0, 1 << precision, (*shape, components)).astype(dtype)
    pixels: Samples = as_samples(frame, FrameFormat(*shape, components, frame.itemsize * 8, precision, False, ""))
    for selection_value in selectable(precision):
        expected = _differences(frame.astype(np.int64), selection_value, precision).reshape(shape[0], -1)
        for rows in (1, 2, shape[0]):
            predictor = Predictor(pixels, components, precision, rows * pixels.shape[1])
            for top in range(0, shape[0], rows):
                count = min(rows, shape[0] - top)
                end = predictor.strip(top, count, selection_value, 3)
                assert np.array_equal(predictor.differences[3:end], expected[top : top + count].reshape(-1))


def test_predictors_that_some_decoders_get_wrong_are_not_chosen_at_16_bits() -> None:
    assert {5, 6}.isdisjoint(selectable(16))
    assert {1, 2, 4, 7} <= set(selectable(16))


@pytest.mark.parametrize("uses_pairs", [False, True])
def test_strips_of_any_length_make_the_same_stream(monkeypatch: pytest.MonkeyPatch, *, uses_pairs: bool) -> None:
    frame = np.random.default_rng(4).integers(90, 110, (37, 13, 3), dtype=np.uint8)
    fmt = FrameFormat(37, 13, 3, 8, 8, signed=False, photometric_interpretation="RGB")
    whole = encode(SV1, frame, fmt)
    monkeypatch.setattr(jpeg_lossless, "_PAIRS_PAY_FROM", 0 if uses_pairs else 1 << 40)
    for samples in (1, 39, 40, 200):
        assert encode(SV1, frame, fmt, options=EncodeOptions(strip_samples=samples)) == whole


@pytest.mark.parametrize("precision", [8, 16])
def test_codes_longer_than_a_word_are_split(precision: int) -> None:
    # mostly constant, so that the rare steps get long codes, and many of them in a row
    rng = np.random.default_rng(5)
    frame = np.full((256, 256), 7, np.uint16)
    frame[3] = rng.integers(0, 1 << precision, 256)
    frame[7, ::3] = (1 << precision) - 1
    frame = frame.astype(np.uint8) if precision == 8 else frame
    for uid in (SV1, PROCESS_14):
        verify(uid, encode(uid, frame, gray(256, 256, precision)), frame, gray(256, 256, precision))


def test_a_sign_extended_frame_comes_back_with_its_sign() -> None:
    frame = np.array([[-2048, -1, 0, 2047]], np.int16)
    fmt = gray(1, 4, 12, signed=True)
    stream = encode(SV1, frame, fmt)
    assert stream[stream.index(b"\xff\xc3") + 4] == 16
    verify(SV1, stream, frame, fmt)


def test_the_selection_value_follows_the_content() -> None:
    columns = np.broadcast_to(np.random.default_rng(6).integers(0, 4096, 300, dtype=np.uint16), (300, 300)).copy()
    stream = encode(PROCESS_14, columns, gray(300, 300, 12))
    # every row is the one above it, so prediction by Rb leaves nothing
    assert stream[stream.index(b"\xff\xda") + 7] == 2
    assert len(stream) * 5 < len(encode(SV1, columns, gray(300, 300, 12)))


def test_samples_of_differences_cover_frames_of_one_row_or_column() -> None:
    for shape in ((1, 1), (1, 5), (5, 1)):
        pixels = np.arange(5, dtype=np.uint8)[: max(shape)].reshape(shape)
        (sample,) = sample_differences(pixels, 1, 100, (1,))
        assert len(sample) == max(shape) - 1
        assert not sample.any() or set(sample.tolist()) == {1}


def test_tables_say_what_the_standard_says() -> None:
    categories = difference_coder.categories()
    assert [int(categories[value & 0xFFFF]) for value in (0, -1, 1, -3, 3, -32767, 32767, 32768)] == [
        0, 1, 1, 2, 2, 15, 15, 16,
    ]  # fmt: skip
