"""The copy for a destination that refuses the stored transfer syntax: in which other one, and made how.

Policy: another lossless syntax that the destination takes, if encoding and sending that is sooner done than sending the
object uncompressed; else uncompressed, which every destination must take (PS3.5 section 10.1).
"""

import logging
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from gateway.codec.encode import encode
from gateway.codec.errors import CodecError
from gateway.codec.registry import encoded_photometric
from gateway.codec.verify import verify
from gateway.domain.frames import FrameFormat
from gateway.objects.syntaxes import EXPLICIT_LITTLE_ENDIAN, IMPLICIT_LITTLE_ENDIAN
from gateway.objects.transcode import Recoding, recode
from gateway.stages.encoding import is_native, soonest

_log = logging.getLogger(__name__)


class CopyRules(Protocol):
    """What a destination's copies may be, as its sender knows it."""

    @property
    def candidates(self) -> Sequence[str]:
        """The syntaxes of its compression, best first."""
        ...

    @property
    def link_rate(self) -> Callable[[], float | None]:
        """How fast its link is in bytes per second; None while unknown."""
        ...

    @property
    def monotonic(self) -> Callable[[], float]:
        """The clock by which encoders are timed."""
        ...


def write_copy(source: Path, target: BinaryIO, accepted: Collection[str], rules: CopyRules) -> str:
    """Write a copy of the object at `source` that the destination takes, and return its Transfer Syntax UID.

    Every frame that is encoded is decoded by a foreign decoder and compared; where one does not come back, the copy
    is uncompressed.
    """
    native = (
        IMPLICIT_LITTLE_ENDIAN
        if IMPLICIT_LITTLE_ENDIAN in accepted and EXPLICIT_LITTLE_ENDIAN not in accepted
        else EXPLICIT_LITTLE_ENDIAN
    )
    candidates = [uid for uid in rules.candidates if uid in accepted and not is_native(uid)]
    if candidates:
        try:
            return recode(source, target, _chooser(candidates, native, rules), without_pixels=native)
        except CodecError as fault:  # the pixels are sound: only their compression is at fault
            _log.error("copy=%s compression=failed error=%s", source.name, fault.message)
            target.seek(0)
            target.truncate()
    return recode(source, target, _chooser([], native, rules), without_pixels=native)


def _chooser(candidates: Sequence[str], native: str, rules: CopyRules) -> Callable[[bytes, FrameFormat], Recoding]:
    def chosen(frame: bytes, fmt: FrameFormat) -> Recoding:
        uid = soonest(candidates, memoryview(frame), fmt, link_bytes_per_s=rules.link_rate(), monotonic=rules.monotonic)
        if is_native(uid):
            return Recoding(native, fmt.photometric_interpretation, lambda plain: plain)
        return Recoding(uid, encoded_photometric(uid, fmt), lambda plain: _proven(uid, plain, fmt))

    return chosen


def _proven(uid: str, frame: bytes, fmt: FrameFormat) -> bytes:
    stream = encode(uid, frame, fmt)
    verify(uid, stream, frame, fmt)
    return stream
