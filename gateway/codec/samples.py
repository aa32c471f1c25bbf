"""Native frames as arrays of samples: checks that the buffer is what the format says, and nothing more.

Encoders see unsigned bit patterns in rows of `columns * samples_per_pixel`; what a syntax allows is the registry's.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.codec.errors import CodecError
from gateway.domain.frames import FrameFormat

Samples = NDArray[np.uint8] | NDArray[np.uint16]

BYTE_BITS = 8
_CHECKED_AT_ONCE = 1 << 22


def as_samples(frame: memoryview | bytes | bytearray | NDArray[Any], fmt: FrameFormat) -> Samples:
    """View a native frame as unsigned samples, without a copy if its memory is contiguous.

    Parameters
    ----------
    frame
        `fmt.frame_bytes` bytes, or an array of shape (rows, columns) or (rows, columns, samples) whose dtype is the
        integer of `fmt.bits_allocated` bits and `fmt.signed`.

    Returns
    -------
    Array of shape (rows, columns * samples_per_pixel), uint8 or little-endian uint16; signed values as two's
    complement patterns.

    Raises
    ------
    CodecError
        If size, shape, dtype or byte order disagree with `fmt`, or a value lies beyond the bits stored.

    References
    ----------
    PS3.5 section 8.1.1; PS3.3 C.7.6.3.
    """
    check_size(fmt)
    dtype = np.dtype("<u1" if fmt.bits_allocated == BYTE_BITS else "<u2")
    width = fmt.columns * fmt.samples_per_pixel
    if isinstance(frame, np.ndarray):
        _check_array(frame, fmt)
        pixels = frame.reshape(fmt.rows, width).view(dtype)
    else:
        length = memoryview(frame).nbytes
        if length != fmt.frame_bytes:
            raise CodecError(
                f"The frame has {length} bytes, its attributes ask for {fmt.frame_bytes}", clause="PS3.5 section 8.1.1"
            )
        pixels = np.frombuffer(frame, dtype).reshape(fmt.rows, width)
    _check_values(pixels, fmt)
    return pixels


def check_size(fmt: FrameFormat) -> None:
    """Look whether a native frame of this gateway can have such attributes.

    Raises
    ------
    CodecError
        It cannot; the error names the value and the clause.

    References
    ----------
    PS3.3 C.7.6.3.1; PS3.5 section 8.1.1.
    """
    for name, value in (("Rows", fmt.rows), ("Columns", fmt.columns)):
        if not 1 <= value <= 65535:  # noqa: PLR2004 - the range of VR US
            raise CodecError(f"{name} is {value}, must be 1 to 65535", clause="PS3.3 C.7.6.3.1")
    if fmt.bits_allocated not in {8, 16}:
        raise CodecError(f"Bits Allocated is {fmt.bits_allocated}, must be 8 or 16", clause="PS3.5 section 8.1.1")
    if not 1 <= fmt.bits_stored <= fmt.bits_allocated:
        raise CodecError(
            f"Bits Stored is {fmt.bits_stored}, must be 1 to {fmt.bits_allocated}", clause="PS3.5 section 8.1.1"
        )
    if fmt.samples_per_pixel not in {1, 3}:
        raise CodecError(f"Samples per Pixel is {fmt.samples_per_pixel}, must be 1 or 3", clause="PS3.3 C.7.6.3.1.1")


def _check_array(frame: NDArray[Any], fmt: FrameFormat) -> None:
    wanted = np.dtype(f"<{'i' if fmt.signed else 'u'}{fmt.bits_allocated // 8}")
    if frame.dtype != wanted:
        raise CodecError(f"The array has dtype {frame.dtype.str}, not {wanted.str}", clause="PS3.5 section 8.1.1")
    shapes: set[tuple[int, ...]] = {(fmt.rows, fmt.columns, fmt.samples_per_pixel)}
    if fmt.samples_per_pixel == 1:
        shapes.add((fmt.rows, fmt.columns))
    if frame.shape not in shapes:
        raise CodecError(
            f"The array has shape {frame.shape}, its attributes ask for {max(shapes)}", clause="PS3.3 C.7.6.3.1"
        )


def _check_values(pixels: Samples, fmt: FrameFormat) -> None:
    if fmt.bits_stored == fmt.bits_allocated:
        return
    values: NDArray[Any] = pixels.view(f"<i{fmt.bits_allocated // 8}") if fmt.signed else pixels
    lowest = -(1 << (fmt.bits_stored - 1)) if fmt.signed else 0
    highest = (1 << (fmt.bits_stored - fmt.signed)) - 1
    # in parts that stay in cache between the two passes
    rows = max(1, _CHECKED_AT_ONCE // max(1, values.shape[1] * values.itemsize))
    for top in range(0, values.shape[0], rows):
        part = values[top : top + rows]
        worst = int(part.max())
        if worst <= highest and fmt.signed:
            worst = int(part.min())
        if not lowest <= worst <= highest:
            raise CodecError(
                f"A sample has value {worst}, Bits Stored {fmt.bits_stored} allows {lowest} to {highest}",
                clause="PS3.5 section 8.1.1",
            )
