"""What an object was made from: the acquisition, its device and its subject, looked up to make one of it once more."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.errors import InvalidObject, Phase
from gateway.domain.identifiers import AcquisitionId
from gateway.domain.objects import LocalStudy
from gateway.domain.procedure import Step
from gateway.spool.acquisitions import AcquisitionLedger, ClaimedAcquisition
from gateway.spool.files import SpoolFiles, is_whole
from gateway.spool.performed_steps import PerformedStepLedger
from gateway.stages.build import Subject
from gateway.stages.decide import DeviceRules


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a stage finds what an object was made from."""

    acquisitions: AcquisitionLedger
    performed: PerformedStepLedger
    devices: Mapping[str, DeviceRules]
    files: SpoolFiles

    def of(self, number: AcquisitionId, *, kept: bool) -> tuple[ClaimedAcquisition, DeviceRules]:
        """The acquisition, if its bytes are still those that were captured, and the device's rules.

        Raises
        ------
        InvalidObject
            The bytes are gone or damaged, or the device is no longer configured.
        """
        claimed = self.acquisitions.known(number)
        path = self.files.absolute(claimed.acquisition.path) if claimed else None
        if claimed is None or path is None or not kept or not path.is_file():
            raise InvalidObject(
                "The captured file is no longer here.",
                remedy="Capture it again, if the device still has it, or drop the delivery.",
                phase=Phase.SPOOL,
            )
        if not is_whole(path, claimed.acquisition.digest):
            raise InvalidObject(
                "The captured file is damaged as well.",
                remedy="The disk of this box is failing. Replace it; capture again, if the device still has the file.",
                phase=Phase.SPOOL,
            )
        device = self.devices.get(claimed.acquisition.device)
        if device is None:
            raise InvalidObject(
                f"The device {claimed.acquisition.device} is no longer configured.",
                remedy="Configure the device again, then ask: gateway queue rebuild",
                phase=Phase.CONFIGURE,
            )
        return claimed, device

    def about(self, claimed: ClaimedAcquisition, study_started_at: datetime) -> Subject:
        """Whom and what its first object is about.

        Raises
        ------
        InvalidObject
            It is tied to no patient.
        """
        acquisition = claimed.acquisition
        case = self.performed.of_acquisition(acquisition.id)
        return Subject(
            _subject_of(claimed),
            acquisition.captured_at,
            study_started_at,
            acquisition.hints,
            case.performed if case else None,
        )


def _subject_of(claimed: ClaimedAcquisition) -> Step | LocalStudy:
    """Whom an acquisition was tied to."""
    if claimed.step is not None:
        return claimed.step
    if claimed.local is not None:
        return claimed.local[0]
    raise InvalidObject("The acquisition is tied to no patient.", phase=Phase.SPOOL)
