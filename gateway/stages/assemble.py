"""Brings acquisitions to their instances: look at each, tie it to one step, make it; or set it aside, or wait."""

import logging
from collections.abc import Mapping
from datetime import timedelta

from gateway.capture.image_files import make_thumbnail, open_picture
from gateway.domain.checkpoints import Checkpoint, Passage
from gateway.domain.errors import Disposition, GatewayError, InvalidObject, Phase
from gateway.domain.lifecycle import AcquisitionState
from gateway.domain.objects import LocalStudy
from gateway.domain.ports import Clock
from gateway.domain.procedure import Hold, Step
from gateway.spool.acquisitions import AcquisitionLedger, ClaimedAcquisition
from gateway.spool.files import SpoolFiles
from gateway.spool.health import HealthLedger
from gateway.spool.runs import Run
from gateway.spool.steps import StepLedger
from gateway.stages.beat import Beat
from gateway.stages.decide import DeviceRules, decide, decide_locally, hold_twin
from gateway.stages.device_clocks import DeviceClocks
from gateway.stages.make_instance import InstanceMaker

_log = logging.getLogger(__name__)
_UNFINISHED_LIMIT = 5
"""Begun this often without any outcome, an acquisition is set aside: something about it kills its worker."""
_LATER_S = 60.0


class AssembleStage:
    """The work of the assembling loop."""

    def __init__(
        self,
        *,
        run: Run,
        devices: Mapping[str, DeviceRules],
        acquisitions: AcquisitionLedger,
        health: HealthLedger,
        steps: StepLedger,
        files: SpoolFiles,
        maker: InstanceMaker,
        clock: Clock,
        passage: Passage,
        beat: Beat,
    ) -> None:
        self._run = run
        self._devices = devices
        self._acquisitions = acquisitions
        self._device_clocks = DeviceClocks(health)
        self._steps = steps
        self._files = files
        self._maker = maker
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
            self._maker.make(claimed, device, picture, decided)

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
        return self._decide_by_worklist(claimed, device)

    def _decide_by_worklist(self, claimed: ClaimedAcquisition, device: DeviceRules) -> tuple[Step, str] | None:
        """Which step of the worklist it belongs to, with the Study Instance UID; None when it waits for a person."""
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
