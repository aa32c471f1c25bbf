"""What each module requires, as a table: the independent check on what the module builders made.

Only what can go wrong in the classes of the gateway is listed. A rule without `when` always holds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydicom.dataset import Dataset

Condition = Callable[[Dataset], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """One attribute of a module.

    `type` is 1 (present with a value), 2 (present) or 3; `values` are the enumerated ones, empty for any. With `when`
    the rule holds where the condition does, and `forbidden` says that elsewhere the attribute must be absent.
    """

    keyword: str
    type: int
    values: frozenset[str] = frozenset()
    when: Condition | None = None
    forbidden: bool = False


def _one(*keywords: str) -> tuple[Rule, ...]:
    return tuple(Rule(keyword, 1) for keyword in keywords)


def _two(*keywords: str) -> tuple[Rule, ...]:
    return tuple(Rule(keyword, 2) for keyword in keywords)


def _colour(dataset: Dataset) -> bool:
    return bool(dataset.get("SamplesPerPixel", 1) > 1)


def _grey(dataset: Dataset) -> bool:
    return not _colour(dataset)


def _square_pixels(dataset: Dataset) -> bool:
    """Whether Pixel Aspect Ratio is 1:1, given or not; a square one must not be given (PS3.3 C.7.6.3.1.7)."""
    return len({int(part) for part in dataset.get("PixelAspectRatio") or (1, 1)}) == 1


def _several_frames(dataset: Dataset) -> bool:
    return int(dataset.get("NumberOfFrames") or 1) > 1


def _has_frames(dataset: Dataset) -> bool:
    return "NumberOfFrames" in dataset


def _lossy(dataset: Dataset) -> bool:
    return bool(dataset.get("LossyImageCompression") == "01")


def _by_time(dataset: Dataset) -> bool:
    return bool(dataset.get("FrameIncrementPointer") == 0x00181063)  # noqa: PLR2004 - the tag of Frame Time


def _by_page(dataset: Dataset) -> bool:
    return bool(dataset.get("FrameIncrementPointer") == 0x00182001)  # noqa: PLR2004 - the tag of Page Number Vector


def _original(dataset: Dataset) -> bool:
    return bool((dataset.get("ImageType") or [""])[0] == "ORIGINAL")


_LATERALITIES = frozenset({"R", "L", "B", "U"})
_YES_NO = frozenset({"YES", "NO"})
_IDENTITY = frozenset({"IDENTITY"})
_LOSSY = frozenset({"00", "01"})

RULES: Mapping[str, tuple[Rule, ...]] = MappingProxyType({
    "Patient": (
        *_two("PatientName", "PatientID", "PatientBirthDate"),
        Rule("PatientSex", 2, frozenset({"M", "F", "O"})),
        Rule("ReferencedPatientSequence", 1, when=lambda d: "ReferencedPatientSequence" in d),
    ),
    "General Study": (
        *_one("StudyInstanceUID"),
        *_two("StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber"),
        Rule("ReferencedStudySequence", 1, when=lambda d: "ReferencedStudySequence" in d),
    ),
    "Patient Study": (),
    "General Series": (
        *_one("Modality", "SeriesInstanceUID", "SeriesNumber"),
        Rule("Laterality", 3, frozenset({"R", "L"})),
        Rule("RequestAttributesSequence", 1, when=lambda d: "RequestAttributesSequence" in d),
    ),
    "General Equipment": _two("Manufacturer"),
    "General Image": (
        *_two("InstanceNumber", "PatientOrientation", "ContentDate", "ContentTime"),
        Rule("BurnedInAnnotation", 1, _YES_NO),
        Rule("ImageLaterality", 3, _LATERALITIES),
        Rule("LossyImageCompression", 3, _LOSSY),
        Rule("LossyImageCompressionRatio", 1, when=_lossy, forbidden=True),
        Rule("LossyImageCompressionMethod", 1, when=_lossy, forbidden=True),
    ),
    "Image Pixel": (
        *_one("SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored"),
        *_one("HighBit", "PixelRepresentation"),
        Rule("PlanarConfiguration", 1, frozenset({"0", "1"}), when=_colour, forbidden=True),
        Rule("PixelAspectRatio", 1, when=lambda d: not _square_pixels(d), forbidden=True),
    ),
    "ICC Profile": (),
    "SOP Common": (
        *_one("SOPClassUID", "SOPInstanceUID", "TimezoneOffsetFromUTC", "ContributingEquipmentSequence"),
        Rule("SpecificCharacterSet", 1, frozenset({"ISO_IR 192"}), when=lambda d: "SpecificCharacterSet" in d),
    ),
    "Multi-frame": (
        *_one("NumberOfFrames"),
        Rule("FrameIncrementPointer", 1, when=_several_frames),
        Rule("FrameTime", 1, when=_by_time, forbidden=True),
        Rule("PageNumberVector", 1, when=_by_page, forbidden=True),
    ),
    "Cine": (),
    "SC Equipment": (
        Rule("ConversionType", 1, frozenset({"DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "SYN"})),
    ),
    "SC Image": (),
    "SC Multi-frame Image": (
        Rule("FrameIncrementPointer", 1, when=_several_frames, forbidden=True),
        Rule("PresentationLUTShape", 1, _IDENTITY, when=_grey),
        Rule("RescaleIntercept", 1, frozenset({"0"}), when=_grey),
        Rule("RescaleSlope", 1, frozenset({"1"}), when=_grey),
        Rule("RescaleType", 1, when=_grey),
    ),
    "US Image": (
        Rule("ImageType", 2),
        Rule("Modality", 1, frozenset({"US", "IVUS"})),
        Rule("FrameIncrementPointer", 1, when=_has_frames, forbidden=True),
    ),
    "VL Image": (
        Rule("ImageType", 1),
        Rule("LossyImageCompression", 2),
        Rule("Modality", 1, frozenset({"ES", "XC"})),
        Rule("PlanarConfiguration", 1, frozenset({"0"}), when=_colour, forbidden=True),
    ),
    "Acquisition Context": _two("AcquisitionContextSequence"),
    "Synchronization": (
        *_one("SynchronizationFrameOfReferenceUID"),
        Rule("SynchronizationTrigger", 1, frozenset({"SOURCE", "EXTERNAL", "PASSTHRU", "NO TRIGGER"})),
        Rule("AcquisitionTimeSynchronized", 1, frozenset({"Y", "N"})),
    ),
    "Ophthalmic Photography Image": (
        *_one("ImageType", "InstanceNumber", "ContentDate", "ContentTime", "FrameIncrementPointer"),
        Rule("Modality", 1, frozenset({"OP"})),
        Rule("AcquisitionDateTime", 1, when=_original),
        Rule("LossyImageCompression", 1),
        Rule("PresentationLUTShape", 1, _IDENTITY, when=_grey),
        Rule("PlanarConfiguration", 1, frozenset({"0"}), when=_colour, forbidden=True),
        *_two("PatientEyeMovementCommanded", "HorizontalFieldOfView", "RefractiveStateSequence"),
        *_two("EmmetropicMagnification", "IntraOcularPressure", "PupilDilated", "DetectorType"),
        *_one("AcquisitionDeviceTypeCodeSequence"),
        *_two("IlluminationTypeCodeSequence", "LightPathFilterTypeStackCodeSequence"),
        *_two("ImagePathFilterTypeStackCodeSequence", "LensesCodeSequence"),
        Rule("DegreeOfDilation", 2, when=lambda d: d.get("PupilDilated") == "YES"),
        Rule("MydriaticAgentSequence", 2, when=lambda d: d.get("PupilDilated") == "YES"),
    ),
    "Ocular Region Imaged": (
        Rule("ImageLaterality", 1, frozenset({"R", "L", "B"})),
        *_one("AnatomicRegionSequence"),
    ),
})  # fmt: skip
