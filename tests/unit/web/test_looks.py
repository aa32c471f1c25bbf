"""Colours that everybody can read: every text colour on every ground it stands on, in light and dark."""

import re
from pathlib import Path

import pytest

import gateway.web

_TOKENS = Path(next(iter(gateway.web.__path__))) / "static" / "tokens.css"
_GROUNDS = {
    "ink": ("ground", "card", "raised", "safe-soft", "attention-soft", "danger-soft", "busy-soft"),
    "quiet": ("ground", "card", "safe-soft", "attention-soft", "danger-soft", "busy-soft"),
    "accent": ("ground", "card", "raised"),
    "on-accent": ("accent", "accent-deep"),
    "safe": ("card", "safe-soft"),
    "attention": ("card", "attention-soft"),
    "danger": ("ground", "card", "danger-soft"),
    "busy": ("card", "busy-soft"),
    "card": ("danger", "attention"),
}


def _colours(scheme: str) -> dict[str, str]:
    light, dark = _TOKENS.read_text().split("@media")
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))


def _luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"), [(text, ground) for text, grounds in _GROUNDS.items() for ground in grounds]
)
def test_contrast_is_enough(scheme: str, text: str, ground: str) -> None:
    colours = _colours(scheme)
    brighter, darker = sorted((_luminance(colours[text]), _luminance(colours[ground])), reverse=True)
    assert (brighter + 0.05) / (darker + 0.05) >= 4.5
