"""Any frame that a row allows comes back from decoders that we did not write: 300 cases, 5,000 with NIGHTLY=1."""

import os
from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.codec.encode import encode
from gateway.codec.errors import CodecError
from gateway.codec.registry import all_rows
from gateway.codec.rle_decode import decode_rle
from gateway.codec.samples import as_samples
from gateway.codec.verify import verify
from gateway.domain.frames import FrameFormat

CASES = 5000 if os.environ.get("NIGHTLY") == "1" else 300
OWN_LOSSLESS = [row for row in all_rows() if row.lossless and row.made_by.startswith("own")]
LOSSY = [row for row in all_rows() if row.encoder and not row.lossless]
KINDS = ("constant", "noise", "two levels", "ramp", "steps", "sparse", "extremes")


@dataclass(frozen=True)
class Case:
    """A frame, described by what it is drawn from, so that a failure reads well."""

    format: FrameFormat
    kind: str
    seed: int

    def frame(self) -> bytes:
        """The native frame."""
        fmt, rng = self.format, np.random.default_rng(self.seed)
        shape = (fmt.rows, fmt.columns * fmt.samples_per_pixel)
        highest = (1 << fmt.bits_stored) - 1
        place = np.arange(shape[0] * shape[1]).reshape(shape)
        values = {
            "constant": np.full(shape, rng.integers(0, highest + 1)),
            "noise": rng.integers(0, highest + 1, shape),
            "two levels": rng.choice([0, highest], shape),
            "ramp": place * int(rng.integers(1, 40)) & highest,
            "steps": place // int(rng.integers(1, 200)) % (highest + 1),
            "sparse": np.where(rng.random(shape) < 0.02, highest, highest // 2),
            "extremes": rng.choice([0, 1, highest // 2, highest // 2 + 1, highest - 1, highest], shape),
        }[self.kind]
        if fmt.signed:
            values = values - (highest + 1) // 2
        return values.astype(f"<i{fmt.bits_allocated // 8}").tobytes()


@st.composite
def cases(draw: st.DrawFn) -> Case:
    stored = draw(st.integers(8, 16))
    allocated = 16 if stored > 8 else draw(st.sampled_from([8, 16]))
    samples = draw(st.sampled_from([1, 1, 3]))
    photometric = draw(
        st.sampled_from(["RGB", "YBR_FULL"] if samples == 3 else ["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"])
    )
    sides = st.one_of(st.integers(1, 9), st.integers(1, 300), st.sampled_from([127, 128, 129, 256, 257]))
    fmt = FrameFormat(draw(sides), draw(sides), samples, allocated, stored, draw(st.booleans()), photometric)
    return Case(fmt, draw(st.sampled_from(KINDS)), draw(st.integers(0, 1 << 32)))


@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_lossless_encoders_of_ours_lose_nothing(case: Case) -> None:
    frame = case.frame()
    for row in OWN_LOSSLESS:
        stream = encode(row.uid, frame, case.format)
        for decoder in row.decoders:
            verify(row.uid, stream, frame, case.format, decoder=decoder)
        if row.name == "RLE Lossless":
            assert np.array_equal(decode_rle(stream, case.format), as_samples(frame, case.format))


@settings(max_examples=CASES // 3, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_lossless_encoders_of_others_are_called_rightly(case: Case) -> None:
    frame = case.frame()
    for row in all_rows():
        if row.encoder is None or not row.lossless or row in OWN_LOSSLESS:
            continue
        try:
            stream = encode(row.uid, frame, case.format)
        except CodecError:
            # each library has a least size: pyjpegls by bytes, pylibjpeg-openjpeg by sides
            assert case.format.frame_bytes < 256 or min(case.format.rows, case.format.columns) < 32
        else:
            verify(row.uid, stream, frame, case.format)


@settings(max_examples=CASES // 3, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(LOSSY),
    st.tuples(st.integers(1, 80), st.integers(1, 80)),
    st.booleans(),
    st.sampled_from(["ramp", "steps", "constant", "sparse"]),
    st.integers(0, 1 << 32),
)
def test_lossy_encoders_stay_close(row: object, shape: tuple[int, int], is_colour: bool, kind: str, seed: int) -> None:
    chosen = next(candidate for candidate in LOSSY if candidate is row)
    samples = 3 if is_colour and 3 in chosen.samples else 1
    fmt = FrameFormat(
        *shape,
        samples,
        chosen.bits_allocated[0],
        chosen.bits_stored[1],
        signed=False,
        photometric_interpretation="RGB" if samples == 3 else "MONOCHROME2",
    )
    frame = Case(fmt, kind, seed).frame()
    stream = encode(chosen.uid, frame, fmt)
    for decoder in chosen.decoders:
        decoded = decoder.decode(stream, fmt).astype(np.int64)
        error = np.abs(decoded - as_samples(frame, fmt)).mean() / ((1 << fmt.bits_stored) - 1)
        # colour is also subsampled: content without any smoothness keeps its luma only
        assert error < (0.25 if samples == 3 else 0.06)
