import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gateway.codec import jpeg_dct
from gateway.codec.dct import quantiser, transform, zigzag
from gateway.codec.encode import encode, encode_chunks
from gateway.codec.errors import CodecError
from gateway.codec.options import EncodeOptions
from gateway.codec.registry import encoded_photometric, lookup
from gateway.codec.verify import verify
from gateway.domain.frames import FrameFormat

BASELINE = "1.2.840.10008.1.2.4.50"
EXTENDED = "1.2.840.10008.1.2.4.51"


def gray(rows: int, columns: int, stored: int = 8) -> FrameFormat:
    return FrameFormat(rows, columns, 1, 8 if stored <= 8 else 16, stored, False, "MONOCHROME2")


def colour(rows: int, columns: int, photometric: str = "RGB") -> FrameFormat:
    return FrameFormat(rows, columns, 3, 8, 8, signed=False, photometric_interpretation=photometric)


def scene(rows: int, columns: int, highest: int, seed: int = 1) -> NDArray[np.float64]:
    """Smooth shapes, an edge and some noise: what a DCT is made for, and what it is not."""
    y, x = np.mgrid[:rows, :columns]
    noise = np.random.default_rng(seed).normal(0, 0.01, (rows, columns))
    picture = 0.5 + 0.3 * np.sin(x / 9) * np.cos(y / 7) + 0.15 * (x > columns / 2) + noise
    result: NDArray[np.float64] = np.clip(picture, 0, 1) * highest
    return result


def test_golden_stream_of_one_constant_block() -> None:
    stream = encode(BASELINE, np.full((8, 8), 128, np.uint8), gray(8, 8), options=EncodeOptions(quality=100))
    segments = (
        "ff d8",  # SOI
        "ff db 00 43 00",  # DQT: Pq = 0 (bytes), Tq = 0
        " ".join(["01"] * 64),  # quality 100 quantises by 1
        "ff c0 00 0b",  # SOF0: Baseline
        "08 00 08 00 08 01",  # P = 8, Y = 8, X = 8, Nf = 1
        "01 11 00",  # component 1: 1 x 1, Tq 0
        "ff c4 00 27",  # DHT with two tables
        "00 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",  # Tc = 0 (DC), Th = 0: one code of one bit
        "00",  # SSSS 0
        "10 01 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00",  # Tc = 1 (AC), Th = 0: codes of one and two bits
        "f0 00",  # ZRL and EOB, once each, so that either may have the shorter code
        "ff da 00 08",  # SOS
        "01 01 00",  # Ns = 1, component 1 with tables 0 and 0
        "00 3f 00",  # Ss = 0, Se = 63, Ah = Al = 0
        "5f",  # 0 is DC difference 0, 10 is EOB, ones to fill up
        "ff d9",  # EOI
    )
    assert stream == bytes.fromhex(" ".join(segments))


def test_zigzag_is_figure_a_6() -> None:
    order = zigzag()
    assert order[:10] == (0, 1, 8, 16, 9, 2, 3, 10, 17, 24)
    assert order[-3:] == (55, 62, 63)
    assert sorted(order) == list(range(64))


def test_transform_is_the_formula_of_a_3_3() -> None:
    block = np.random.default_rng(2).integers(-128, 128, (8, 8)).astype(np.float64)
    scale = [np.sqrt(0.5), *[1.0] * 7]
    place = np.arange(8)
    for index in (0, 1, 5, 40, 63):
        v, u = divmod(zigzag()[index], 8)
        waves = np.cos((2 * place + 1) * v * np.pi / 16)[:, None] * np.cos((2 * place + 1) * u * np.pi / 16)
        expected = scale[v] * scale[u] / 4 * (block * waves).sum()
        ours = block.reshape(-1) @ transform((1,) * 64, 1.0, 1)[:, index]
        assert ours == pytest.approx(expected, abs=1e-3)


def test_merged_blocks_are_the_mean_of_neighbours() -> None:
    pair = np.random.default_rng(3).integers(0, 256, (8, 16)).astype(np.float64)
    halved = (pair[:, ::2] + pair[:, 1::2]) / 2
    by_block = pair.reshape(8, 2, 8).transpose(1, 0, 2).reshape(-1)
    ones = (1,) * 64
    assert np.allclose(by_block @ transform(ones, 1.0, 2), halved.reshape(-1) @ transform(ones, 1.0, 1), atol=1e-2)


def test_quality_scales_the_tables_of_annex_k() -> None:
    assert quantiser(50, is_chroma=False, highest=255)[:3] == (16, 11, 12)
    assert quantiser(50, is_chroma=True, highest=255)[:3] == (17, 18, 18)
    assert set(quantiser(100, is_chroma=False, highest=255)) == {1}
    assert max(quantiser(1, is_chroma=False, highest=255)) == 255


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (7, 9), (8, 8), (16, 16), (17, 33), (100, 75)])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2"])
def test_any_size_decodes_close_to_the_frame(shape: tuple[int, int], subsampling: str) -> None:
    rgb = np.stack([scene(*shape, 255, seed) for seed in (1, 2, 3)], axis=2).astype(np.uint8)
    options = EncodeOptions(quality=95, subsampling=subsampling)
    fmt = colour(*shape)
    stream = encode(BASELINE, rgb, fmt, options=options)
    for decoder in lookup(BASELINE).decoders:
        verify(BASELINE, stream, rgb, fmt, decoder=decoder)
    decoded = np.asarray(Image.open(io.BytesIO(stream))).astype(np.int64)
    assert np.abs(decoded - rgb).mean() < 3


