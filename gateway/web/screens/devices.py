"""Devices: does the device talk to the box?"""

import re

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from gateway.domain.opening import how_found
from gateway.domain.requests import RequestKind
from gateway.web.forms import known_name
from gateway.web.house import house
from gateway.web.notices import ask
from gateway.web.render import screen
from gateway.web.screens.switching import ask_before_closing, is_busy
from gateway.web.words.verdicts import devices_verdict, is_late

_SEPARATORS = re.compile(r"[/@: ]")
_LOOKED_AT = 60
_PICTURES_SHOWN = 6


def device_pages() -> Blueprint:
    """The devices, and closing the step that is open on one."""
    pages = Blueprint("devices", __name__)
    pages.add_url_rule("/devices", "show", show)
    pages.add_url_rule("/devices/close", "close", close, methods=["POST"])
    return pages


def show() -> Response:
    """Every device with its newest pictures and its loops."""
    reader, now = house().reader, house().now()
    devices, beats = reader.devices(), reader.beats()
    recent = reader.acquisitions(limit=_LOOKED_AT)
    pictures = {
        device.name: [view for view in recent if view.device == device.name][:_PICTURES_SHOWN] for device in devices
    }
    loops = {
        device.name: [
            (beat, is_late(beat, now)) for beat in beats if device.name in _SEPARATORS.split(f"{beat.role} {beat.loop}")
        ]
        for device in devices
    }
    verdict = devices_verdict(devices, beats, now)
    return screen(
        "devices",
        verdict,
        live=url_for("devices.show"),
        devices=devices,
        pictures=pictures,
        loops=loops,
        how_found=how_found,
        without_order=house().local_studies.opened(),
    )


def close() -> BaseResponse:
    """Close the step that is open on a device; asks first when a picture arrived a moment ago."""
    devices = {row.name: row for row in house().reader.devices()}
    device = devices[known_name("device", list(devices))]
    if device.active_since is not None and is_busy(device) and request.form.get("confirmed") != "yes":
        return ask_before_closing(device, action=url_for("devices.close"), back=url_for("now.show"))
    ask(RequestKind.CLOSE_STEP, {"device": device.name})
    return redirect(url_for("now.show"), 303)
