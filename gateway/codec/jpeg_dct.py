"""JPEG Baseline (Process 1) and Extended (Process 4, 12 bits): sequential DCT, ITU-T T.81 Annexes F and B.

Huffman tables are optimal for the frame. That takes two passes over its symbols, which are held between them while they
are few; of a frame with more, evenly spread strips make the tables and everything is transformed a second time.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gateway.codec import segments
from gateway.codec.blocks import BlockSource, Coefficients, Quantisation
from gateway.codec.coefficient_coder import (
    CoefficientCoder,
    Elements,
    ElementSource,
    ScanTables,
    frequencies,
    histogram,
    scan_tables,
)
from gateway.codec.errors import CodecError
from gateway.codec.options import EncodeOptions
from gateway.codec.samples import BYTE_BITS, Samples
from gateway.domain.frames import FrameFormat

_HELD_BYTES = 8 << 20
_SPREAD_STRIPS = 32
_PART_COEFFICIENTS = 1 << 17
_CAPACITY = 1 << 15
_MERGED = {"4:4:4": 1, "4:2:2": 2}
_BEST_QUALITY = 100
_CLAUSE = "ITU-T T.81 Annex F"


def encode_sequential(pixels: Samples, fmt: FrameFormat, options: EncodeOptions) -> Iterator[bytes]:
    """Encode one frame of 8 bits as Baseline, of more as Extended.

    Parameters
    ----------
    pixels
        Shape (rows, columns * samples), uint8 or uint16.
    fmt
        The frame's attributes; RGB is transformed to the YCbCr that Photometric Interpretation YBR_FULL_422 means.
    options
        Quality or target ratio, and subsampling of colour.

    Returns
    -------
    Parts of the stream in order.

    Raises
    ------
    CodecError
        If an option is out of range, or no quality reaches the target ratio.

    References
    ----------
    PS3.5 section 8.2.1; ITU-T T.81 sections A.3, B.2 and F.1.
    """
    _check(options)
    merged = 1 if fmt.samples_per_pixel == 1 else _MERGED[options.subsampling]
    frame = _Frame(pixels, fmt, merged, options.strip_samples)
    if options.target_ratio is None:
        return frame.encode(options.quality)
    return frame.encode(frame.quality_for(options.target_ratio))


def _check(options: EncodeOptions) -> None:
    if not 1 <= options.quality <= _BEST_QUALITY:
        raise CodecError(f"Quality is {options.quality}, must be 1 to 100", clause=_CLAUSE)
    if options.target_ratio is not None and not 1 < options.target_ratio < float("inf"):
        raise CodecError(f"Target ratio is {options.target_ratio}, must be above 1", clause="PS3.3 C.7.6.1.1.5")
    if options.subsampling not in _MERGED:
        raise CodecError(f"Subsampling is {options.subsampling}, must be 4:4:4 or 4:2:2", clause="PS3.5 section 8.2.1")


class _Frame:
    """One frame on its way through the two passes."""

    def __init__(self, pixels: Samples, fmt: FrameFormat, merged: int, strip_samples: int) -> None:
        self._fmt = fmt
        self._merged = merged
        self._source = BlockSource(pixels, fmt, merged, strip_samples)
        self._classes = min(2, fmt.samples_per_pixel)
        wide = fmt.bits_stored - BYTE_BITS
        self._sizes = (11 + wide, 10 + wide)

    def encode(self, quality: int) -> Iterator[bytes]:
        """Both passes at one quality."""
        quantisation = Quantisation.of_quality(quality, self._fmt.bits_stored)
        elements = ElementSource(self._source.blocks_per_unit)
        held = self._hold(elements, quantisation)
        if held is None:
            counts = self._spread_counts(quantisation)
        else:
            counts = np.sum([histogram(strip) for strip in held], axis=0)
        tables = scan_tables(frequencies(counts, self._classes, None if held else self._sizes))
        yield self._headers(quantisation, tables)
        coder = CoefficientCoder(tables, _CAPACITY)
        if held is None:
            elements = ElementSource(self._source.blocks_per_unit)
            for index in range(self._source.strips):
                for part in self._parts(index, quantisation):
                    yield coder.encode(elements.elements(part))
        else:
            for strip in held:
                yield coder.encode(strip)
        yield coder.finish(with_eob=elements.ends_with_eob()) + segments.EOI

    def _hold(self, elements: ElementSource, quantisation: Quantisation) -> list[Elements] | None:
        """Elements of all strips, or None if they are too many to hold."""
        held, held_bytes = [], 0
        for index in range(self._source.strips):
            for part in self._parts(index, quantisation):
                held.append(elements.elements(part))
                held_bytes += held[-1].index.nbytes + held[-1].extra.nbytes
                if held_bytes > _HELD_BYTES:
                    return None
        return held

    def _parts(self, index: int, quantisation: Quantisation) -> Iterator[Coefficients]:
        """Coefficients of strip `index` in parts that need little memory even if none of them is zero."""
        strip = self._source.strip(index, quantisation)
        units = max(1, _PART_COEFFICIENTS // strip[0].size)
        for begin in range(0, len(strip), units):
            yield strip[begin : begin + units]

    def _spread_counts(self, quantisation: Quantisation) -> NDArray[np.int64]:
        """Histogram of evenly spread strips; each is coded as if it began a scan."""
        step = max(1, self._source.strips // _SPREAD_STRIPS)
        total = np.zeros(1, np.int64)
        for index in range(step // 2, self._source.strips, step):
            elements = ElementSource(self._source.blocks_per_unit)
            for part in self._parts(index, quantisation):
                total = total + histogram(elements.elements(part))
        return total

    def quality_for(self, ratio: float) -> int:
        """Find the best quality whose stream is at most 1 / `ratio` of the native frame."""
        wanted = self._fmt.frame_bytes / ratio
        low, high = 0, _BEST_QUALITY
        while low < high:
            middle = (low + high + 1) // 2
            if self._estimated_bytes(middle) <= wanted:
                low = middle
            else:
                high = middle - 1
        while low and sum(map(len, self.encode(low))) > wanted:
            low -= 1
        if not low:
            raise CodecError(f"Target ratio is {ratio}, which this frame does not reach", clause="PS3.3 C.7.6.1.1.5")
        return low

    def _estimated_bytes(self, quality: int) -> float:
        quantisation = Quantisation.of_quality(quality, self._fmt.bits_stored)
        counts = self._spread_counts(quantisation)
        step = max(1, self._source.strips // _SPREAD_STRIPS)
        share = len(range(step // 2, self._source.strips, step)) / self._source.strips
        tables = scan_tables(frequencies(counts, self._classes, self._sizes))
        return CoefficientCoder(tables, 1).bits(counts) / 8 / share + len(self._headers(quantisation, tables))

    def _headers(self, quantisation: Quantisation, tables: ScanTables) -> bytes:
        fmt, is_gray = self._fmt, self._classes == 1
        sampling = [(self._merged, 1, 0)] + [(1, 1, 1)] * (0 if is_gray else 2)
        marker = segments.SOF_BASELINE if fmt.bits_stored == BYTE_BITS else segments.SOF_EXTENDED
        quantisers = (quantisation.luma,) if is_gray else (quantisation.luma, quantisation.chroma)
        numbered = [(0, number, table) for number, table in enumerate(tables.dc)]
        numbered += [(1, number, table) for number, table in enumerate(tables.ac)]
        return b"".join(
            (
                segments.SOI,
                segments.quantisation_tables(quantisers, is_wide=max(map(max, quantisers)) > 255),  # noqa: PLR2004 - a byte
                segments.frame_header(marker, fmt.bits_stored, (fmt.rows, fmt.columns), sampling),
                segments.huffman_tables(numbered),
                segments.scan_header([0x00] if is_gray else [0x00, 0x11, 0x11], (0, 63, 0)),
            )
        )
