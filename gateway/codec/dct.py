"""The forward DCT of ITU-T T.81 A.3.3 and its quantisation (A.3.4) as one matrix product a block.

Transform, zigzag order, division by the quantiser and, for subsampled chroma, the mean of neighbours are all linear;
folded into one matrix they cost no more than the transform alone.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BLOCK = 8
BLOCK_SAMPLES = 64

Matrix = NDArray[np.float32]

# Tables K.1 and K.2, row by row
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)


@lru_cache(maxsize=1)
def zigzag() -> tuple[int, ...]:
    """Row-major index of each coefficient in zigzag order (Figure A.6)."""
    cells = [(row, column) for row in range(BLOCK) for column in range(BLOCK)]
    # odd diagonals run downwards, even ones upwards
    cells.sort(key=lambda cell: (sum(cell), cell[0] if sum(cell) % 2 else cell[1]))
    return tuple(row * BLOCK + column for row, column in cells)


def quantiser(quality: int, *, is_chroma: bool, highest: int) -> tuple[int, ...]:
    """Scale a table of Annex K by the customary quality and return it in zigzag order, elements 1 to `highest`."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality  # noqa: PLR2004 - the scale's own middle
    printed = [element for row in (_CHROMINANCE if is_chroma else _LUMINANCE) for element in row]
    return tuple(min(highest, max(1, (printed[index] * scale + 50) // 100)) for index in zigzag())


@lru_cache(maxsize=1)
def _basis() -> NDArray[np.float64]:
    """The two-dimensional DCT as one matrix: sample by row-major coefficient, shape (64, 64)."""
    frequency, place = np.arange(BLOCK)[:, None], np.arange(BLOCK)[None, :]
    one = (np.cos((2 * place + 1) * frequency * np.pi / 16) / 2).astype(np.float64)
    one[0] /= np.sqrt(2)
    # the Kronecker product, as mypy can follow it: sample (row, column) by coefficient (row, column)
    both = one.T[:, None, :, None] * one.T[None, :, None, :]
    return both.reshape(BLOCK_SAMPLES, BLOCK_SAMPLES)


@lru_cache(maxsize=8)
def transform(quantisers: tuple[int, ...], factor: float, merged: int) -> Matrix:
    """Matrix from samples to quantised coefficients in zigzag order.

    Parameters
    ----------
    quantisers
        Elements in zigzag order.
    factor
        Scale of the samples, for components that are differences of colours.
    merged
        How many blocks side by side make one: 2 halves the horizontal resolution by the mean of neighbours.

    Returns
    -------
    Shape (64 * merged, 64).
    """
    divided: NDArray[np.float64] = _basis()[:, zigzag()] * factor / np.array(quantisers)
    if merged == 1:
        return divided.astype(np.float32)
    # sample (block, row, column) goes to column (8 * block + column) // 2 of the merged block
    result = np.zeros((merged, BLOCK, BLOCK, BLOCK_SAMPLES))
    by_place = divided.reshape(BLOCK, BLOCK, BLOCK_SAMPLES)
    for block in range(merged):
        for column in range(BLOCK):
            result[block, :, column] = by_place[:, (BLOCK * block + column) // merged] / merged
    return result.reshape(-1, BLOCK_SAMPLES).astype(np.float32)
