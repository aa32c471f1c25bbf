"""Names of things, as small types, so that a checker tells a delivery from a device."""

import re
import secrets
from typing import NewType

AcquisitionId = NewType("AcquisitionId", int)
"""Ledger number of an acquisition."""
InstanceId = NewType("InstanceId", int)
"""Ledger number of a SOP Instance."""
DeliveryId = NewType("DeliveryId", int)
"""Ledger number of a delivery."""
DeviceName = NewType("DeviceName", str)
"""Name of a configured device: the stem of its file under ``devices/``."""
DestinationName = NewType("DestinationName", str)
"""Name of a configured destination."""
Uid = NewType("Uid", str)
"""A DICOM unique identifier (PS3.5 section 9)."""

IMPLEMENTATION_CLASS_UID = Uid("2.25.303859273486014412950227318614277342077")
IMPLEMENTATION_VERSION_NAME = "IMGGATEWAY_0_1"

_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
_UID_MAX_LENGTH = 64


def mint_uid() -> Uid:
    """Return a new UID under 2.25 from 122 random bits laid out as a version 4 UUID (PS3.5 Annex B.2)."""
    number = secrets.randbits(128)
    number = number & ~(0xF << 76) | (0x4 << 76)
    number = number & ~(0x3 << 62) | (0x2 << 62)
    return Uid(f"2.25.{number}")


def is_valid_uid(text: str) -> bool:
    """Whether `text` is a well-formed UID: at most 64 characters, digits in components, no leading zeros."""
    return len(text) <= _UID_MAX_LENGTH and _UID.fullmatch(text) is not None


def display_name(raw: bytes) -> str:
    """A file name of any bytes as printable text: undecodable and control bytes become visible escapes."""
    text = raw.decode("utf-8", errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
