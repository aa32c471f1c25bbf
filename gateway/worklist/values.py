"""Single values of a worklist answer: dates, times, zones, names and codes as sloppy providers send them."""

import re
from collections.abc import Mapping
from datetime import date, time, timedelta, timezone
from types import MappingProxyType

MAX_LENGTHS: Mapping[str, int] = MappingProxyType(
    {"AE": 16, "AS": 4, "CS": 16, "LO": 64, "LT": 10240, "PN": 64, "SH": 16, "ST": 1024, "UI": 64}
)
"""Most characters of one value (PS3.5 table 6.2-1); of one component group for PN."""

_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?")
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})")
_KEPT_CONTROLS = frozenset("\t\n\f\r")
_GROUP_NAMES = ("Alphabetic", "Ideographic", "Phonetic")
_SEXES: Mapping[str, str] = MappingProxyType(
    {"M": "M", "MALE": "M", "F": "F", "FEMALE": "F", "O": "O", "OTHER": "O", "": ""}
)
_EARLIEST_OFFSET, _LATEST_OFFSET = timedelta(hours=-12), timedelta(hours=14)
_LEAP_SECOND = 60


def parse_date(text: str) -> date | None:
    """A DA value (PS3.5 table 6.2-1), also in the old form ``YYYY.MM.DD``; None if it is no date."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    try:
        return date(*(int(part) for part in found.groups()))
    except ValueError:
        return None


def parse_time(text: str) -> time | None:
    """A TM value (PS3.5 table 6.2-1), also as ``HH:MM:SS``; a leap second reads as :59; None if it is no time."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    hour, minute, second = (int(part or 0) for part in found.groups()[:3])
    fraction = int((found.group(4) or "").ljust(6, "0"))
    try:
        return time(hour, minute, 59 if second == _LEAP_SECOND else second, fraction)
    except ValueError:
        return None


def time_text(text: str) -> str:
    """A TM value in the current form, without colons (PS3.5 table 6.2-1); empty if it is no time."""
    return "" if parse_time(text) is None else text.replace(":", "")


def parse_offset(text: str) -> timezone | None:
    """A Timezone Offset From UTC (PS3.3 C.12.1.1.8); None if it is none."""
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    sign = -1 if found.group(1) == "-" else 1
    offset = sign * timedelta(hours=int(found.group(2)), minutes=int(found.group(3)))
    return timezone(offset) if _EARLIEST_OFFSET <= offset <= _LATEST_OFFSET else None


def normalised_sex(text: str) -> str | None:
    """M, F, O (PS3.3 C.7.1.1) or empty for a Patient's Sex in any usual spelling; None if it says something else."""
    return _SEXES.get(text.strip().upper())


def clean(text: str, vr: str) -> str:
    """`text` without padding and control characters; line breaks stay where the VR allows them (PS3.5 section 6.2)."""
    kept = _KEPT_CONTROLS if vr in {"LT", "ST", "UT"} else frozenset[str]()
    printable = "".join(c if (c >= " " and c != "\x7f") or c in kept else " " for c in text.replace("\0", ""))
    return printable.strip(" ") if vr not in {"LT", "ST", "UT"} else printable.rstrip(" ")


def name_groups(text: str) -> dict[str, str]:
    """The component groups of a PN in the DICOM JSON model, empty ones left out (PS3.18 section F.2.2)."""
    groups = [group.strip(" ^").strip() if not group.strip("^ ") else group.rstrip("^ ") for group in text.split("=")]
    return {name: group for name, group in zip(_GROUP_NAMES, groups, strict=False) if group}
