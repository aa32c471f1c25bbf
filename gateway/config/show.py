"""The effective configuration as TOML: every key with the value that counts, secrets masked."""

from collections.abc import Mapping
from pathlib import Path

import attrs
import tomlkit
from tomlkit.items import Array, InlineTable, Table

from gateway.config.fields import is_setting
from gateway.config.model import Configuration
from gateway.config.values import Address, Compression, SecretReference

MASK = "********"


def show(configuration: Configuration) -> str:
    """TOML of all settings, the devices under ``[devices.NAME]``; only where a secret is stands in it, masked."""
    document = tomlkit.document()
    document.add(tomlkit.comment(f"effective configuration of {configuration.path.name} and its devices"))
    for key in ("station", "spool", "unscheduled", "web", "logging"):
        document.add(key, plain_table(getattr(configuration, key)))
    if configuration.listener is not None:
        document.add("listener", plain_table(configuration.listener))
    for key in ("worklist", "destination", "hl7", "mpps", "scanner"):
        several = tomlkit.aot()
        for item in getattr(configuration, key):
            several.append(plain_table(item))
        if several:
            document.add(key, several)
    devices = tomlkit.table(is_super_table=True)
    for device in configuration.devices:
        devices.add(device.name, plain_table(device.settings))
    if configuration.devices:
        document.add("devices", devices)
    return tomlkit.dumps(document)


def plain_table(settings: attrs.AttrsInstance) -> Table:
    """The settings of one class as a TOML table; keys that are not set are left out, for TOML knows no null."""
    table = tomlkit.table()
    fields = [field for field in attrs.fields(type(settings)) if is_setting(field)]
    values = {field.name: getattr(settings, field.name) for field in fields}
    for key, value in sorted(values.items(), key=lambda pair: _is_table(pair[1])):  # TOML wants plain keys first
        if value is not None:
            table.add(key, plain_table(value) if _is_table(value) else plain_value(value))
    return table


def _is_table(value: object) -> bool:
    return attrs.has(type(value)) and not isinstance(value, Address | Compression | SecretReference)


def plain_value(value: object) -> str | float | bool | Array | InlineTable:
    """A value as TOML writes it; raises `TypeError` for one that no setting has."""
    if isinstance(value, SecretReference):
        return f"{value.scheme}:{MASK}"
    if isinstance(value, Compression):
        return plain_value(value.transfer_syntaxes or value.policy)
    if isinstance(value, Path | Address):
        return str(value)
    if isinstance(value, Mapping | tuple):
        return _several(value)
    if isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"no TOML form for {type(value).__name__}")


def _several(value: Mapping[str, object] | tuple[object, ...]) -> Array | InlineTable:
    if isinstance(value, tuple):
        array = tomlkit.array()
        array.extend(plain_value(item) for item in value)
        return array
    table = tomlkit.inline_table()
    table.update({key: plain_value(item) for key, item in value.items()})
    return table
