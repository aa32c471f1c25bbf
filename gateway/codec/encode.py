"""Encoding as the rest of the gateway calls it: check against the registry's row, then hand the samples over."""

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from gateway.codec.errors import CodecError
from gateway.codec.options import EncodeOptions
from gateway.codec.registry import check_format, lookup
from gateway.codec.samples import as_samples
from gateway.domain.frames import FrameFormat

Frame = memoryview | bytes | bytearray | NDArray[Any]


def encode_chunks(uid: str, frame: Frame, fmt: FrameFormat, *, options: EncodeOptions | None = None) -> Iterator[bytes]:
    """Encode one frame, in parts, so that a stream of any size needs little memory.

    Parameters
    ----------
    uid
        Transfer Syntax UID of an encapsulated syntax.
    frame
        Native frame as `gateway.codec.samples.as_samples` takes it: its bytes, or an array of shape (rows, columns)
        or (rows, columns, samples).
    fmt
        The attributes of the frame.
    options
        Choices for lossy syntaxes.

    Returns
    -------
    The parts of the stream in order, not padded to an even length. The frame is checked before this returns; only
    that an RLE stream stays below 4 GiB shows later. The encoders of libraries hold frame and stream as a whole.

    Raises
    ------
    CodecError
        If the syntax may not carry such a frame, or the frame is not what `fmt` says.

    References
    ----------
    PS3.5 sections 8.2 and A.4.
    """
    row = lookup(uid)
    if row.encoder is None:
        raise CodecError(f"Transfer Syntax UID is {uid}, which is native and encodes no frames", clause=row.clause)
    check_format(row, fmt)
    return row.encoder(as_samples(frame, fmt), fmt, options or EncodeOptions())


def encode(uid: str, frame: Frame, fmt: FrameFormat, *, options: EncodeOptions | None = None) -> bytes:
    """Encode one frame as one stream; parameters and errors are those of `encode_chunks`."""
    return b"".join(encode_chunks(uid, frame, fmt, options=options))
