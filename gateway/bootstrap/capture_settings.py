"""From what is configured to what the capture wing wants to know. Mapping only."""

from gateway.capture.folder_settings import FolderSettings
from gateway.capture.sidecar import SidecarSettings
from gateway.config.device import Device
from gateway.config.source import Sidecar


def source_settings(device: Device) -> FolderSettings:
    """The settings of a device's source, of the class that its kind wants."""
    source, exam, hints = device.settings.source, device.settings.exam, device.settings.hints
    return FolderSettings(
        path=source.path,
        patterns=source.patterns,
        ignore=source.ignore,
        recursive=source.recursive,
        settle_s=source.settle_s,
        poll_s=source.poll_s,
        incomplete_limit_s=source.incomplete_limit_s,
        after=source.after,
        move_to=source.move_to,
        file_name_hints=hints.file_name,
        folder_hints=hints.folder,
        date_formats=hints.date_formats,
        sidecar=None if hints.sidecar is None else _sidecar_settings(hints.sidecar, hints.date_formats),
        grouping=exam.grouping,
        marker=exam.marker,
        idle_s=exam.idle_s,
        max_file_bytes=source.max_file_bytes,
    )


def _sidecar_settings(sidecar: Sidecar, date_formats: tuple[str, ...]) -> SidecarSettings:
    return SidecarSettings(
        locators=sidecar.map,
        name=f"{{stem}}{sidecar.suffix}",
        format=sidecar.effective_format,
        encoding=sidecar.encoding,
        match_column=sidecar.match_column,
        date_formats=date_formats,
        required=sidecar.required,
        wait_s=sidecar.wait_s,
    )
