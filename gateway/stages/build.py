"""Makes one SOP Instance of one acquisition: decode, choose, encode, verify, write. Knows no ledger.

The same builder serves the assembling role and ``gateway try``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO

from gateway.codec.encode import encode
from gateway.codec.errors import VerificationFailed
from gateway.codec.registry import encoded_photometric
from gateway.codec.verify import verify
from gateway.domain.acquisition import Hint
from gateway.domain.frames import FrameFormat, Picture
from gateway.domain.identifiers import Uid
from gateway.domain.instance import InstanceIdentity
from gateway.domain.objects import LocalStudy, ObjectOrder, ObjectProfile, Station
from gateway.domain.ports import Clock
from gateway.domain.procedure import Step
from gateway.objects.build import build
from gateway.objects.iods import choose_sop_class
from gateway.objects.write import write_object
from gateway.stages.encoding import EXPLICIT_LITTLE_ENDIAN, EncodingPolicy, choose, is_native
from gateway.stages.loop import Beat


@dataclass(frozen=True, slots=True)
class Plan:
    """What an acquisition will become: class, syntax, the format as written, and why."""

    sop_class_uid: Uid
    transfer_syntax_uid: str
    format: FrameFormat
    frame_count: int
    as_it_stands: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom and what an object is about, and when it was captured."""

    subject: Step | LocalStudy
    captured_at: datetime
    study_started_at: datetime
    hints: tuple[Hint, ...]


class ObjectBuilder:
    """Builds objects for one station."""

    def __init__(self, station: Station, clock: Clock, beat: Beat) -> None:
        self._station = station
        self._clock = clock
        self._beat = beat

    def plan(
        self, picture: Picture, profile: ObjectProfile, policy: EncodingPolicy, link_bytes_per_s: float | None
    ) -> Plan:
        """Decide class and transfer syntax; a coded file that is legal as it stands is kept as it stands."""
        native = picture.frames.format
        if picture.coded is not None:
            iod = choose_sop_class(profile.sop_class, picture.coded.format, 1)
            return Plan(
                Uid(iod.sop_class_uid),
                picture.coded.transfer_syntax_uid,
                picture.coded.format,
                1,
                as_it_stands=True,
                reason="the camera's own stream, bit for bit",
            )
        count = picture.frames.frame_count
        choice = choose(
            policy,
            picture.frames.frame(0),
            native,
            link_bytes_per_s=link_bytes_per_s,
            monotonic=self._clock.monotonic,
        )
        written = _as_written(choice.transfer_syntax_uid, native)
        iod = choose_sop_class(profile.sop_class, written, count)
        why = f"{picture.why_decoded}; {choice.reason}" if picture.why_decoded else choice.reason
        return Plan(Uid(iod.sop_class_uid), choice.transfer_syntax_uid, written, count, False, why)

    def write(
        self,
        plan: Plan,
        picture: Picture,
        *,
        profile: ObjectProfile,
        identity: InstanceIdentity,
        about: Subject,
        target: BinaryIO,
    ) -> tuple[str, ...]:
        """Write the object to `target` and return notes for the journal.

        Every frame we encode is decoded by a foreign decoder and compared before it is written; raises
        `VerificationFailed` when one does not come back.
        """
        order = ObjectOrder(
            profile=profile,
            station=self._station,
            identity=identity,
            subject=about.subject,
            captured_at=about.captured_at,
            study_started_at=about.study_started_at,
            transfer_syntax_uid=plan.transfer_syntax_uid,
            format=plan.format,
            planar_configuration=0,
            frame_count=plan.frame_count,
            facts=picture.facts,
            hints=about.hints,
        )
        built = build(order)
        frames = self._frames(plan, picture)
        write_object(built.dataset, plan.transfer_syntax_uid, frames, plan.frame_count, target)
        return built.notes

    def _frames(self, plan: Plan, picture: Picture) -> Iterator[bytes | memoryview]:
        if plan.as_it_stands and picture.coded is not None:
            yield picture.coded.stream
            return
        for index in range(plan.frame_count):
            frame = picture.frames.frame(index)
            self._beat()
            yield frame if is_native(plan.transfer_syntax_uid) else _encoded(plan, frame, picture.frames.format)


def without_compression(plan: Plan, picture: Picture, fault: VerificationFailed) -> Plan:
    """The plan after a frame failed its verification: the same object, uncompressed, with the reason."""
    return replace(
        plan,
        transfer_syntax_uid=EXPLICIT_LITTLE_ENDIAN,
        format=picture.frames.format,
        reason=f"sent uncompressed, because verification failed: {fault.message}",
    )


def _encoded(plan: Plan, frame: memoryview, fmt: FrameFormat) -> bytes:
    stream = encode(plan.transfer_syntax_uid, frame, fmt)
    verify(plan.transfer_syntax_uid, stream, frame, fmt)
    return stream


def _as_written(uid: str, fmt: FrameFormat) -> FrameFormat:
    """The format that stands in the object."""
    if is_native(uid):
        return fmt
    return replace(fmt, photometric_interpretation=encoded_photometric(uid, fmt))
