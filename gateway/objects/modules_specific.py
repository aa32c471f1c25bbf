"""What single classes add: Visible Light and Ophthalmic Photography.

References: PS3.3 C.8.12.1, C.7.6.14, C.8.17.1 to C.8.17.5, C.7.4.2.
"""

from uuid import NAMESPACE_OID, uuid5

from gateway.domain.errors import InvalidObject
from gateway.objects.coded import code_item
from gateway.objects.draft import Draft
from gateway.objects.modules_image import lossy_compression_known

_EYE = ("81745001", "SCT", "Eye")
_FUNDUS_CAMERA = ("409898007", "SCT", "Fundus Camera")
_NOT_GIVEN = (
    "PatientEyeMovementCommanded", "HorizontalFieldOfView", "EmmetropicMagnification", "IntraOcularPressure",
    "PupilDilated", "DetectorType",
)  # fmt: skip
_NO_ITEMS = (
    "RefractiveStateSequence", "IlluminationTypeCodeSequence", "LightPathFilterTypeStackCodeSequence",
    "ImagePathFilterTypeStackCodeSequence", "LensesCodeSequence",
)  # fmt: skip


def vl_image(draft: Draft) -> None:
    """Fill in VL Image and Acquisition Context (PS3.3 C.8.12.1, C.7.6.14)."""
    lossy_compression_known(draft)
    draft.dataset.AcquisitionContextSequence = []


def ophthalmic_photography(draft: Draft) -> None:
    """Fill in the Ophthalmic Photography Image, Acquisition and Photographic Parameters modules."""
    dataset = draft.dataset
    colour = draft.order.format.samples_per_pixel > 1
    # value 1 stays ORIGINAL even after our own lossy compression: a DERIVED one must be a montage (C.8.17.2.1.4)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "", "COLOR"] if colour else ["ORIGINAL", "PRIMARY"]
    if not colour:
        dataset.PresentationLUTShape = "IDENTITY"
    lossy_compression_known(draft)
    for keyword in _NOT_GIVEN:
        setattr(dataset, keyword, None)
    for keyword in _NO_ITEMS:
        setattr(dataset, keyword, [])
    dataset.AcquisitionDeviceTypeCodeSequence = [code_item(*_FUNDUS_CAMERA)]
    if "AcquisitionDeviceTypeCodeSequence" not in draft.order.profile.codes:
        draft.note("The profile has no code for AcquisitionDeviceTypeCodeSequence; a fundus camera was assumed.")


def ocular_region(draft: Draft) -> None:
    """Fill in Ocular Region Imaged.

    Raises
    ------
    InvalidObject
        When neither a hint nor the profile says which eye it is: that is never guessed.
    """
    if draft.dataset.get("ImageLaterality") not in {"R", "L", "B"}:
        raise InvalidObject(
            "Image Laterality (0020,0062) is type 1 in Ocular Region Imaged (PS3.3 C.8.17.5)"
            " and it is not known which eye is shown.",
            remedy="Give a laterality hint (OD, OS, OU in the file name or sidecar), set laterality in the device's"
            ' profile, or use sop_class = "vl-photographic".',
        )
    # a hint names a body part at best; which part of the eye is seen is for the profile's codes to say
    draft.dataset.AnatomicRegionSequence = [code_item(*_EYE)]


def synchronization(draft: Draft) -> None:
    """Fill in Synchronization (PS3.3 C.7.4.2): one frame of reference for this box, which claims no common clock."""
    station = draft.order.station
    name = uuid5(NAMESPACE_OID, f"{station.institution}/{station.name}/{station.serial_number}")
    draft.dataset.SynchronizationFrameOfReferenceUID = f"2.25.{name.int}"
    draft.dataset.SynchronizationTrigger = "NO TRIGGER"
    draft.dataset.AcquisitionTimeSynchronized = "N"
