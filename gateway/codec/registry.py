"""The one table of transfer syntaxes: what each may carry, who encodes it, who proves it.

Rows allow what the standard allows and our encoders do; which row is used is the policy of the stages.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from gateway.codec import foreign
from gateway.codec.errors import CodecError
from gateway.codec.jpeg_dct import encode_sequential
from gateway.codec.jpeg_lossless import encode_process_14, encode_sv1
from gateway.codec.options import EncodeOptions
from gateway.codec.rle import encode_rle
from gateway.codec.samples import Samples
from gateway.domain.frames import FrameFormat

Encoder = Callable[[Samples, FrameFormat, EncodeOptions], Iterator[bytes]]
Decoder = Callable[[bytes, FrameFormat], Samples]


@dataclass(frozen=True, slots=True)
class ForeignDecoder:
    """A decoder that we did not write, under the name that messages use."""

    name: str
    decode: Decoder


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """One row.

    Parameters
    ----------
    uid, name
        As PS3.6 Table A-1 gives them.
    lossless, encapsulated
        Whether frames come back exactly, and whether they travel in fragments.
    bits_allocated, bits_stored
        The Bits Allocated allowed; the lowest and highest Bits Stored allowed.
    samples
        The Samples per Pixel allowed.
    photometric
        Pairs: the Photometric Interpretation of the native frame, and that of the encoded object.
    signed
        Whether Pixel Representation 1 is allowed.
    clause
        Where the standard says so.
    encoder
        None for native syntaxes, which need none.
    decoders
        Foreign decoders for verification, the preferred one first.
    made_by
        Who encodes, for the support table.
    """

    uid: str
    name: str
    lossless: bool
    encapsulated: bool
    bits_allocated: tuple[int, ...]
    bits_stored: tuple[int, int]
    samples: tuple[int, ...]
    photometric: tuple[tuple[str, str], ...]
    signed: bool
    clause: str
    encoder: Encoder | None = None
    decoders: tuple[ForeignDecoder, ...] = ()
    made_by: str = "own, NumPy"


_GRAY = (("MONOCHROME1", "MONOCHROME1"), ("MONOCHROME2", "MONOCHROME2"))
_PALETTE = (("PALETTE COLOR", "PALETTE COLOR"),)
_COLOUR = (("RGB", "RGB"), ("YBR_FULL", "YBR_FULL"))

_LIBJPEG = ForeignDecoder("pylibjpeg-libjpeg", foreign.decode_with_pylibjpeg_libjpeg)
_PILLOW = ForeignDecoder("Pillow", foreign.decode_with_pillow)


def _native(uid: str, name: str, clause: str) -> TransferSyntax:
    return TransferSyntax(
        uid=uid,
        name=name,
        lossless=True,
        encapsulated=False,
        bits_allocated=(8, 16),
        bits_stored=(1, 16),
        samples=(1, 3),
        photometric=_GRAY + _PALETTE + _COLOUR,
        signed=True,
        clause=clause,
        made_by="none needed",
    )


@cache
def all_rows() -> tuple[TransferSyntax, ...]:
    """Every transfer syntax that the gateway can write, in order of UID."""
    return (
        _native("1.2.840.10008.1.2", "Implicit VR Little Endian", "PS3.5 section A.1"),
        _native("1.2.840.10008.1.2.1", "Explicit VR Little Endian", "PS3.5 section A.2"),
        _native("1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian", "PS3.5 section A.5"),
        _jpeg_baseline(),
        _jpeg_extended(),
        _lossless_jpeg("1.2.840.10008.1.2.4.57", "JPEG Lossless, Non-Hierarchical (Process 14)", encode_process_14),
        _lossless_jpeg(
            "1.2.840.10008.1.2.4.70",
            "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])",
            encode_sv1,
        ),
        _jpeg_ls(),
        _jpeg_2000(),
        _rle(),
    )


def _jpeg_baseline() -> TransferSyntax:
    return TransferSyntax(
        uid="1.2.840.10008.1.2.4.50",
        name="JPEG Baseline (Process 1)",
        lossless=False,
        encapsulated=True,
        bits_allocated=(8,),
        bits_stored=(8, 8),
        samples=(1, 3),
        photometric=(*_GRAY, ("RGB", "YBR_FULL_422"), ("YBR_FULL", "YBR_FULL_422")),
        signed=False,
        clause="PS3.5 section 8.2.1",
        encoder=encode_sequential,
        decoders=(_PILLOW, _LIBJPEG),
    )


def _jpeg_extended() -> TransferSyntax:
    return TransferSyntax(
        uid="1.2.840.10008.1.2.4.51",
        name="JPEG Extended (Process 2 and 4)",
        lossless=False,
        encapsulated=True,
        bits_allocated=(16,),
        bits_stored=(12, 12),
        samples=(1,),
        photometric=_GRAY,
        signed=False,
        clause="PS3.5 section 8.2.1",
        encoder=encode_sequential,
        decoders=(_LIBJPEG,),
    )


def _lossless_jpeg(uid: str, name: str, encoder: Encoder) -> TransferSyntax:
    return TransferSyntax(
        uid=uid,
        name=name,
        lossless=True,
        encapsulated=True,
        bits_allocated=(8, 16),
        bits_stored=(8, 16),
        samples=(1, 3),
        photometric=_GRAY + _PALETTE + _COLOUR,
        signed=True,
        clause="PS3.5 section 8.2.1",
        encoder=encoder,
        decoders=(_LIBJPEG,),
    )


def _jpeg_ls() -> TransferSyntax:
    return TransferSyntax(
        uid="1.2.840.10008.1.2.4.80",
        name="JPEG-LS Lossless Image Compression",
        lossless=True,
        encapsulated=True,
        bits_allocated=(8, 16),
        bits_stored=(2, 16),
        samples=(1, 3),
        photometric=_GRAY + _PALETTE + _COLOUR,
        signed=True,
        clause="PS3.5 section 8.2.3",
        encoder=foreign.encode_jpeg_ls,
        decoders=(_LIBJPEG, ForeignDecoder("pyjpegls", foreign.decode_with_pyjpegls)),
        made_by="pyjpegls",
    )


def _jpeg_2000() -> TransferSyntax:
    return TransferSyntax(
        uid="1.2.840.10008.1.2.4.90",
        name="JPEG 2000 Image Compression (Lossless Only)",
        lossless=True,
        encapsulated=True,
        bits_allocated=(8, 16),
        bits_stored=(2, 16),
        samples=(1, 3),
        photometric=(*_GRAY, *_PALETTE, ("RGB", "YBR_RCT"), ("YBR_FULL", "YBR_FULL")),
        signed=True,
        clause="PS3.5 section 8.2.4",
        encoder=foreign.encode_jpeg_2000,
        decoders=(ForeignDecoder("pylibjpeg-openjpeg", foreign.decode_with_pylibjpeg_openjpeg),),
        made_by="pylibjpeg-openjpeg",
    )


def _rle() -> TransferSyntax:
    return TransferSyntax(
        uid="1.2.840.10008.1.2.5",
        name="RLE Lossless",
        lossless=True,
        encapsulated=True,
        bits_allocated=(8, 16),
        bits_stored=(1, 16),
        samples=(1, 3),
        photometric=_GRAY + _PALETTE + _COLOUR,
        signed=True,
        clause="PS3.5 section 8.2.2",
        encoder=encode_rle,
        decoders=(ForeignDecoder("pylibjpeg-rle", foreign.decode_with_pylibjpeg_rle),),
    )


def lookup(uid: str) -> TransferSyntax:
    """Find the row of `uid` (PS3.5 section 10); raises `CodecError` if the gateway does not write that syntax."""
    for row in all_rows():
        if row.uid == uid:
            return row
    raise CodecError(f"Transfer Syntax UID is {uid}, which the gateway does not write", clause="PS3.5 section 10")


def check_format(row: TransferSyntax, fmt: FrameFormat) -> None:
    """Look whether `row` may carry frames of `fmt`.

    Raises
    ------
    CodecError
        It may not; the error names the value and the clause.

    References
    ----------
    PS3.5 section 8.2 and its parts; PS3.3 C.7.6.3.1.2.
    """
    lowest, highest = row.bits_stored
    rules = (
        ("Bits Allocated", fmt.bits_allocated, fmt.bits_allocated in row.bits_allocated),
        ("Bits Stored", fmt.bits_stored, lowest <= fmt.bits_stored <= min(highest, fmt.bits_allocated)),
        ("Samples per Pixel", fmt.samples_per_pixel, fmt.samples_per_pixel in row.samples),
        ("Pixel Representation", int(fmt.signed), row.signed or not fmt.signed),
        (
            "Photometric Interpretation",
            fmt.photometric_interpretation,
            fmt.photometric_interpretation in dict(row.photometric),
        ),
    )
    for name, value, is_allowed in rules:
        if not is_allowed:
            raise CodecError(f"{name} is {value}, which {row.name} does not allow here", clause=row.clause)
    if (fmt.samples_per_pixel == 3) != (fmt.photometric_interpretation in {"RGB", "YBR_FULL"}):  # noqa: PLR2004 - colour
        raise CodecError(
            f"Photometric Interpretation is {fmt.photometric_interpretation} with {fmt.samples_per_pixel} "
            "Samples per Pixel",
            clause="PS3.3 C.7.6.3.1.2",
        )


def encoded_photometric(uid: str, fmt: FrameFormat) -> str:
    """Photometric Interpretation of an object whose frames of `fmt` are encoded as `uid`.

    Raises `CodecError` as `check_format`.

    References
    ----------
    PS3.5 sections 8.2.1 to 8.2.4.
    """
    row = lookup(uid)
    check_format(row, fmt)
    return dict(row.photometric)[fmt.photometric_interpretation]