@pytest.mark.parametrize("quality", [1, 10, 50, 75, 90, 100])
def test_quality_means_what_it_means_to_pillow(quality: int) -> None:
    frame = scene(200, 300, 255).astype(np.uint8)
    ours = encode(BASELINE, frame, gray(200, 300), options=EncodeOptions(quality=quality))
    reference = io.BytesIO()
    Image.fromarray(frame).save(reference, "JPEG", quality=quality, optimize=True)
    errors = [
        np.square(np.asarray(Image.open(stream)).astype(np.float64) - frame).mean()
        for stream in (io.BytesIO(ours), reference)
    ]
    assert errors[0] <= 1.1 * errors[1] + 1
    assert len(ours) <= 1.02 * len(reference.getvalue())


def test_full_range_noise_at_the_best_quality() -> None:
    frame = (np.random.default_rng(4).integers(0, 2, (64, 80)) * 255).astype(np.uint8)
    stream = encode(BASELINE, frame, gray(64, 80), options=EncodeOptions(quality=100))
    decoded = np.asarray(Image.open(io.BytesIO(stream))).astype(np.int64)
    assert np.abs(decoded - frame).max() <= 4


def test_twelve_bits() -> None:
    frame = scene(120, 90, 4095).astype(np.uint16)
    fmt = gray(120, 90, 12)
    for quality in (5, 90, 100):
        stream = encode(EXTENDED, frame, fmt, options=EncodeOptions(quality=quality))
        assert stream[stream.index(b"\xff\xc1") + 4] == 12
        verify(EXTENDED, stream, frame, fmt)


def test_long_runs_of_zeros_take_zrl_codes() -> None:
    # one high frequency each: up to 62 zeros stand before it
    place = np.arange(8)
    blocks_of = [
        np.cos((2 * place + 1) * v * np.pi / 16)[:, None] * np.cos((2 * place + 1) * u * np.pi / 16)
        for v, u in ((7, 7), (7, 6), (0, 7), (5, 5), (7, 0), (0, 1))
    ]
    frame = np.hstack([128 + 100 * block for block in blocks_of] * 3).astype(np.uint8)
    stream = encode(BASELINE, frame, gray(*frame.shape), options=EncodeOptions(quality=30))
    decoded = np.asarray(Image.open(io.BytesIO(stream))).astype(np.int64)
    assert np.abs(decoded - frame).mean() < 25


def test_a_native_ybr_full_frame_is_taken_as_it_is() -> None:
    rgb = np.stack([scene(64, 64, 255, seed) for seed in (1, 2, 3)], axis=2).astype(np.uint8)
    ybr = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    fmt = colour(64, 64, "YBR_FULL")
    assert encoded_photometric(BASELINE, fmt) == "YBR_FULL_422"
    stream = encode(BASELINE, ybr, fmt, options=EncodeOptions(quality=95, subsampling="4:4:4"))
    decoded = np.asarray(Image.open(io.BytesIO(stream))).astype(np.int64)
    assert np.abs(decoded - rgb).mean() < 4
    verify(BASELINE, stream, ybr, fmt)


@pytest.mark.parametrize("ratio", [4.0, 10.0, 25.0])
def test_a_target_ratio_is_reached_and_not_by_far(ratio: float) -> None:
    frame = scene(300, 400, 255).astype(np.uint8)
    stream = encode(BASELINE, frame, gray(300, 400), options=EncodeOptions(target_ratio=ratio))
    assert ratio <= frame.size / len(stream) < 1.35 * ratio


def test_a_ratio_out_of_reach_is_an_error() -> None:
    frame = np.random.default_rng(5).integers(0, 256, (64, 64), dtype=np.uint8)
    with pytest.raises(CodecError, match=r"Target ratio is 1000.*C\.7\.6\.1\.1\.5"):
        encode(BASELINE, frame, gray(64, 64), options=EncodeOptions(target_ratio=1000))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (EncodeOptions(quality=0), "Quality is 0"),
        (EncodeOptions(quality=101), "Quality is 101"),
        (EncodeOptions(target_ratio=1.0), "Target ratio is 1.0"),
        (EncodeOptions(target_ratio=float("nan")), "Target ratio is nan"),
        (EncodeOptions(subsampling="4:2:0"), "Subsampling is 4:2:0"),
    ],
)
def test_options_out_of_range_are_refused(options: EncodeOptions, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        encode_chunks(BASELINE, np.zeros((8, 8), np.uint8), gray(8, 8), options=options)


@pytest.mark.parametrize("components", [1, 3])
def test_a_frame_too_large_to_hold_decodes_the_same(monkeypatch: pytest.MonkeyPatch, components: int) -> None:
    frame = np.stack([scene(90, 70, 255, seed) for seed in range(components)], axis=2).astype(np.uint8)
    fmt = colour(90, 70) if components == 3 else gray(90, 70)
    whole = encode(BASELINE, frame, fmt)
    monkeypatch.setattr(jpeg_dct, "_HELD_BYTES", 0)
    again = encode(BASELINE, frame, fmt, options=EncodeOptions(strip_samples=1000))
    # other tables, made of some of the strips, but the same coefficients, save where a half is rounded either way
    first, second = (np.asarray(Image.open(io.BytesIO(stream))).astype(np.int64) for stream in (whole, again))
    assert np.abs(first - second).mean() < 0.1
    assert len(whole) <= len(again)
