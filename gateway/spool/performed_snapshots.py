"""Performed steps as JSON text: what was said at the start, and what is said at the end, kept with the row."""

import json
from dataclasses import asdict
from datetime import datetime

from gateway.domain.identifiers import Uid
from gateway.domain.objects import Station
from gateway.domain.performed_case import PerformedCase
from gateway.domain.performed_step import (
    PerformedClosing,
    PerformedOutcome,
    PerformedResult,
    PerformedSeries,
    PerformedStep,
)
from gateway.domain.procedure import Step
from gateway.spool.snapshots import local_study_from_text, local_study_to_text, step_from_text, step_to_text


def case_to_text(case: PerformedCase) -> str:
    """A performed step as it began, as JSON."""
    performed = asdict(case.performed) | {"started_at": case.performed.started_at.isoformat()}
    step = step_to_text(case.subject) if isinstance(case.subject, Step) else None
    local = None if isinstance(case.subject, Step) else local_study_to_text(case.subject)
    fields = {
        "performed": performed,
        "step": step,
        "local": local,
        "study_instance_uid": case.study_instance_uid,
        "study_started_at": case.study_started_at.isoformat(),
        "station": asdict(case.station),
        "modality": case.modality,
        "series_description": case.series_description,
    }
    return json.dumps(fields, ensure_ascii=False)


def case_from_text(text: str) -> PerformedCase:
    """A performed step of JSON written by `case_to_text`."""
    fields = json.loads(text)
    performed = fields["performed"]
    performed["started_at"] = datetime.fromisoformat(performed["started_at"])
    return PerformedCase(
        performed=PerformedStep(**performed),
        subject=step_from_text(fields["step"]) if fields["step"] else local_study_from_text(fields["local"]),
        study_instance_uid=fields["study_instance_uid"],
        study_started_at=datetime.fromisoformat(fields["study_started_at"]),
        station=Station(**fields["station"]),
        modality=fields["modality"],
        series_description=fields["series_description"],
    )


def result_to_text(result: PerformedResult) -> str:
    """How a performed step ended, as JSON."""
    fields = {
        "ended_at": result.ended_at.isoformat(),
        "outcome": result.closing.outcome.value,
        "reason": result.closing.reason,
        "series": [asdict(one) for one in result.series],
    }
    return json.dumps(fields, ensure_ascii=False)


def result_from_text(text: str) -> PerformedResult:
    """How a performed step ended, of JSON written by `result_to_text`."""
    fields = json.loads(text)
    series = tuple(
        PerformedSeries(
            Uid(one["series_instance_uid"]),
            tuple((Uid(sop_class), Uid(instance)) for sop_class, instance in one["instances"]),
            tuple(one["operators"]),
        )
        for one in fields["series"]
    )
    closing = PerformedClosing(PerformedOutcome(fields["outcome"]), fields["reason"])
    return PerformedResult(datetime.fromisoformat(fields["ended_at"]), closing, series)
