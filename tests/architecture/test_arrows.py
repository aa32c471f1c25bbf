"""Who may import whom: from ground to roof, no wing another wing, each library only where it belongs, no circle."""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType

import pytest

from tests.architecture.source import Module, modules

WINGS = frozenset(
    {
        "audit", "capture", "codec", "config", "dicomweb", "dimse", "health", "host", "objects", "spool", "web",
        "worklist",
    }
)  # fmt: skip
FLOORS = MappingProxyType(
    {
        **dict.fromkeys(("domain", "version", "__init__"), 0),
        **dict.fromkeys(WINGS, 1),
        "stages": 2,
        "bootstrap": 3,
        "demo": 4,
        "cli": 5,
        "__main__": 6,
    }
)
BETWEEN_WINGS = frozenset({("web", "config"), ("web", "health")})

LIBRARIES = MappingProxyType(
    {
        "codec": {"numpy"},
        "codec/foreign.py": {"PIL", "jpeg_ls", "libjpeg", "openjpeg", "rle"},
        "capture": {"PIL", "numpy", "serial", "watchdog"},
        "worklist": {"hl7", "pydicom"},
        "objects": {"numpy", "pydicom"},
        "dicomweb": {"httpcore"},
        "dimse": {"pydicom", "pynetdicom"},
        "config": {"attrs", "cattrs", "tomlkit"},
        "web": {"cheroot", "flask", "markupsafe", "werkzeug"},
        "bootstrap": {"attrs"},
        "demo": {"PIL", "click", "cryptography", "numpy", "pydicom"},
        "cli": {"click"},
    }
)
GUARDED = MappingProxyType(
    {
        "sqlite3": {"spool"},
        "subprocess": {"host", "demo"},
        "ctypes": {"host"},
        "asyncio": set(),
        "multiprocessing": {"codec", "stages"},
    }
)
"""Modules of the standard library that only some rooms use."""

ALL = modules()


def ids(module: Module) -> str:
    return module.place


@pytest.mark.parametrize("module", ALL, ids=ids)
def test_every_module_stands_in_a_room_of_the_plan(module: Module) -> None:
    assert module.room in FLOORS


@pytest.mark.parametrize("module", ALL, ids=ids)
def test_arrows_go_down_and_never_from_wing_to_wing(module: Module) -> None:
    for imported in module.imports():
        if not imported.startswith("gateway."):
            continue
        room = imported.split(".")[1]
        same = room == module.room
        down = FLOORS[room] < FLOORS[module.room]
        assert same or down or (module.room, room) in BETWEEN_WINGS, f"{module.place} imports {imported}"


@pytest.mark.parametrize("module", ALL, ids=ids)
def test_each_library_is_imported_only_where_it_belongs(module: Module) -> None:
    allowed = LIBRARIES.get(module.room, set()) | LIBRARIES.get(module.place, set())
    for imported in module.imports():
        top = imported.partition(".")[0]
        if top not in sys.stdlib_module_names and top != "gateway":
            assert top in allowed, f"{module.place} imports {top}"
        if top in GUARDED:
            assert module.room in GUARDED[top], f"{module.place} imports {top}"


@pytest.mark.parametrize("module", ALL, ids=ids)
def test_environment_signals_and_processes_are_touched_only_in_host_and_cli(module: Module) -> None:
    if module.room in {"host", "cli", "demo"}:
        return
    names = {f"{node.value.id}.{node.attr}" for node in ast.walk(module.tree)
             if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)}  # fmt: skip
    assert not names & {"os.environ", "os.environb", "os.getenv", "os.putenv", "os.setsid", "os.fork", "os.kill"}
    # Numbers such as signal.SIGURG are only names; what installs, blocks or sends a signal is written small.
    assert not {name for name in names if name.startswith("signal.") and name.partition(".")[2].islower()}


def test_there_are_no_circles() -> None:
    known = {module.name for module in ALL}
    graph = {module.name: {name for name in module.imports() if name in known} - {module.name} for module in ALL}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


def test_the_tests_see_the_tree() -> None:
    names = {module.name for module in ALL}
    assert {"gateway.domain.errors", "gateway.config.load_devices", "gateway.host.supervisor"} <= names
    (load,) = (module for module in ALL if module.name == "gateway.config.load_devices")
    assert {"collections", "attrs", "gateway.config.faults", "gateway.domain.errors"} <= set(load.imports())
