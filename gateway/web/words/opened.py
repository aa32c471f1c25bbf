"""The patient who is open on a device, in words: by whom, since when, and when that ends by itself."""

from datetime import datetime, timedelta

from gateway.domain.views import DeviceView
from gateway.web.words.text import clock_text, span_text

_HOUR = timedelta(hours=1)


def opened_words(device: DeviceView, now: datetime) -> str:
    """Who opened the patient and when; empty where nobody is open."""
    if device.active_since is None:
        return ""
    by = "on the page" if device.active_by == "page" else f"by {device.active_by}" if device.active_by else ""
    return f"opened {by} at {clock_text(device.active_since, now)}".replace("  ", " ")


def closing_words(closes_at: datetime, now: datetime) -> str:
    """When an open patient is closed if no picture comes."""
    left = closes_at - now
    if left < timedelta():
        return "closes by itself now"
    if left < _HOUR:
        return f"closes by itself in {span_text(left)} if no picture comes"
    return f"closes by itself at {clock_text(closes_at, now)} if no picture comes"
