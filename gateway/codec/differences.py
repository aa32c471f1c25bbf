"""Prediction of ITU-T T.81 H.1.2.1: what is left of a sample when its neighbours have been heard.

Differences are counted modulo 2 to the 16th, so unsigned 16-bit arithmetic with wrap-around is the specified one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.codec.samples import Samples

Differences = NDArray[np.uint16]

# a difference of more than 16 bits would need the true value: selection values 5 and 6 halve one
_HALVING_PRECISION = 15


class Predictor:
    """Scratch and rules for the differences of strips of one frame.

    Parameters
    ----------
    pixels
        The whole frame, shape (rows, columns * samples).
    distance
        Samples per pixel: the left neighbour of the same component is that far away.
    precision
        P of the frame header.
    strip_samples
        How many samples a strip has at most.
    """

    def __init__(self, pixels: Samples, distance: int, precision: int, strip_samples: int) -> None:
        self._pixels = pixels
        self._distance = distance
        self._initial = 1 << (precision - 1)
        width = pixels.shape[1]
        self._wide = np.empty(strip_samples + width if pixels.itemsize == 1 else 0, np.uint16)
        self._spare = np.empty(strip_samples, np.uint16)
        self.differences = np.zeros(strip_samples + 8, np.uint16)

    def strip(self, top: int, rows: int, selection_value: int, offset: int) -> int:
        """Write the differences of `rows` rows from `top` into `differences` from `offset`; return where they end.

        `selection_value` is 1 to 7 of Table H.1; offsets and the result count samples. The first row, and the first
        sample of each other one, are predicted as H.1.2.1 says, whatever the selection value.
        """
        width, distance = self._pixels.shape[1], self._distance
        has_above = int(top > 0)
        count: int = rows * width
        # one row more on top, if there is one, for the neighbours above
        whole = self._samples_from(top - has_above, rows + has_above)
        current = whole[width * has_above :]
        out = self.differences[offset : offset + count]
        np.subtract(current[distance:], current[:-distance], out=out[distance:])
        grid, samples = out.reshape(rows, width), current.reshape(rows, width)
        first = 0 if has_above else 1
        if selection_value > 1 and rows > first:
            above = whole[: (rows - first) * width] if not has_above else whole[: rows * width]
            here, result = current[first * width :], out[first * width :]
            around = (here[distance:], here[:-distance], above[distance:], above[:-distance])
            _use_selection_value(selection_value, around, result[distance:], self._spare[: len(here) - distance])
        edge = grid[:, :distance]
        edge[1:] = samples[1:, :distance] - samples[:-1, :distance]
        edge[0] = samples[0, :distance] - (whole[:distance] if has_above else np.uint16(self._initial))
        return offset + count

    def _samples_from(self, top: int, rows: int) -> NDArray[np.uint16]:
        flat: Samples = self._pixels[top : top + rows].reshape(-1)
        if flat.itemsize > 1:
            return flat.view(np.uint16)
        # widening first is far cheaper than a subtraction of mixed types
        wide = self._wide[: len(flat)]
        np.copyto(wide, flat)
        return wide


def _use_selection_value(
    selection_value: int,
    around: tuple[Differences, Differences, Differences, Differences],
    result: Differences,
    spare: Differences,
) -> None:
    """Replace differences from the left, in `result`, by those of another predictor of Table H.1.

    `around` is the sample, and those to the left (Ra), above (Rb) and above left (Rc); `spare` is scratch.
    """
    here, left, up, corner = around
    match selection_value:
        case 2:
            np.subtract(here, up, out=result)
        case 4:
            # the difference from the left here, less that of the row above
            np.subtract(up, corner, out=spare)
            np.subtract(result, spare, out=result)
        case 5:
            np.subtract(up, corner, out=spare)
            _halve(spare)
            np.subtract(result, spare, out=result)
        case 6:
            np.subtract(left, corner, out=spare)
            _halve(spare)
            np.subtract(here, up, out=result)
            np.subtract(result, spare, out=result)
        case 7:
            # the mean of two without a 17th bit: what they share, and half of what they do not
            np.bitwise_xor(left, up, out=spare)
            np.right_shift(spare, 1, out=spare)
            np.bitwise_and(left, up, out=result)
            np.add(result, spare, out=result)
            np.subtract(here, result, out=result)


def sample_differences(
    pixels: Samples, distance: int, wanted: int, selection_values: Sequence[int]
) -> list[Differences]:
    """Differences of about `wanted` samples from rows spread over the frame, for each selection value.

    The rules for the first row and column are left out: a sample shows how the frame as a whole behaves.

    Parameters
    ----------
    pixels
        Shape (rows, columns * samples), uint8 or uint16.
    distance
        Samples from one to the next of the same component in a row.
    wanted
        About how many samples.
    selection_values
        Of Table H.1, each 1 to 7.

    Returns
    -------
    One array of uint16 for each selection value, differences modulo 2 to the 16th.

    References
    ----------
    ITU-T T.81 H.1.2.1.
    """
    rows, width = pixels.shape
    if width == distance or rows == 1:
        flat = pixels[: max(1, wanted // width)].reshape(-1).astype(np.uint16)
        return [flat[distance:] - flat[:-distance] for _ in selection_values]
    step = max(1, rows * width // wanted)
    current, above = pixels[1::step].astype(np.uint16), pixels[:-1:step].astype(np.uint16)
    around = (current[:, distance:], current[:, :-distance], above[:, distance:], above[:, :-distance])
    results = []
    spare = np.empty_like(around[0])
    for selection_value in selection_values:
        result = around[0] - around[1]
        _use_selection_value(selection_value, around, result, spare)
        results.append(result.reshape(-1))
    return results


def _halve(values: Differences) -> None:
    """Halve as signed numbers, rounding down, in place."""
    signed = values.view(np.int16)
    np.right_shift(signed, 1, out=signed)


def selectable(precision: int) -> tuple[int, ...]:
    """Selection values that frames of `precision` bits may choose from without meeting known faults of decoders."""
    return (1, 2, 4, 5, 6, 7) if precision <= _HALVING_PRECISION else (1, 2, 4, 7)
