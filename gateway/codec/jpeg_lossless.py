"""JPEG Lossless, Non-Hierarchical (Process 14), ITU-T T.81 Annex H, with one Huffman table made for the frame.

One look-up per sample gives code and extra bits at once; four are joined before they are packed, so that the packer
sees a quarter of the samples.
"""

import math
from collections.abc import Iterator

import numpy as np

from gateway.codec import segments
from gateway.codec.difference_coder import DifferenceCoder, categories
from gateway.codec.differences import Differences, Predictor, sample_differences, selectable
from gateway.codec.huffman import HuffmanTable, assign_codes, code_lengths
from gateway.codec.options import EncodeOptions
from gateway.codec.samples import BYTE_BITS, Samples
from gateway.domain.frames import FrameFormat

_HISTOGRAM_SAMPLES = 1 << 15
_CHOICE_SAMPLES = 1 << 13
_MARGIN = 0.97
# building the table of pairs costs as much as it saves on fewer samples than this
_PAIRS_PAY_FROM = 1 << 18
# with at most 16 extra bits, two codes always fit a word
_LIMIT = 10


def encode_sv1(pixels: Samples, fmt: FrameFormat, options: EncodeOptions) -> Iterator[bytes]:
    """Encode one frame with selection value 1, the first-order prediction that 1.2.840.10008.1.2.4.70 prescribes.

    Parameters
    ----------
    pixels
        Shape (rows, columns * samples), uint8 or uint16.
    fmt
        The frame's attributes.
    options
        Only `strip_samples` counts: a lossless syntax has nothing else to choose.

    Yields
    ------
    Parts of the stream in order.

    References
    ----------
    ITU-T T.81 Annex H; PS3.5 section 8.2.1 and Annex F.
    """
    (sample,) = sample_differences(pixels, fmt.samples_per_pixel, _HISTOGRAM_SAMPLES, (1,))
    yield from _encode(pixels, fmt, 1, _histogram(sample), options.strip_samples)


def encode_process_14(pixels: Samples, fmt: FrameFormat, options: EncodeOptions) -> Iterator[bytes]:
    """Encode one frame with the selection value that a sample of its rows asks for (1.2.840.10008.1.2.4.57).

    Parameters, what it yields and raises, and references are those of `encode_sv1` (ITU-T T.81 Table H.1).
    """
    candidates = selectable(precision_of(fmt))
    wanted = min(max(pixels.size // 16, _CHOICE_SAMPLES), _HISTOGRAM_SAMPLES)
    sampled = sample_differences(pixels, fmt.samples_per_pixel, wanted, candidates)
    costs = [_cost(_histogram(sample)) for sample in sampled]
    # a sample errs: what is hardly better in it may be worse in the frame
    costs[0] *= _MARGIN
    chosen = candidates[costs.index(min(costs))]
    (sample,) = sample_differences(pixels, fmt.samples_per_pixel, _HISTOGRAM_SAMPLES, (chosen,))
    yield from _encode(pixels, fmt, chosen, _histogram(sample), options.strip_samples)


def precision_of(fmt: FrameFormat) -> int:
    """P of the frame header: Bits Stored, or all allocated bits where fewer would lose what the native frame holds.

    That is so for signed samples, whose sign extension then survives, and for samples of up to 8 bits in 16, which
    decoders would return in one byte (PS3.5 section 8.2.1 lets a decoder trust the stream).
    """
    if fmt.signed or fmt.bits_stored <= BYTE_BITS:
        return fmt.bits_allocated
    return fmt.bits_stored


def _histogram(sample: Differences) -> list[int]:
    """Count the categories SSSS 0 to 16 (H.1.2.2)."""
    return [int(count) for count in np.bincount(categories().take(sample), minlength=17)]


def _cost(histogram: list[int]) -> float:
    """Bits that these categories take with an ideal code, extra bits included."""
    total = sum(histogram)
    return sum(count * (category % 16 + math.log2(total / count)) for category, count in enumerate(histogram) if count)


def _encode(
    pixels: Samples, fmt: FrameFormat, selection_value: int, histogram: list[int], strip_samples: int
) -> Iterator[bytes]:
    precision, distance = precision_of(fmt), fmt.samples_per_pixel
    # predictors 4 to 6 leave the range of samples by one bit; a category that can occur must have a code
    reach = min(16, precision + (selection_value in {4, 5, 6}))
    frequencies = [max(count, category <= reach) for category, count in enumerate(histogram)]
    lengths = tuple(code_lengths(frequencies, _LIMIT))
    table = assign_codes(lengths)
    yield _header(fmt, precision, selection_value, table)
    rows = max(1, min(fmt.rows, strip_samples // pixels.shape[1]))
    predictor = Predictor(pixels, distance, precision, rows * pixels.shape[1])
    uses_pairs = precision == BYTE_BITS and reach == BYTE_BITS and pixels.size >= _PAIRS_PAY_FROM
    coder = DifferenceCoder(lengths, rows * pixels.shape[1] + 4, uses_pairs=uses_pairs)
    left = 0
    for top in range(0, fmt.rows, rows):
        end = predictor.strip(top, min(rows, fmt.rows - top), selection_value, left)
        whole, left = end & ~3, end & 3
        yield coder.encode(predictor.differences[:whole])
        predictor.differences[:left] = predictor.differences[whole:end]
    yield coder.finish(predictor.differences[:left]) + segments.EOI


def _header(fmt: FrameFormat, precision: int, selection_value: int, table: HuffmanTable) -> bytes:
    components = fmt.samples_per_pixel
    return b"".join(
        (
            segments.SOI,
            segments.frame_header(segments.SOF_LOSSLESS, precision, (fmt.rows, fmt.columns), [(1, 1, 0)] * components),
            segments.huffman_tables([(0, 0, table)]),
            segments.scan_header([0] * components, (selection_value, 0, 0)),
        )
    )
