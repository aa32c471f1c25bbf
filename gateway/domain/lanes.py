"""Lanes: in which order deliveries of one destination are sent, and which of them are large clips."""

from enum import IntEnum


class Lane(IntEnum):
    """The lane of a delivery; the ledger keeps the number."""

    STAT = 0
    URGENT = 1
    URGENT_CLIP = 2
    NORMAL = 3
    CLIP = 4


QUICK_LANES = (Lane.STAT, Lane.URGENT, Lane.NORMAL)
CLIP_LANES = (Lane.URGENT_CLIP, Lane.CLIP)
ALL_LANES = (Lane.STAT, Lane.URGENT, Lane.URGENT_CLIP, Lane.NORMAL, Lane.CLIP)

_OF_PRIORITY = {"STAT": Lane.STAT, "HIGH": Lane.URGENT}


def lane_of(priority: str, size: int, clip_bytes: int) -> Lane:
    """The lane of an object of `size` bytes ordered with this Requested Procedure Priority (0040,1003).

    What has `clip_bytes` or more is a clip, however urgent: it must not stand before a small urgent image.
    """
    lane = _OF_PRIORITY.get(priority.strip().upper(), Lane.NORMAL)
    if size < clip_bytes:
        return lane
    return Lane.CLIP if lane is Lane.NORMAL else Lane.URGENT_CLIP
