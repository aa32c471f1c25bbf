"""Frames cut into the minimum coded units of ITU-T T.81 A.2: strips of pixels in, quantised coefficients out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.codec.dct import BLOCK, BLOCK_SAMPLES, Matrix, quantiser, transform
from gateway.codec.samples import BYTE_BITS, Samples
from gateway.domain.frames import FrameFormat

Coefficients = NDArray[np.int16]

# Cb and Cr are these fractions of B - Y and R - Y (PS3.3 C.7.6.3.1.2)
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114
_OF_BLUE, _OF_RED = 0.5 / (1 - _BLUE), 0.5 / (1 - _RED)


@dataclass(frozen=True, slots=True)
class Quantisation:
    """The tables of one stream: luminance, and chrominance for colour."""

    luma: tuple[int, ...]
    chroma: tuple[int, ...]

    @classmethod
    def of_quality(cls, quality: int, bits_stored: int) -> "Quantisation":
        """Scale the tables of Annex K; only 12-bit streams may have elements of 16 bits (B.2.4.1).

        `quality` is 1 to 100 on the customary scale, `bits_stored` 8 or 12.
        """
        highest = 255 if bits_stored == BYTE_BITS else 65535
        return cls(
            quantiser(quality, is_chroma=False, highest=highest), quantiser(quality, is_chroma=True, highest=highest)
        )


class BlockSource:
    """Quantised coefficients of one frame, strip by strip, in the order of an interleaved scan.

    Parameters
    ----------
    pixels
        Shape (rows, columns * samples).
    fmt
        The frame's attributes.
    merged
        1 for 4:4:4 and gray, 2 for 4:2:2: blocks of chroma pixels that make one block.
    strip_samples
        Samples of a strip, about.
    """

    def __init__(self, pixels: Samples, fmt: FrameFormat, merged: int, strip_samples: int) -> None:
        self._pixels, self._fmt, self._merged = pixels, fmt, merged
        self.components = fmt.samples_per_pixel
        unit_columns = BLOCK * merged
        self._width = -(-fmt.columns // unit_columns) * unit_columns
        self._unit_rows = -(-fmt.rows // BLOCK)
        per_strip = max(1, strip_samples // (BLOCK * self._width * self.components))
        self._rows = min(per_strip, self._unit_rows) * BLOCK
        self.strips = -(-self._unit_rows * BLOCK // self._rows)
        blocks = self._rows * self._width // BLOCK_SAMPLES
        item = pixels.itemsize
        self._planes = np.empty((self.components, self._rows, self._width), pixels.dtype)
        self._tiles = np.empty((blocks, BLOCK_SAMPLES), pixels.dtype)
        self._values = np.empty((self.components, blocks, BLOCK_SAMPLES), np.float32)
        self._scratch = np.empty((blocks, BLOCK_SAMPLES), np.float32)
        self._line = np.dtype(np.uint64 if item == 1 else np.complex128)
        self.blocks_per_unit = 1 if self.components == 1 else merged + 2
        self._coefficients = np.empty((blocks // merged, self.blocks_per_unit, BLOCK_SAMPLES), np.int16)

    def strip(self, index: int, quantisation: Quantisation) -> Coefficients:
        """Coefficients of strip `index`, shape (units, blocks per unit, 64), int16, DC not yet differenced.

        The array is scratch: it holds until the next call. Blocks are in the order of an interleaved scan (A.2.3).
        """
        top = index * self._rows
        rows = min(self._rows, self._unit_rows * BLOCK - top)
        blocks = rows * self._width // BLOCK_SAMPLES
        for component in range(self.components):
            self._cut(component, top, rows, self._values[component, :blocks])
        out = self._coefficients[: blocks // self._merged]
        if self.components == 1:
            self._transform(self._values[0, :blocks], transform(quantisation.luma, 1.0, 1), out[:, 0], shifted=True)
        else:
            self._transform_colour(self._values[:, :blocks], quantisation, out)
        return out

    def _cut(self, component: int, top: int, rows: int, out: Matrix) -> None:
        """Arrange one component's samples block after block, repeating the last row and column to fill up (A.2.4)."""
        source = self._pixels[top : top + rows, component :: self.components]
        if source.shape != (rows, self._width) or not source.flags.c_contiguous:
            plane = self._planes[component, :rows]
            plane[: len(source), : source.shape[1]] = source
            plane[: len(source), source.shape[1] :] = source[:, -1:]
            plane[len(source) :] = plane[len(source) - 1]
            source = plane
        # eight samples are one item, so the transposition moves lines of blocks, not samples
        lines = source.view(self._line).reshape(rows // BLOCK, BLOCK, -1)
        tiles = self._tiles[: len(out)]
        tiles.view(self._line).reshape(rows // BLOCK, -1, BLOCK)[...] = lines.transpose(0, 2, 1)
        np.copyto(out, tiles)

    def _transform_colour(self, values: Matrix, quantisation: Quantisation, out: Coefficients) -> None:
        merged = self._merged
        red, green, blue = values
        factors = (1.0, 1.0)
        is_rgb = self._fmt.photometric_interpretation == "RGB"
        if is_rgb:
            # Y takes the place of green, then B - Y and R - Y those of blue and red
            scratch = self._scratch[: len(red)]
            np.multiply(green, np.float32(_GREEN), out=green)
            np.multiply(red, np.float32(_RED), out=scratch)
            np.add(green, scratch, out=green)
            np.multiply(blue, np.float32(_BLUE), out=scratch)
            np.add(green, scratch, out=green)
            np.subtract(blue, green, out=blue)
            np.subtract(red, green, out=red)
            factors = (_OF_BLUE, _OF_RED)
        luma, first, second = (green, blue, red) if is_rgb else (red, green, blue)
        luma_out = out[:, :merged]
        self._transform(luma, transform(quantisation.luma, 1.0, 1), luma_out, shifted=True)
        for position, (chroma, factor) in enumerate(zip((first, second), factors, strict=True)):
            matrix = transform(quantisation.chroma, factor, merged)
            self._transform(
                chroma.reshape(-1, BLOCK_SAMPLES * merged), matrix, out[:, merged + position], shifted=not is_rgb
            )

    def _transform(self, values: Matrix, matrix: Matrix, out: Coefficients, *, shifted: bool) -> None:
        """Transform blocks and round; the level shift (A.3.1) moves nothing but DC."""
        result = np.matmul(values, matrix, out=self._scratch[: len(values)])
        if shifted:
            level = 1 << (self._fmt.bits_stored - 1)
            result[:, 0] -= matrix[:, 0].sum() * level
        np.rint(result, out=result)
        np.copyto(out, result.reshape(out.shape), casting="unsafe")
