"""Makes the instance of an acquisition that is decided: plan it, reserve its identity, build, freeze, owe it."""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from gateway.codec.errors import CodecError
from gateway.codec.registry import lookup
from gateway.domain.checkpoints import Checkpoint, Passage
from gateway.domain.frames import Picture
from gateway.domain.identifiers import Uid
from gateway.domain.instance import InstanceIdentity, SpooledObject
from gateway.domain.objects import LocalStudy, ObjectProfile
from gateway.domain.ports import Clock
from gateway.domain.procedure import Step
from gateway.objects.iods import iod_named, iod_of
from gateway.spool.acquisitions import ClaimedAcquisition
from gateway.spool.files import SpoolFiles
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.spool.instances import InstanceLedger
from gateway.stages.build import ObjectBuilder, Plan, Subject, without_compression
from gateway.stages.decide import DeviceRules
from gateway.stages.performing import Performing
from gateway.stages.routing import Finished, Route, owed_to

_log = logging.getLogger(__name__)
_ISSUE = "assemble."
_Write = Callable[[Plan], tuple[SpooledObject, tuple[str, ...]]]


class InstanceMaker:
    """Makes instances for the assembling loop.

    `link_rate` gives the bytes per second of a destination as measured, `refused` the transfer syntaxes that it
    refuses for a SOP class.
    """

    def __init__(
        self,
        *,
        routes: tuple[Route, ...],
        instances: InstanceLedger,
        health: HealthLedger,
        performing: Performing,
        files: SpoolFiles,
        builder: ObjectBuilder,
        link_rate: Callable[[str], float | None],
        refused: Callable[[str, str], frozenset[str]],
        clock: Clock,
        passage: Passage,
    ) -> None:
        self._routes = routes
        self._instances = instances
        self._health = health
        self._uncompressed = 0
        health.settle(_ISSUE, {})
        self._performing = performing
        self._files = files
        self._builder = builder
        self._link_rate = link_rate
        self._refused = refused
        self._clock = clock
        self._passage = passage

    def make(
        self, claimed: ClaimedAcquisition, device: DeviceRules, picture: Picture, decided: tuple[Step | LocalStudy, str]
    ) -> None:
        """Make the instance of an acquisition for the subject, with Study Instance UID, that was decided on."""
        acquisition, (subject, study_uid) = claimed.acquisition, decided
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
        write = partial(self._write, picture=picture, profile=device.profile, identity=identity, about=about)
        plan, spooled, notes = self._written(claimed, plan, picture, write)
        finished = self._finished(claimed, device.profile, subject, spooled.sop_class_uid, spooled.size)
        self._owe(claimed, finished, identity, spooled, (plan.reason, *notes))

    def _written(
        self, claimed: ClaimedAcquisition, plan: Plan, picture: Picture, write: _Write
    ) -> tuple[Plan, SpooledObject, tuple[str, ...]]:
        """The object as it was planned, or uncompressed where its stream did not come back."""
        try:
            return plan, *write(plan)
        except CodecError as fault:  # the pixels are sound: only their compression is at fault
            _log.error("acquisition=%d compression=failed syntax=%s", claimed.acquisition.id, plan.transfer_syntax_uid)
            self._raise_issue(plan)
            plan = without_compression(plan, picture, fault)
            return plan, *write(plan)

    def _owe(
        self,
        claimed: ClaimedAcquisition,
        finished: Finished,
        identity: InstanceIdentity,
        spooled: SpooledObject,
        notes: tuple[str, ...],
    ) -> None:
        """Freeze the object in the ledger and owe it to those who want it."""
        number = claimed.acquisition.id
        owed = owed_to(self._routes, finished)
        why = [text for text in (*notes, owed.note) if text]
        lanes = [lane for lane in owed.lanes if lane[0] not in claimed.not_to]
        self._instances.complete(number, identity, spooled, lanes, why)
        self._passage(Checkpoint.ASSEMBLE_COMMITTED)
        _log.info(
            "acquisition=%d sop_instance=%s syntax=%s bytes=%d",
            number,
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
        """Write, sync and name the object."""
        with self._files.new_file() as (stream, temporary):
            notes = self._builder.write(plan, picture, profile=profile, identity=identity, about=about, target=stream)
        self._passage(Checkpoint.ASSEMBLE_SYNCED)
        path, digest, size = self._files.place_object(temporary, about.captured_at, identity.sop_instance_uid)
        self._passage(Checkpoint.ASSEMBLE_RENAMED)
        return SpooledObject(path, digest, size, plan.sop_class_uid, Uid(plan.transfer_syntax_uid)), notes
