"""Tables of TOML files: read, laid over each other, and asked for the key that a fault is about."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.config.faults import Fault

Table = Mapping[str, Any]


def parse(path: Path, file: str) -> tuple[dict[str, Any] | None, tuple[Fault, ...]]:
    """The tables of a file; None and the fault if it cannot be read. `file` is its name for people."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8")), ()
    except UnicodeDecodeError as error:
        why = f"is not UTF-8 text at byte {error.start}"
    except tomllib.TOMLDecodeError as error:
        why = f"is not TOML: {error}"
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
    return None, (Fault(file, "", why),)


def merge(below: Table, above: Table) -> dict[str, Any]:
    """`below` with `above` laid over it: tables are merged, anything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = merge(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def stands_in(table: Table, fault: Fault) -> bool:
    """Whether the key that `fault` is about stands in `table`."""
    here: Any = table
    for key in fault.path.partition("[")[0].split("."):
        if not isinstance(here, dict) or key not in here:
            return False
        here = here[key]
    return True
