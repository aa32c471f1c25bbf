"""Every kind of capture source and how it is opened: a new one is a file beside this one and a row here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from gateway.capture.watched_folder import WatchedFolder
from gateway.domain.acquisition import CaptureMemory, CaptureSource
from gateway.domain.errors import ConfigurationError
from gateway.domain.ports import Clock

SOURCES: Mapping[str, Callable[..., CaptureSource]] = MappingProxyType({"watched_folder": WatchedFolder})
"""Kind of source, as the device profile names it, and its class: settings, `memory` and `clock` make one."""


def open_source(kind: str, settings: Any, *, memory: CaptureMemory, clock: Clock) -> CaptureSource:  # noqa: ANN401 - each kind has its own settings
    """Open the source of a device; `settings` are of the kind's own class."""
    factory = SOURCES.get(kind)
    if factory is None:
        raise ConfigurationError(
            f"source.kind: {kind} is no kind of source.", remedy=f"Use one of {', '.join(SOURCES)}."
        )
    return factory(settings, memory=memory, clock=clock)
