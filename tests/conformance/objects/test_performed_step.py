"""Objects that refer to a performed step: scheduled, appended, unscheduled; without error, and consistent."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.objects import LocalStudy
from gateway.domain.performed_step import PerformedStep
from gateway.domain.procedure import Step
from gateway.objects.iods import IODS
from gateway.stages.performing import new_case
from tests.conformance.objects.made import made, series, validator_findings
from tests.unit.objects.orders import CAPTURED_AT, GREY8, GREY16, RGB, STATION, order, step, unscheduled

FORMATS = {"multi-frame-grayscale-byte-sc": GREY8, "multi-frame-grayscale-word-sc": GREY16}
SUBJECTS: dict[str, Step | LocalStudy] = {
    "scheduled": step(),
    "bare": step({}),
    "unscheduled": unscheduled(description="Emergency"),
}
NAMES = sorted(IODS)


def performed_of(sop_class: str, subject: str, *, append: bool) -> PerformedStep:
    made_order = order(sop_class, FORMATS.get(sop_class, RGB), SUBJECTS[subject])
    about = made_order.subject
    study = about.key.study_instance_uid if isinstance(about, Step) else "2.25.1"
    uid = IODS[sop_class].sop_class_uid
    case = new_case(STATION, made_order.profile, about, study, CAPTURED_AT, sop_class_uid=uid)
    return replace(case.performed, append=append)


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("sop_class", NAMES)
def test_an_object_with_its_performed_step_has_no_error(
    tmp_path: Path, sop_class: str, subject: str, *, append: bool
) -> None:
    performed = performed_of(sop_class, subject, append=append)
    fmt = FORMATS.get(sop_class, RGB)
    path = made(order(sop_class, fmt, SUBJECTS[subject], performed=performed), tmp_path / "object.dcm")
    assert validator_findings("dciodvfy", path) == []


def test_a_series_with_its_performed_step_is_consistent(tmp_path: Path) -> None:
    performed = performed_of("vl-photographic", "scheduled", append=False)
    paths = series([order("vl-photographic", performed=performed) for _ in range(3)], tmp_path)
    # the studies and steps that are referred to are no files of this set
    findings = [line for line in validator_findings("dcentvfy", *paths) if "that was referenced" not in line]
    assert findings == []
