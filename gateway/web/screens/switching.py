"""Asking a person first: pictures of one patient came a moment ago, and now it is to be another's turn."""

from datetime import timedelta

from flask import Response

from gateway.domain.views import DeviceView, RecentPatientView
from gateway.web.house import house
from gateway.web.render import page
from gateway.web.words.text import count, person, when

_BUSY_FOR = timedelta(minutes=2)


def is_busy(device: DeviceView) -> bool:
    """Whether a picture came from a device a moment ago."""
    return device.last_captured_at is not None and house().now() - device.last_captured_at < _BUSY_FOR


def still_there(recent: RecentPatientView, device: DeviceView) -> str:
    """What to say before somebody else is opened on a device where `recent` may still sit."""
    return (
        f"A picture of {person(recent.patient_name)} (ID {recent.patient_id}) arrived "
        f"{when(recent.at, house().now())} ({count(device.captured_today, 'picture')} on this device today). Pictures "
        "that come after you open another patient belong to the new one. Make sure that the examination is finished."
    )


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
