"""Makes one SOP Instance of one acquisition: decode, choose, encode, verify, write. Knows no ledger.

The same builder serves the assembling role and ``gateway try``.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from gateway.codec.encode import encode
from gateway.codec.errors import CodecError, VerificationFailed
from gateway.codec.options import DEFAULT_STRIP_SAMPLES, EncodeOptions
from gateway.codec.pool import FrameTask, encode_frames
from gateway.codec.registry import encoded_photometric, lookup
from gateway.codec.verify import verify
from gateway.domain.acquisition import Hint
from gateway.domain.frames import FrameFormat, LossyStep, Picture, PictureFacts
from gateway.domain.identifiers import Uid
from gateway.domain.instance import InstanceIdentity
from gateway.domain.objects import LocalStudy, ObjectOrder, ObjectProfile, Station
from gateway.domain.performed_step import PerformedStep
from gateway.domain.ports import Clock
from gateway.domain.procedure import Step
from gateway.objects.build import build
from gateway.objects.iods import choose_sop_class
from gateway.objects.syntaxes import EXPLICIT_LITTLE_ENDIAN
from gateway.objects.write import write_object
from gateway.stages.beat import Beat
from gateway.stages.encoding import (
    EncodingPolicy,
    LossyChoice,
    choose,
    is_native,
    why_not_lossy,
)

_WORTH_A_POOL_BYTES = 64 << 20
"""Clips from this size on are encoded by all cores; below it starting the processes costs more than it gains."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an acquisition will become: class, syntax, the format as written, and why."""

    sop_class_uid: Uid
    transfer_syntax_uid: str
    format: FrameFormat
    frame_count: int
    as_it_stands: bool
    reason: str
    lossy: EncodeOptions | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom and what an object is about, and when it was captured."""

    subject: Step | LocalStudy
    captured_at: datetime
    study_started_at: datetime
    hints: tuple[Hint, ...]
    performed: PerformedStep | None = None


class ObjectBuilder:
    """Builds objects for one station."""

    def __init__(
        self, station: Station, clock: Clock, beat: Beat, *, strip_samples: int = DEFAULT_STRIP_SAMPLES
    ) -> None:
        self._station = station
        self._strip_samples = strip_samples
        self._clock = clock
        self._beat = beat

    def plan(
        self,
        picture: Picture,
        profile: ObjectProfile,
        policy: EncodingPolicy,
        link_bytes_per_s: float | None,
        *,
        lossy: LossyChoice | None = None,
    ) -> Plan:
        """Decide class and transfer syntax; a coded file that is legal as it stands is kept as it stands."""
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
        native = picture.frames.format
        why_not = why_not_lossy(lossy, native, picture.facts.lossy) if lossy else ""
        if lossy and not why_not:
            uid, reason, options = lossy.transfer_syntax_uid, "lossy, as the device profile asks", lossy.options
        else:
            choice = choose(
                policy,
                picture.frames.frame(0),
                native,
                link_bytes_per_s=link_bytes_per_s,
                monotonic=self._clock.monotonic,
            )
            uid, reason, options = choice.transfer_syntax_uid, choice.reason, None
        written, count = _as_written(uid, native), picture.frames.frame_count
        iod = choose_sop_class(profile.sop_class, written, count)
        why = "; ".join(part for part in (picture.why_decoded, why_not, reason) if part)
        return Plan(Uid(iod.sop_class_uid), uid, written, count, as_it_stands=False, reason=why, lossy=options)

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
        order = self._order(plan, picture.facts, profile, identity, about)
        if plan.lossy is not None:
            facts, derivation = self._after_lossy(plan, picture, Path(target.name))
            order = replace(order, facts=facts, derivation=derivation)
        built = build(order)
        frames = self._frames(plan, picture, Path(target.name))
        write_object(built.dataset, plan.transfer_syntax_uid, frames, plan.frame_count, target)
        return built.notes

    def _order(
        self, plan: Plan, facts: PictureFacts, profile: ObjectProfile, identity: InstanceIdentity, about: Subject
    ) -> ObjectOrder:
        """What the object is made from."""
        return ObjectOrder(
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
            facts=facts,
            hints=about.hints,
            performed=about.performed,
        )

    def _frames(self, plan: Plan, picture: Picture, beside: Path) -> Iterator[bytes | memoryview]:
        if plan.as_it_stands and picture.coded is not None:
            yield picture.coded.stream
            return
        fmt = picture.frames.format
        if not is_native(plan.transfer_syntax_uid) and fmt.frame_bytes * (plan.frame_count - 1) >= _WORTH_A_POOL_BYTES:
            yield from self._frames_of_all_cores(plan, picture, beside)
            return
        for index in range(plan.frame_count):
            frame = picture.frames.frame(index)
            self._beat()
            yield frame if is_native(plan.transfer_syntax_uid) else self._encoded(plan, frame, picture.frames.format)

    def _frames_of_all_cores(self, plan: Plan, picture: Picture, beside: Path) -> Iterator[bytes]:
        """Encode a clip with one process a core; frames and streams travel as files beside the object."""
        fmt, uid = picture.frames.format, plan.transfer_syntax_uid
        with tempfile.TemporaryDirectory(prefix=f"{beside.name}-", dir=beside.parent) as folder:
            native = Path(folder) / "native"
            with native.open("wb") as stream:
                for index in range(plan.frame_count):
                    stream.write(picture.frames.frame(index))
                    self._beat()
            tasks = [
                FrameTask(uid, fmt, native, index * fmt.frame_bytes, Path(folder) / f"{index}", self._options(plan))
                for index in range(plan.frame_count)
            ]
            with native.open("rb") as stream:
                for task, _ in zip(tasks, encode_frames(tasks), strict=True):
                    coded = task.target.read_bytes()
                    verify(uid, coded, memoryview(stream.read(fmt.frame_bytes)), fmt)
                    task.target.unlink()
                    self._beat()
                    yield coded

    def _encoded(self, plan: Plan, frame: memoryview, fmt: FrameFormat) -> bytes:
        stream = encode(plan.transfer_syntax_uid, frame, fmt, options=self._options(plan))
        verify(plan.transfer_syntax_uid, stream, frame, fmt)
        return stream

    def _options(self, plan: Plan) -> EncodeOptions:
        return replace(plan.lossy or EncodeOptions(), strip_samples=self._strip_samples)

    def _after_lossy(self, plan: Plan, picture: Picture, beside: Path) -> tuple[PictureFacts, str]:
        """The history of the pixels with the compression that is about to happen, measured by doing it once."""
        fmt = picture.frames.format
        size = sum(len(stream) for stream in self._frames(plan, picture, beside))
        ratio = fmt.frame_bytes * plan.frame_count / size
        facts = replace(picture.facts, lossy=(*picture.facts.lossy, LossyStep(ratio, "ISO_10918_1")))
        return facts, f"Compressed {ratio:.1f} to 1 by {lookup(plan.transfer_syntax_uid).name}"


def without_compression(plan: Plan, picture: Picture, fault: CodecError) -> Plan:
    """The plan after an encoder refused a frame or its verification failed: the same object, uncompressed."""
    what = "verification failed" if isinstance(fault, VerificationFailed) else "the encoder refuses the frame"
    return replace(
        plan,
        transfer_syntax_uid=EXPLICIT_LITTLE_ENDIAN,
        format=picture.frames.format,
        lossy=None,
        reason=f"sent uncompressed, because {what}: {fault.message}",
    )


def _as_written(uid: str, fmt: FrameFormat) -> FrameFormat:
    """The format that stands in the object."""
    if is_native(uid):
        return fmt
    return replace(fmt, photometric_interpretation=encoded_photometric(uid, fmt))
