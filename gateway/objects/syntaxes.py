"""Transfer syntaxes the gateway writes, and which pixels each of them can carry.

References: PS3.5 section 8.2, annex A.
"""

from dataclasses import dataclass

from gateway.domain.frames import FrameFormat

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
NATIVE = frozenset({IMPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN})
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"

_GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})
_LOSSLESS = _GREY | {"RGB", "YBR_FULL"}
_JPEG = _GREY | {"RGB", "YBR_FULL_422"}
_J2K_LOSSLESS = _LOSSLESS | {"YBR_RCT"}
_J2K = _J2K_LOSSLESS | {"YBR_ICT"}


@dataclass(frozen=True, slots=True)
class Syntax:
    """What one compressed transfer syntax carries; `lossless` if it can do nothing else."""

    name: str
    photometric: frozenset[str]
    max_stored: int
    lossless: bool


COMPRESSED = {
    JPEG_BASELINE: Syntax("JPEG Baseline", _JPEG, 8, lossless=False),
    "1.2.840.10008.1.2.4.51": Syntax("JPEG Extended", _JPEG, 12, lossless=False),
    "1.2.840.10008.1.2.4.57": Syntax("JPEG Lossless", _LOSSLESS, 16, lossless=True),
    "1.2.840.10008.1.2.4.70": Syntax("JPEG Lossless SV1", _LOSSLESS, 16, lossless=True),
    "1.2.840.10008.1.2.4.80": Syntax("JPEG-LS Lossless", _LOSSLESS, 16, lossless=True),
    "1.2.840.10008.1.2.4.81": Syntax("JPEG-LS Near-lossless", _LOSSLESS, 16, lossless=False),
    "1.2.840.10008.1.2.4.90": Syntax("JPEG 2000 Lossless", _J2K_LOSSLESS, 16, lossless=True),
    "1.2.840.10008.1.2.4.91": Syntax("JPEG 2000", _J2K, 16, lossless=False),
    "1.2.840.10008.1.2.4.201": Syntax("HTJ2K Lossless", _J2K_LOSSLESS, 16, lossless=True),
    "1.2.840.10008.1.2.4.202": Syntax("HTJ2K Lossless RPCL", _J2K_LOSSLESS, 16, lossless=True),
    "1.2.840.10008.1.2.4.203": Syntax("HTJ2K", _J2K, 16, lossless=False),
    "1.2.840.10008.1.2.5": Syntax("RLE Lossless", _LOSSLESS, 16, lossless=True),
}


def syntax_fault(transfer_syntax_uid: str, fmt: FrameFormat, *, jpeg_in_422_only: bool) -> str:
    """Why these pixels cannot be written in this syntax, as a sentence; empty when they can.

    `jpeg_in_422_only` is set for classes that want lossy colour JPEG as YBR_FULL_422 and not as RGB (PS3.3 C.8.12.1).
    """
    photometric = fmt.photometric_interpretation
    if transfer_syntax_uid in NATIVE:
        native = _LOSSLESS
        return "" if photometric in native else f"{photometric} pixels are not written without compression."
    syntax = COMPRESSED.get(transfer_syntax_uid)
    if syntax is None:
        return f"The gateway does not write transfer syntax {transfer_syntax_uid}."
    if photometric not in syntax.photometric or fmt.bits_stored > syntax.max_stored:
        return f"{syntax.name} does not carry {photometric} of {fmt.bits_stored} bits."
    if jpeg_in_422_only and photometric == "RGB" and transfer_syntax_uid == JPEG_BASELINE:
        return "JPEG Baseline with RGB is not allowed in this class; it wants YBR_FULL_422."
    return ""
