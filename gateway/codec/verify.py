"""Proof of a stream: a decoder that we did not write must give the frame back.

Lossless streams must come back exactly. Of lossy ones two things are held against the frame: the mean of each block of
8 x 8 samples, which no quantiser moves far but a wrong colour transform or a shifted plane does; and the overall error.
"""

import numpy as np
from numpy.typing import NDArray

from gateway.codec import foreign
from gateway.codec.encode import Frame
from gateway.codec.errors import VerificationFailed
from gateway.codec.registry import ForeignDecoder, TransferSyntax, check_format, lookup
from gateway.codec.samples import Samples, as_samples
from gateway.domain.frames import FrameFormat

_BLOCK = 8
# fractions of the full range
_MEAN_BLOCK_ERROR = 0.03
_ROOT_MEAN_SQUARE_ERROR = 0.15


def verify(uid: str, stream: bytes, frame: Frame, fmt: FrameFormat, *, decoder: ForeignDecoder | None = None) -> None:
    """Decode `stream` with a foreign decoder and compare it with the frame that it was made of.

    Parameters
    ----------
    uid
        Transfer Syntax UID of the stream.
    stream
        The encoded frame.
    frame, fmt
        The native frame, as it was given to `encode`.
    decoder
        One of the row's decoders; by default the first.

    Raises
    ------
    VerificationFailed
        If the decoder refuses the stream, or does not give the frame back: exactly for a lossless syntax, within
        the tolerance of this module for a lossy one.
    CodecError
        If the syntax may not carry such a frame, as `encode`.

    References
    ----------
    PS3.5 section 8.2.
    """
    row = lookup(uid)
    check_format(row, fmt)
    if not row.decoders:
        raise VerificationFailed(f"{row.name} has no foreign decoder", clause=row.clause)
    chosen = decoder or row.decoders[0]
    expected = as_samples(frame, fmt)
    decoded = _decode(row, chosen, stream, fmt)
    if row.lossless:
        _compare_exactly(row, chosen, expected, decoded, fmt)
    else:
        _compare_closely(row, chosen, expected, decoded, fmt)


def _decode(row: TransferSyntax, decoder: ForeignDecoder, stream: bytes, fmt: FrameFormat) -> Samples:
    try:
        return decoder.decode(stream, fmt)
    except foreign.decoder_errors as error:
        raise VerificationFailed(f"{decoder.name} refused the stream: {error}", clause=row.clause) from error


def _compare_exactly(
    row: TransferSyntax, decoder: ForeignDecoder, expected: Samples, decoded: Samples, fmt: FrameFormat
) -> None:
    # a precision below the container comes back without its sign extension
    unused = fmt.bits_allocated - fmt.bits_stored
    pairs = zip(_strips(expected), _strips(decoded), strict=True)
    wrong = sum(int(np.count_nonzero((ours ^ theirs) << unused)) for ours, theirs in pairs)
    if wrong:
        raise VerificationFailed(
            f"{decoder.name} decoded {wrong} of {expected.size} samples otherwise", clause=row.clause
        )


def _strips(samples: Samples) -> list[Samples]:
    rows = max(1, (1 << 20) // samples.shape[1])
    return [samples[top : top + rows] for top in range(0, samples.shape[0], rows)]


def _compare_closely(
    row: TransferSyntax, decoder: ForeignDecoder, expected: Samples, decoded: Samples, fmt: FrameFormat
) -> None:
    full_range = float((1 << fmt.bits_stored) - 1)
    difference = decoded.astype(np.float32) - _as_rgb(expected, fmt)
    error = float(np.sqrt(np.mean(np.square(difference)))) / full_range
    block_error = _mean_block_error(difference.reshape(fmt.rows, fmt.columns, -1)) / full_range
    if error > _ROOT_MEAN_SQUARE_ERROR or block_error > _MEAN_BLOCK_ERROR:
        raise VerificationFailed(
            f"{decoder.name} decoded the frame with an error of {error:.3f} and a mean block error of "
            f"{block_error:.3f} of the full range",
            clause=row.clause,
        )


def _as_rgb(expected: Samples, fmt: FrameFormat) -> NDArray[np.float32]:
    """Turn a YBR_FULL frame into RGB, as the decoders of lossy streams do (PS3.3 C.7.6.3.1.2)."""
    values = expected.astype(np.float32)
    if fmt.photometric_interpretation != "YBR_FULL":
        return values
    y, cb, cr = np.moveaxis(values.reshape(fmt.rows, fmt.columns, 3), 2, 0)
    red = y + 1.402 * (cr - 128)
    green = y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128)
    blue = y + 1.772 * (cb - 128)
    rgb: NDArray[np.float32] = np.clip(np.stack([red, green, blue], axis=2), 0, 255)
    return rgb.reshape(expected.shape)


def _mean_block_error(difference: NDArray[np.float32]) -> float:
    rows, columns = difference.shape[0] // _BLOCK * _BLOCK, difference.shape[1] // _BLOCK * _BLOCK
    if not rows or not columns:
        return float(np.abs(difference.mean(axis=(0, 1))).max())
    blocks = difference[:rows, :columns].reshape(rows // _BLOCK, _BLOCK, columns // _BLOCK, _BLOCK, -1)
    # the worst plane decides: a wrong chroma plane hides behind two right ones
    return float(np.abs(blocks.mean(axis=(1, 3))).mean(axis=(0, 1)).max())
