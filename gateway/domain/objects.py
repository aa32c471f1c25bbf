"""What a SOP Instance is made from: the order that assembling places with the objects wing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from gateway.domain.acquisition import Hint
from gateway.domain.frames import FrameFormat, PictureFacts
from gateway.domain.instance import InstanceIdentity
from gateway.domain.performed_step import PerformedStep
from gateway.domain.procedure import Patient, Step


@dataclass(frozen=True, slots=True)
class Equipment:
    """The imaging device, for General Equipment (PS3.3 C.7.5.1); never the gateway."""

    manufacturer: str = ""
    model_name: str = ""
    serial_number: str = ""
    software_versions: str = ""


@dataclass(frozen=True, slots=True)
class Station:
    """Where this box stands; it goes into General Equipment and Contributing Equipment."""

    name: str
    ae_title: str
    institution: str
    software_version: str
    serial_number: str = ""


@dataclass(frozen=True, slots=True)
class ObjectProfile:
    """What a device profile says about the objects to make.

    `sop_class` is a row name of the objects wing's IOD table, for example ``vl-photographic``. `defaults` gives
    further attributes by keyword (``BodyPartExamined``), `codes` coded ones as ``(value, scheme, meaning)``.
    """

    sop_class: str
    modality: str = ""
    equipment: Equipment = Equipment()
    burned_in_annotation: bool = False
    laterality: str = ""
    body_part: str = ""
    frame_time_ms: float = 0.0
    series_description: str = ""
    conversion_type: str = ""
    defaults: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    codes: Mapping[str, tuple[str, str, str]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class LocalStudy:
    """Identity of an unscheduled acquisition: the patient as known, a local study without an order.

    `age` is AS text (PS3.5 section 6.2), estimated for an emergency. `accession_number` is what a person read
    somewhere: it helps to find the order later and is not written into objects, for nobody has checked it.
    """

    patient: Patient
    description: str = ""
    age: str = ""
    accession_number: str = ""


@dataclass(frozen=True, slots=True)
class ObjectOrder:
    """All that one SOP Instance is made from, but its pixel stream.

    `format` is the format as written: bits, planes and Photometric Interpretation of the encoded pixels.
    `captured_at` is aware and stands in the station's zone; it is also the clock of the object's local times.
    `derivation` says what the gateway itself did to the pixels (a lossy compression that the profile asks for); empty
    when they are as captured. `study_started_at` is the same for all objects of a study from this box. `performed` is
    the performed step that the object refers to, None where none is reported.
    """

    profile: ObjectProfile
    station: Station
    identity: InstanceIdentity
    subject: Step | LocalStudy
    captured_at: datetime
    study_started_at: datetime
    transfer_syntax_uid: str
    format: FrameFormat
    planar_configuration: int
    frame_count: int
    facts: PictureFacts
    hints: tuple[Hint, ...] = ()
    derivation: str = ""
    performed: PerformedStep | None = None
