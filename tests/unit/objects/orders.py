"""Orders for objects, scheduled and unscheduled, as the tests of this room vary them."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np

from gateway.domain.frames import FrameFormat, LossyStep, PictureFacts
from gateway.domain.identifiers import InstanceId, Uid, mint_uid
from gateway.domain.instance import InstanceIdentity
from gateway.domain.objects import Equipment, LocalStudy, ObjectOrder, ObjectProfile, Station
from gateway.domain.procedure import Patient, Step, StepKey

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
RLE = "1.2.840.10008.1.2.5"
JPEG = "1.2.840.10008.1.2.4.50"

GREY8 = FrameFormat(24, 36, 1, 8, 8, signed=False, photometric_interpretation="MONOCHROME2")
GREY16 = FrameFormat(24, 36, 1, 16, 16, signed=False, photometric_interpretation="MONOCHROME2")
GREY12 = FrameFormat(24, 36, 1, 16, 12, signed=False, photometric_interpretation="MONOCHROME2")
RGB = FrameFormat(24, 36, 3, 8, 8, signed=False, photometric_interpretation="RGB")
YBR_422 = FrameFormat(24, 36, 3, 8, 8, signed=False, photometric_interpretation="YBR_FULL_422")

STATION = Station("GATEWAY-1", "GATEWAY1", "Clinic of Testing", "0.1.0", "GW-0001")
EQUIPMENT = Equipment("Camera Makers", "Model 5", "SN-77", "2.4")
ZONE = timezone(timedelta(hours=5, minutes=30))
CAPTURED_AT = datetime(2026, 3, 4, 15, 6, 7, 250000, tzinfo=ZONE)
STUDY_UID = "1.2.826.0.1.3680043.9.7133.1"
LOSSY_JPEG = (LossyStep(11.254, "ISO_10918_1"),)


def code(value: str, scheme: str, meaning: str) -> dict[str, Any]:
    return {
        "00080100": {"vr": "SH", "Value": [value]},
        "00080102": {"vr": "SH", "Value": [scheme]},
        "00080104": {"vr": "LO", "Value": [meaning]},
    }


def designator(namespace: str) -> dict[str, Any]:
    return {
        "00400031": {"vr": "UT", "Value": [namespace]},
        "00400032": {"vr": "UT", "Value": ["1.2.3.4"]},
        "00400033": {"vr": "CS", "Value": ["ISO"]},
    }


def reference(class_uid: str, instance_uid: str) -> dict[str, Any]:
    return {"00081150": {"vr": "UI", "Value": [class_uid]}, "00081155": {"vr": "UI", "Value": [instance_uid]}}


def answer() -> dict[str, Any]:
    """A worklist answer with every attribute of the mapping."""
    step = {
        "00400001": {"vr": "AE", "Value": ["DEVICE_AE"]},
        "00400002": {"vr": "DA", "Value": ["20260304"]},
        "00400003": {"vr": "TM", "Value": ["1500"]},
        "00080060": {"vr": "CS", "Value": ["OP"]},
        "00400006": {"vr": "PN", "Value": [{"Alphabetic": "Perform^Paula"}]},
        "00400007": {"vr": "LO", "Value": ["Fundus both eyes"]},
        "00400008": {"vr": "SQ", "Value": [code("P-1", "99SITE", "Fundus protocol")]},
        "00400009": {"vr": "SH", "Value": ["SPS-9"]},
    }
    return {
        "00400100": {"vr": "SQ", "Value": [step]},
        "00080020": {"vr": "DA", "Value": ["20260303"]},
        "00080030": {"vr": "TM", "Value": ["081500"]},
        "00080050": {"vr": "SH", "Value": ["ACC-1"]},
        "00080051": {"vr": "SQ", "Value": [designator("RIS")]},
        "00080090": {"vr": "PN", "Value": [{"Alphabetic": "Refer^Rolf"}]},
        "00081110": {"vr": "SQ", "Value": [reference("1.2.840.10008.3.1.2.3.1", "1.2.3.5")]},
        "00081120": {"vr": "SQ", "Value": [reference("1.2.840.10008.3.1.2.1.1", "1.2.3.6")]},
        "00100021": {"vr": "LO", "Value": ["HOSPITAL"]},
        "00100024": {"vr": "SQ", "Value": [designator("X") | {"00400035": {"vr": "CS", "Value": ["MR"]}}]},
        "00101002": {"vr": "SQ", "Value": [{"00100020": {"vr": "LO", "Value": ["OTHER-1"]}}]},
        "00101020": {"vr": "DS", "Value": [1.72]},
        "00101030": {"vr": "DS", "Value": [70.5]},
        "00102000": {"vr": "LO", "Value": ["Diabetes", "Glaucoma"]},
        "00102110": {"vr": "LO", "Value": ["Fluorescein"]},
        "001021C0": {"vr": "US", "Value": [4]},
        "00380010": {"vr": "LO", "Value": ["ADM-3"]},
        "00380014": {"vr": "SQ", "Value": [designator("ADT")]},
        "00321032": {"vr": "PN", "Value": [{"Alphabetic": "Request^Rita"}]},
        "00321033": {"vr": "LO", "Value": ["Eye clinic"]},
        "00321060": {"vr": "LO", "Value": ["Fundus photography"]},
        "00321064": {"vr": "SQ", "Value": [code("RP-7", "99SITE", "Fundus photography")]},
        "00401001": {"vr": "SH", "Value": ["RP-1"]},
        "00401002": {"vr": "LO", "Value": ["Screening"]},
        "0040100A": {"vr": "SQ", "Value": [code("R-2", "99SITE", "Diabetic screening")]},
    }


PATIENT = Patient("PAT-1", "HOSPITAL", "Muster^Maria", "19700203", "F")


def step(identifier: dict[str, Any] | None = None, patient: Patient = PATIENT, **changes: Any) -> Step:
    base = Step(
        key=StepKey("ris", STUDY_UID, "SPS-9"),
        patient=patient,
        accession_number="ACC-1",
        requested_procedure_id="RP-1",
        requested_procedure_description="Fundus photography",
        description="Fundus both eyes",
        modality="OP",
        station_ae_title="DEVICE_AE",
        start=datetime(2026, 3, 4, 9, 30, tzinfo=UTC),
        identifier=json.dumps(answer() if identifier is None else identifier),
    )
    return replace(base, **changes)


def order(
    sop_class: str = "secondary-capture",
    fmt: FrameFormat = RGB,
    subject: Step | LocalStudy | None = None,
    profile: dict[str, Any] | None = None,
    **changes: Any,
) -> ObjectOrder:
    settings: dict[str, Any] = {"sop_class": sop_class, "equipment": EQUIPMENT} | (profile or {})
    if sop_class.startswith("ophthalmic"):
        settings.setdefault("laterality", "R")
    base = ObjectOrder(
        profile=ObjectProfile(**settings),
        station=STATION,
        identity=InstanceIdentity(InstanceId(1), mint_uid(), mint_uid(), mint_uid(), 3, 12),
        subject=step() if subject is None else subject,
        captured_at=CAPTURED_AT,
        study_started_at=CAPTURED_AT - timedelta(minutes=20),
        transfer_syntax_uid=EXPLICIT,
        format=fmt,
        planar_configuration=0,
        frame_count=1,
        facts=PictureFacts(),
    )
    if isinstance(base.subject, Step):
        study = base.subject.key.study_instance_uid
        base = replace(base, identity=replace(base.identity, study_instance_uid=Uid(study)))
    return replace(base, **changes)


def unscheduled(patient: Patient = PATIENT, description: str = "") -> LocalStudy:
    return LocalStudy(patient, description)


def frame(fmt: FrameFormat, number: int = 0) -> bytes:
    """A native frame with gradients and noise, different for each number."""
    random = np.random.default_rng(number + 1)
    values = random.integers(0, 1 << fmt.bits_stored, (fmt.rows, fmt.columns, fmt.samples_per_pixel))
    values[: fmt.rows // 2] = (np.arange(fmt.columns)[None, :, None] * 7 + number) % (1 << fmt.bits_stored)
    return values.astype(f"<u{fmt.bits_allocated // 8}").tobytes()
