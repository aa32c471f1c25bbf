"""Whether to ask a person first: pictures of one patient came a moment ago, and now it is to be another's turn."""

from datetime import timedelta

from flask import Response

from gateway.domain.views import DeviceView, StepView
from gateway.web.house import house
from gateway.web.render import page
from gateway.web.words.text import count, person, when

_BUSY_FOR = timedelta(minutes=2)
_LOOKED_AT = 30


def is_busy(device: DeviceView) -> bool:
    """Whether a picture came from a device a moment ago."""
    return device.last_captured_at is not None and house().now() - device.last_captured_at < _BUSY_FOR


def busy_with(device: DeviceView, step: StepView) -> str:
    """The name of another patient than that of `step` whose pictures came a moment ago, open still or just closed."""
    if not is_busy(device):
        return ""
    if device.active_step is not None:
        return "" if device.active_step.number == step.number else person(device.active_step.patient_name)
    recent = (view for view in house().reader.acquisitions(limit=_LOOKED_AT) if view.device == device.name)
    last = next(recent, None)
    if last is None or not last.patient_id or last.patient_id == step.patient_id:
        return ""
    return person(last.patient_name)


def ask_before_closing(device: DeviceView, action: str, back: str) -> Response:
    """Ask whether the examination is really over."""
    local, _ = house().local_studies.opened().get(device.name, (None, None))
    opened = device.active_step or local
    patient = person(opened.patient_name) if opened else "the patient"
    return page(
        "confirm.html",
        question=f"Close {patient} on {device.name}?",
        why=f"A picture arrived {when(device.last_captured_at, house().now())} "
        f"({count(device.captured_since, 'picture')} since this patient was opened). Pictures that come after you "
        "close belong to nobody and wait for a person.",
        action=action,
        fields=[("device", device.name), ("confirmed", "yes")],
        yes="Close this patient",
        back=back,
    )
