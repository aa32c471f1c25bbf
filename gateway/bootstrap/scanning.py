"""Scanners as configured: what a code stands for, and the loops that read them."""

import re
from collections.abc import Callable

from gateway.config.model import Configuration

UNREAD = "unread"
"""The kind of a code that has not the form which a scanner's pattern expects."""


def code_reader(settings: Configuration) -> Callable[[str, str], tuple[str, str]]:
    """What a code that was read for a device stands for: kind and number, by the patterns of its scanners.

    Without a pattern the kind is empty: the code may be any number.
    """
    patterns: dict[str, list[re.Pattern[str]]] = {}
    for scanner in settings.scanner:
        if scanner.pattern:
            patterns.setdefault(scanner.device, []).append(re.compile(scanner.pattern))
    return lambda device, code: read_code(code, patterns.get(device, []))


def read_code(code: str, patterns: list[re.Pattern[str]]) -> tuple[str, str]:
    """Kind and number of a code by the first pattern that fits it whole."""
    for pattern in patterns:
        found = pattern.fullmatch(code)
        if found is not None:
            ((kind, value),) = found.groupdict().items()
            return (kind, value.strip()) if value and value.strip() else (UNREAD, code)
    return (UNREAD, code) if patterns else ("", code)
