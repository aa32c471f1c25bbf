"""What an object was made from: the acquisition, its device and its subject, looked up to make one of it once more."""

from collections.abc import Mapping

from gateway.domain.errors import InvalidObject, Phase
from gateway.domain.identifiers import AcquisitionId
from gateway.domain.objects import LocalStudy
from gateway.domain.procedure import Step
from gateway.spool.acquisitions import AcquisitionLedger, ClaimedAcquisition
from gateway.spool.files import SpoolFiles, is_whole
from gateway.stages.decide import DeviceRules


def source_of(
    number: AcquisitionId,
    *,
    kept: bool,
    acquisitions: AcquisitionLedger,
    files: SpoolFiles,
    devices: Mapping[str, DeviceRules],
) -> tuple[ClaimedAcquisition, DeviceRules]:
    """The acquisition, if its bytes are still those that were captured, and the device's rules.

    Raises
    ------
    InvalidObject
        The bytes are gone or damaged, or the device is no longer configured.
    """
    claimed = acquisitions.known(number)
    path = files.absolute(claimed.acquisition.path) if claimed else None
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
    device = devices.get(claimed.acquisition.device)
    if device is None:
        raise InvalidObject(
            f"The device {claimed.acquisition.device} is no longer configured.",
            remedy="Configure the device again, then ask: gateway queue rebuild",
            phase=Phase.CONFIGURE,
        )
    return claimed, device


def subject_of(claimed: ClaimedAcquisition) -> Step | LocalStudy:
    """Whom an acquisition was tied to."""
    if claimed.step is not None:
        return claimed.step
    if claimed.local is not None:
        return claimed.local[0]
    raise InvalidObject("The acquisition is tied to no patient.", phase=Phase.SPOOL)
