"""Writes the annotated reference files from the model, so that meaning, default and rule are said in one place only."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import attrs
import tomlkit

from gateway.config.destination import Destination
from gateway.config.device import DeviceFile
from gateway.config.fields import example_of, is_setting, meaning_of
from gateway.config.model import Listener, Logging, Spool, Station, Web
from gateway.config.ris import Hl7Feed, MppsPeer, WorklistProvider
from gateway.config.scanner import Scanner
from gateway.config.show import plain_value
from gateway.config.unscheduled import Unscheduled

_WIDTH = 116
_GATEWAY_HEAD = """\
# Reference of gateway.toml: every key, what it means and its default. A line that starts with "# " and a key shows the
# default; take the "# " away to change it. Units stand in the names: _s seconds, _min minutes, _mib 2^20 bytes.
# Relative paths start at the folder of this file. Secrets are referred to, never written here:
#   key = "file:box.key"          a file that only the role which needs it may read
#   key = "credential:box-key"    a systemd credential (LoadCredential= in the unit)
# Check a changed file with: gateway --config gateway.toml check-config
# Each device has a file of its own in the folder devices/ beside this one; see device.toml for its keys.
"""
_DEVICE_HEAD = """\
# Reference of a device file, devices/NAME.toml: every key, what it means and its default. NAME is the device's name.
# A line that starts with "# " and a key shows the default. Most devices need a profile, a path and little more:
#   profile = "fundus-camera-folder"
#   [source]
#   path = "/data/drop/fundus"
"""


def gateway_reference() -> str:
    """The text of ``firmware_config/gateway.toml``."""
    tables: tuple[tuple[str, type[attrs.AttrsInstance]], ...] = (
        ("[station]", Station),
        ("[spool]", Spool),
        ("[[worklist]]", WorklistProvider),
        ("[[destination]]", Destination),
        ("[[hl7]]", Hl7Feed),
        ("[[mpps]]", MppsPeer),
        ("[listener]", Listener),
        ("[[scanner]]", Scanner),
        ("[unscheduled]", Unscheduled),
        ("[web]", Web),
        ("[logging]", Logging),
    )
    return _GATEWAY_HEAD + "".join("\n".join(_table(head, cls)) + "\n" for head, cls in tables)


def device_reference() -> str:
    """The text of ``firmware_config/device.toml``."""
    return _DEVICE_HEAD + "\n".join(_table("", DeviceFile)) + "\n"


def _table(head: str, cls: type[attrs.AttrsInstance], meaning: str = "") -> Iterator[str]:
    doc = meaning or (cls.__doc__ or "").partition("\n")[0]
    yield ""
    if head:
        yield from _comment(doc)
        yield head
    nested = []
    for field in attrs.fields(cls):
        inner = _model_class(field)
        if inner is not None:
            nested.append((field, inner))
        elif is_setting(field):
            yield from _key(field)
    for field, inner in nested:
        name = f"{head.strip('[]')}.{field.name}" if head else field.name
        yield from _table(f"[{name}]", inner, meaning_of(field))


def _key(field: "attrs.Attribute[Any]") -> Iterator[str]:
    needed = field.default is attrs.NOTHING
    example = example_of(field)
    fallback = "" if needed or field.default is None else _toml(field.default)
    note = "Required." if needed else f"Default: {fallback or 'not set'}." if example is not None else ""
    yield from _comment(f"{meaning_of(field)} {note}".rstrip())
    if example is not None:
        yield f"{field.name} = {_toml(example)}"
    else:
        yield f"# {field.name} = {fallback or '...'}"


def _toml(value: Any) -> str:  # noqa: ANN401 - a default or example of any setting
    if isinstance(value, list):
        value = tuple(value)
    if isinstance(value, Mapping):
        value = {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
    if isinstance(value, str) and "\\" in value:
        return f"'{value}'"
    return tomlkit.item(plain_value(value)).as_string()


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _model_class(field: "attrs.Attribute[Any]") -> type[attrs.AttrsInstance] | None:
    """The class of a setting that is a table of its own, also where the table may be left out."""
    for kind in (field.type, *get_args(field.type)):
        if isinstance(kind, type) and attrs.has(kind) and any(is_setting(inner) for inner in attrs.fields(kind)):
            return kind
    return None
