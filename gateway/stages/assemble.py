"""Turns acquisitions into SOP Instances: look at it, tie it to one step, build, freeze, owe it to the destinations."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from gateway.capture.image_files import make_thumbnail, open_picture
from gateway.codec.errors import CodecError
from gateway.codec.registry import lookup
from gateway.domain.checkpoints import Checkpoint, Passage
from gateway.domain.errors import Disposition, GatewayError, InvalidObject, Phase
from gateway.domain.frames import Picture
from gateway.domain.identifiers import Uid
from gateway.domain.instance import InstanceIdentity, SpooledObject
from gateway.domain.lifecycle import AcquisitionState
from gateway.domain.objects import LocalStudy, ObjectProfile
from gateway.domain.ports import Clock
from gateway.domain.procedure import Hold, Step
from gateway.objects.iods import iod_named, iod_of
from gateway.spool.acquisitions import AcquisitionLedger, ClaimedAcquisition
from gateway.spool.files import SpoolFiles, digest_of
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.spool.instances import InstanceLedger
from gateway.spool.runs import Run
from gateway.spool.steps import StepLedger
from gateway.stages.build import ObjectBuilder, Plan, Subject, without_compression
from gateway.stages.decide import DeviceRules, decide, decide_locally, hold_twin
from gateway.stages.device_clocks import DeviceClocks
from gateway.stages.loop import Beat
from gateway.stages.performing import Performing
from gateway.stages.routing import Finished, Route, owed_to

_log = logging.getLogger(__name__)
_UNFINISHED_LIMIT = 5
"""Begun this often without any outcome, an acquisition is set aside: something about it kills its worker."""
_LATER_S = 60.0
_ISSUE = "assemble."


class AssembleStage:
    """The work of the assembling loop."""

    def __init__(
        self,
        *,
        run: Run,
        devices: Mapping[str, DeviceRules],
        routes: tuple[Route, ...],
        acquisitions: AcquisitionLedger,
        instances: InstanceLedger,
        health: HealthLedger,
        steps: StepLedger,
        performing: Performing,
        files: SpoolFiles,
        builder: ObjectBuilder,
        link_rate: Callable[[str], float | None],
        refused: Callable[[str, str], frozenset[str]],
        clock: Clock,
        passage: Passage,
        beat: Beat,
    ) -> None:
        self._run = run
        self._devices = devices
        self._routes = routes
        self._acquisitions = acquisitions
        self._instances = instances
        self._health = health
        self._uncompressed = 0
        health.settle(_ISSUE, {})
        self._device_clocks = DeviceClocks(health)
        self._steps = steps
        self._performing = performing
        self._files = files
        self._builder = builder
        self._link_rate = link_rate
        self._refused = refused
        self._clock = clock
        self._passage = passage
        self._beat = beat

    def round(self) -> float:
        """Work on the oldest acquisition that can go on; rest when there is none."""
        claimed = self._acquisitions.claim_next(self._run)
        if claimed is None:
            return 1.0
        self._passage(Checkpoint.ASSEMBLE_CLAIMED)
        number = claimed.acquisition.id
        try:
            self._advance(claimed)
        except GatewayError as fault:
            _log.warning(
                "acquisition=%d phase=%s disposition=%s error=%s",
                number,
                fault.phase.value,
                fault.disposition.value,
                fault.message,
            )
            self._settle(claimed, fault)
        self._beat()
        return 0.0

    def close(self) -> None:
        """Nothing to release."""

    def _settle(self, claimed: ClaimedAcquisition, fault: GatewayError) -> None:
        """Do what the fault's disposition says; an unforeseen one puts the acquisition aside, never back in line."""
        number = claimed.acquisition.id
        if fault.disposition is Disposition.QUARANTINE:
            self._acquisitions.quarantined(number, fault)
        elif fault.disposition is Disposition.HOLD:
            self._acquisitions.held(number, Hold(fault.message, fault.remedy))
        else:
            halts = fault.disposition is Disposition.HALT
            later = timedelta(seconds=0 if halts else _LATER_S)
            self._acquisitions.postponed(number, fault, self._clock.now() + later)
            if halts:
                raise fault

    def _advance(self, claimed: ClaimedAcquisition) -> None:
        if claimed.unfinished_claims >= _UNFINISHED_LIMIT:
            raise InvalidObject(
                f"Work on this acquisition was begun {_UNFINISHED_LIMIT} times and never came to an end.",
                remedy="Its bytes are kept. Release it from quarantine to try again, or export it for support.",
            )
        device = self._devices.get(claimed.acquisition.device)
        if device is None:
            raise GatewayError(
                f"The device {claimed.acquisition.device} is no longer configured.",
                disposition=Disposition.RETRY,
                phase=Phase.CONFIGURE,
                remedy="Configure the device again; its acquisitions wait.",
            )
        path = self._files.absolute(claimed.acquisition.path)
        picture = open_picture(path, max_pixels=device.max_pixels)
        if claimed.thumbnail is None:
            self._picture_it(claimed)
        decided = self._decide(claimed, device)
        if decided is not None:
            self._build(claimed, device, picture, *decided)

    def _picture_it(self, claimed: ClaimedAcquisition) -> None:
        """Make the thumbnail by which people recognise the acquisition."""
        number = claimed.acquisition.id
        with self._files.new_file() as (stream, temporary):
            make_thumbnail(self._files.absolute(claimed.acquisition.path), stream)
        self._acquisitions.set_thumbnail(number, self._files.place(temporary, "thumbnails", f"{number}.jpg"))

    def _decide(self, claimed: ClaimedAcquisition, device: DeviceRules) -> tuple[Step | LocalStudy, str] | None:
        """Whom the acquisition belongs to, with the Study Instance UID; None when it now waits for a person."""
        if claimed.step is not None:
            return claimed.step, claimed.step.key.study_instance_uid
        if claimed.local is not None:
            return claimed.local
        off = self._device_clocks.look(claimed.acquisition, device.clock_tolerance)
        if claimed.open_local is not None and off is not None:
            self._acquisitions.held(claimed.acquisition.id, off)
            return None
        if claimed.open_local is not None:
            return self._decide_locally(claimed, device, *claimed.open_local)
        acquisition = claimed.acquisition
        verdict = decide(
            device,
            hints=acquisition.hints,
            known=self._steps.candidates(acquisition.device),
            active=claimed.active,
            captured_at=acquisition.captured_at,
            exact_only=acquisition.state is AcquisitionState.HELD or claimed.was_decided,
            recorded_at=acquisition.recorded_at,
        )
        if claimed.twin_of is not None:
            verdict = hold_twin(verdict, claimed.twin_of)
        if isinstance(verdict, Hold):
            self._acquisitions.held(acquisition.id, verdict)
            _log.info("acquisition=%d held candidates=%d", acquisition.id, len(verdict.candidates))
            return None
        match, step = verdict
        self._acquisitions.matched(acquisition.id, match, step, actor="assemble")
        self._passage(Checkpoint.ASSEMBLE_MATCHED)
        return step, step.key.study_instance_uid

    def _decide_locally(
        self, claimed: ClaimedAcquisition, device: DeviceRules, study: LocalStudy, study_uid: str
    ) -> tuple[LocalStudy, str] | None:
        """Whether the acquisition belongs to the unscheduled patient who was open; None when it waits for a person."""
        acquisition = claimed.acquisition
        verdict = decide_locally(
            device, hints=acquisition.hints, study=study, known=self._steps.candidates(acquisition.device),
            captured_at=acquisition.captured_at, decided=acquisition.state is AcquisitionState.HELD,
        )  # fmt: skip
        if claimed.twin_of is not None:
            verdict = hold_twin(verdict if isinstance(verdict, Hold) else Hold("", ""), claimed.twin_of)
        if isinstance(verdict, Hold):
            self._acquisitions.held(acquisition.id, verdict)
            return None
        self._acquisitions.matched_locally(acquisition.id, study, study_uid, verdict)
        self._passage(Checkpoint.ASSEMBLE_MATCHED)
        return study, study_uid

    def _build(
        self,
        claimed: ClaimedAcquisition,
        device: DeviceRules,
        picture: Picture,
        subject: Step | LocalStudy,
        study_uid: str,
    ) -> None:
        acquisition = claimed.acquisition
        plan = self._plan(claimed, device, picture, subject)
        about = Subject(subject, acquisition.captured_at, acquisition.captured_at, acquisition.hints)
        number, performed = self._performing.begin(acquisition, device, about, study_uid, plan.sop_class_uid)
        identity, started_at = self._instances.reserve(
            acquisition.id,
            sop_class_uid=plan.sop_class_uid,
            study_instance_uid=study_uid,
            started_at=acquisition.captured_at,
            performed_step=number,
        )
        self._passage(Checkpoint.ASSEMBLE_RESERVED)
        about = replace(about, study_started_at=started_at, performed=performed)
        try:
            spooled, notes = self._write(plan, picture, device.profile, identity, about)
        except CodecError as fault:  # the pixels are sound: only their compression is at fault
            _log.error("acquisition=%d compression=failed syntax=%s", acquisition.id, plan.transfer_syntax_uid)
            self._raise_issue(plan)
            plan = without_compression(plan, picture, fault)
            spooled, notes = self._write(plan, picture, device.profile, identity, about)
        finished = self._finished(claimed, device.profile, subject, spooled.sop_class_uid, spooled.size)
        owed = owed_to(self._routes, finished)
        why = [text for text in (plan.reason, *notes, owed.note) if text]
        lanes = [lane for lane in owed.lanes if lane[0] not in claimed.not_to]
        self._instances.complete(acquisition.id, identity, spooled, lanes, why)
        self._passage(Checkpoint.ASSEMBLE_COMMITTED)
        _log.info(
            "acquisition=%d sop_instance=%s syntax=%s bytes=%d",
            acquisition.id,
            identity.sop_instance_uid,
            spooled.transfer_syntax_uid,
            spooled.size,
        )

    def _plan(
        self, claimed: ClaimedAcquisition, device: DeviceRules, picture: Picture, subject: Step | LocalStudy
    ) -> Plan:
        """Class and transfer syntax, chosen for the first destination that such an object will be owed to."""
        sop_class_uid = iod_named(device.profile.sop_class).sop_class_uid
        owed = owed_to(self._routes, self._finished(claimed, device.profile, subject, sop_class_uid, 0))
        first = next((name for name, _ in owed.lanes if name not in claimed.not_to), "")
        policy = device.encoding_for.get(first, device.encoding)
        encoding = replace(policy, refused=self._refused(first, sop_class_uid))
        return self._builder.plan(picture, device.profile, encoding, self._link_rate(first), lossy=device.lossy)

    def _raise_issue(self, plan: Plan) -> None:
        """Show that an encoder's stream did not come back, for as long as this run lives; support must hear of it."""
        self._uncompressed += 1
        issue = StandingIssue(
            "attention",
            f"{self._uncompressed} object(s) go uncompressed, because their compression by "
            f"{lookup(plan.transfer_syntax_uid).name} could not be proven.",
            "Nothing is lost. The journal of each names the reason; send it to support with the captured file.",
        )
        self._health.settle(_ISSUE, {f"{_ISSUE}compression": issue})

    def _finished(
        self,
        claimed: ClaimedAcquisition,
        profile: ObjectProfile,
        subject: Step | LocalStudy,
        sop_class_uid: str,
        size: int,
    ) -> Finished:
        """What the routing rules may ask about the finished instance."""
        iod = iod_of(sop_class_uid)
        return Finished(
            device=claimed.acquisition.device,
            modality=profile.modality or (iod.modalities[0] if iod is not None else ""),
            sop_class_uid=sop_class_uid,
            priority=subject.priority if isinstance(subject, Step) else "",
            size=size,
            moment=self._clock.now(),
        )

    def _write(
        self, plan: Plan, picture: Picture, profile: ObjectProfile, identity: InstanceIdentity, about: Subject
    ) -> tuple[SpooledObject, tuple[str, ...]]:
        """Write, sync and name the object; the bytes that are hashed are the bytes that were synced."""
        with self._files.new_file() as (stream, temporary):
            notes = self._builder.write(plan, picture, profile=profile, identity=identity, about=about, target=stream)
        self._passage(Checkpoint.ASSEMBLE_SYNCED)
        digest, size = digest_of(temporary), temporary.stat().st_size
        folder = f"instances/{about.captured_at:%Y-%m-%d}"
        path = self._files.place(temporary, folder, f"{identity.sop_instance_uid}.dcm")
        self._passage(Checkpoint.ASSEMBLE_RENAMED)
        return SpooledObject(path, digest, size, plan.sop_class_uid, Uid(plan.transfer_syntax_uid)), notes
