"""Steps, hints and local studies as JSON text, so that what was known at the time is kept with the row."""

import json
from datetime import datetime
from typing import Any

from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.objects import LocalStudy
from gateway.domain.procedure import Patient, Step, StepKey


def hints_to_text(hints: tuple[Hint, ...]) -> str:
    """Hints as JSON."""
    return json.dumps([[h.kind.value, h.value, h.origin] for h in hints], ensure_ascii=False)


def hints_from_text(text: str) -> tuple[Hint, ...]:
    """Hints of JSON written by `hints_to_text`."""
    return tuple(Hint(HintKind(kind), value, origin) for kind, value, origin in json.loads(text))


def keys_to_text(keys: tuple[StepKey, ...]) -> str:
    """Step keys as JSON."""
    return json.dumps([[k.provider, k.study_instance_uid, k.step_id] for k in keys], ensure_ascii=False)


def keys_from_text(text: str) -> tuple[StepKey, ...]:
    """Step keys of JSON written by `keys_to_text`."""
    return tuple(StepKey(*key) for key in json.loads(text))


def _patient_to_json(patient: Patient) -> list[str]:
    return [patient.patient_id, patient.issuer, patient.name, patient.birth_date, patient.sex]


def step_to_text(step: Step) -> str:
    """A step as JSON."""
    return json.dumps(
        {
            "key": [step.key.provider, step.key.study_instance_uid, step.key.step_id],
            "patient": _patient_to_json(step.patient),
            "accession_number": step.accession_number,
            "requested_procedure_id": step.requested_procedure_id,
            "requested_procedure_description": step.requested_procedure_description,
            "description": step.description,
            "modality": step.modality,
            "station_ae_title": step.station_ae_title,
            "start": step.start.isoformat() if step.start else None,
            "priority": step.priority,
            "identifier": step.identifier,
            "faults": list(step.faults),
            "usable": step.usable,
            "doubtful": step.doubtful,
        },
        ensure_ascii=False,
        sort_keys=True,
    )


def step_from_text(text: str) -> Step:
    """A step of JSON written by `step_to_text`."""
    fields: dict[str, Any] = json.loads(text)
    start = fields.pop("start")
    return Step(
        key=StepKey(*fields.pop("key")),
        patient=Patient(*fields.pop("patient")),
        start=datetime.fromisoformat(start) if start else None,
        faults=tuple(fields.pop("faults")),
        **fields,
    )


def local_study_to_text(study: LocalStudy) -> str:
    """A local study as JSON."""
    fields = {
        "patient": _patient_to_json(study.patient),
        "description": study.description,
        "age": study.age,
        "accession_number": study.accession_number,
    }
    return json.dumps(fields, ensure_ascii=False)


def local_study_from_text(text: str) -> LocalStudy:
    """A local study of JSON written by `local_study_to_text`."""
    fields = json.loads(text)
    return LocalStudy(
        Patient(*fields["patient"]), fields["description"], fields.get("age", ""), fields.get("accession_number", "")
    )
