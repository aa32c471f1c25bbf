"""Encoders and decoders that others wrote: the only file that imports them.

Decoders here prove our streams, so none of them shares code with our encoders. Each takes one stream and the format of
its frame, and returns shape (rows, columns * samples), uint8 or little-endian uint16, as
`gateway.codec.samples.as_samples` lays samples out; colour of lossy streams comes back as RGB. What a decoder raises
about a stream that it cannot read is one of `decoder_errors`.
"""

import io
from collections.abc import Iterator
from typing import Any

import jpeg_ls
import numpy as np
import rle.rle
from libjpeg.utils import decode as decode_jpeg
from numpy.typing import NDArray
from openjpeg.utils import decode as decode_j2k
from openjpeg.utils import encode_buffer as encode_j2k_buffer
from PIL import Image

from gateway.codec.errors import CodecError
from gateway.codec.options import EncodeOptions
from gateway.codec.samples import BYTE_BITS, Samples
from gateway.domain.frames import FrameFormat

_LEAST_SIDE = 32

# what these libraries raise about a stream that they cannot decode; Pillow's own errors are an OSError and the bomb
decoder_errors = (RuntimeError, ValueError, TypeError, OSError, NotImplementedError, Image.DecompressionBombError)


def _native(decoded: NDArray[Any], fmt: FrameFormat) -> Samples:
    """Give a decoder's array the width of the native frame, one row a row."""
    dtype = np.dtype("<u1" if fmt.bits_allocated == BYTE_BITS else "<u2")
    values = decoded.view(f"u{decoded.itemsize}").astype(dtype, copy=False)
    return values.reshape(fmt.rows, fmt.columns * fmt.samples_per_pixel)


def decode_with_pylibjpeg_rle(stream: bytes, fmt: FrameFormat) -> Samples:
    """Decode RLE Lossless (PS3.5 Annex G) with pylibjpeg-rle."""
    planes = np.frombuffer(
        rle.rle.decode_frame(stream, fmt.rows * fmt.columns, fmt.bits_allocated, "<"), f"<u{fmt.bits_allocated // 8}"
    )
    return _native(planes.reshape(fmt.samples_per_pixel, fmt.rows, fmt.columns).transpose(1, 2, 0).copy(), fmt)


def decode_with_pylibjpeg_libjpeg(stream: bytes, fmt: FrameFormat) -> Samples:
    """Decode a JPEG or JPEG-LS stream of ours (PS3.5 8.2.1, 8.2.3) with pylibjpeg-libjpeg; lossy colour as RGB."""
    is_transformed = fmt.samples_per_pixel > 1 and fmt.bits_allocated == BYTE_BITS and _has_quantiser(stream)
    transform = 1 if is_transformed else 0
    return _native(decode_jpeg(stream, colour_transform=transform), fmt)


def _has_quantiser(stream: bytes) -> bool:
    """Tell whether the first marker segment after SOI is DQT, where our lossy encoders put it (T.81 B.2.1)."""
    return stream[2:4] == b"\xff\xdb"


def decode_with_pillow(stream: bytes, fmt: FrameFormat) -> Samples:
    """Decode JPEG Baseline (ITU-T T.81, process 1; PS3.5 section 8.2.1) with Pillow."""
    with Image.open(io.BytesIO(stream)) as image:
        return _native(np.asarray(image.convert("RGB" if fmt.samples_per_pixel > 1 else "L")), fmt)


def decode_with_pyjpegls(stream: bytes, fmt: FrameFormat) -> Samples:
    """Decode JPEG-LS (ITU-T T.87; PS3.5 section 8.2.3) with pyjpegls (CharLS)."""
    pixels, attributes = jpeg_ls.decode_buffer(stream)
    dtype = "<u1" if attributes["bits_per_sample"] <= BYTE_BITS else "<u2"
    return _native(np.frombuffer(pixels, dtype), fmt)


def decode_with_pylibjpeg_openjpeg(stream: bytes, fmt: FrameFormat) -> Samples:
    """Decode JPEG 2000 (ITU-T T.800; PS3.5 section 8.2.4) with pylibjpeg-openjpeg."""
    return _native(decode_j2k(stream, j2k_format=0), fmt)


def encode_jpeg_ls(pixels: Samples, fmt: FrameFormat, options: EncodeOptions) -> Iterator[bytes]:
    """Encode JPEG-LS lossless with pyjpegls; colour is interleaved by sample (ITU-T T.87, NEAR = 0).

    Signed samples are coded as patterns of all allocated bits, so that decoding gives the sign extension back.

    Parameters
    ----------
    pixels
        Shape (rows, columns * samples), uint8 or little-endian uint16.
    fmt
        The frame's attributes.
    options
        Not asked: this syntax leaves no choice.

    Yields
    ------
    The stream, in one piece.

    Raises
    ------
    CodecError
        The library refuses the frame.

    References
    ----------
    ITU-T T.87; PS3.5 section 8.2.3.
    """
    del options
    # eight bits or less would come back as one byte a sample, which a frame of two bytes a sample is not
    takes_all = fmt.signed or fmt.bits_stored <= BYTE_BITS
    precision = fmt.bits_allocated if takes_all else fmt.bits_stored
    try:
        stream = jpeg_ls.encode_buffer(
            pixels.tobytes(),
            fmt.rows,
            fmt.columns,
            fmt.samples_per_pixel,
            precision,
            interleave_mode=2 if fmt.samples_per_pixel > 1 else None,
        )
    except RuntimeError as error:
        # a frame of a few bytes, for one, whose stream is more than twice as long
        raise CodecError(f"pyjpegls refused the frame: {error}", clause="PS3.5 section 8.2.3") from error
    return iter((bytes(stream),))


def encode_jpeg_2000(pixels: Samples, fmt: FrameFormat, options: EncodeOptions) -> Iterator[bytes]:
    """Encode JPEG 2000 lossless with pylibjpeg-openjpeg; RGB through the reversible transform (T.800 G.2).

    Parameters and what it yields are those of `encode_jpeg_ls`.

    Raises
    ------
    CodecError
        The frame has fewer than 32 rows or columns (the library's six resolutions do not fit it), or the library
        refuses it.

    References
    ----------
    ITU-T T.800 sections B.5 and G.2; PS3.5 section 8.2.4.
    """
    del options
    if min(fmt.rows, fmt.columns) < _LEAST_SIDE:
        raise CodecError(
            f"Rows and Columns are {fmt.rows} and {fmt.columns}, the encoder needs {_LEAST_SIDE} each",
            clause="ITU-T T.800 section B.5",
        )
    is_rgb = fmt.photometric_interpretation == "RGB"
    widened: Samples = pixels
    if fmt.bits_stored <= BYTE_BITS < fmt.bits_allocated:
        # the library wants the narrowest container
        widened = pixels.astype(np.uint8)
    try:
        stream = encode_j2k_buffer(
            widened.tobytes(),
            fmt.columns,
            fmt.rows,
            fmt.samples_per_pixel,
            fmt.bits_stored,
            fmt.signed,
            photometric_interpretation=1 if is_rgb else 0,
            use_mct=is_rgb,
        )
    except RuntimeError as error:
        raise CodecError(f"pylibjpeg-openjpeg refused the frame: {error}", clause="PS3.5 section 8.2.4") from error
    return iter((bytes(stream),))
