"""How the source is written: size, docstrings, no hidden state, no swallowed faults, reasons beside exceptions."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, Module, comments, modules, python_files

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
BROAD = {"Exception", "BaseException"}
THE_ONE_NET = "stages/loop.py"
CHANGERS = {
    "add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault",
    "sort", "update",
}  # fmt: skip
EMPTY_PACKAGES = (
    "domain",
    "capture",
    "codec",
    "config",
    "dicomweb",
    "dimse",
    "host",
    "objects",
    "spool",
    "stages",
    "web",
    "worklist",
)

ALL = modules()


def ids(module: Module) -> str:
    return module.place


@pytest.mark.parametrize("module", ALL, ids=ids)
def test_every_module_says_what_it_decides(module: Module) -> None:
    text = ast.get_docstring(module.tree) or ""
    assert len(text.split()) >= 4, "a module docstring says what the file decides"


@pytest.mark.parametrize("module", ALL, ids=ids)
def test_no_file_holds_two_things(module: Module) -> None:
    assert len(module.path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("module", ALL, ids=ids)
def test_functions_are_short(module: Module) -> None:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = (node.end_lineno or 0) - (body[0].lineno if body else node.lineno)
            assert lines <= LONGEST_FUNCTION, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("package", EMPTY_PACKAGES)
def test_a_package_is_one_docstring(package: str) -> None:
    tree = ast.parse((ROOT / "gateway" / package / "__init__.py").read_text(encoding="utf-8"))
    assert len(tree.body) == 1
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("module", ALL, ids=ids)
def test_nothing_is_done_at_import(module: Module) -> None:
    allowed = ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign | ast.FunctionDef | ast.ClassDef
    for node in module.tree.body:
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_start = module.place == "__main__.py"
        is_joined = module.room == "cli" and ast.unparse(node).startswith("main.add_command(")
        assert isinstance(node, allowed) or is_text or is_start or is_joined, f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("module", ALL, ids=ids)
def test_no_module_keeps_state(module: Module) -> None:
    containers = set()
    for node in module.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and _makes_container(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            containers |= {target.id for target in targets if isinstance(target, ast.Name)}
    for name in containers - {"__all__"}:
        assert re.fullmatch(r"_?[A-Z][A-Z0-9_]*", name), f"{name} is not written as a constant"
    assert not containers & set(_changed_names(module.tree))
    assert not [node for node in ast.walk(module.tree) if isinstance(node, ast.Global)]


def _makes_container(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id in {"list", "dict", "set", "bytearray", "deque", "defaultdict", "Counter"}
    return isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


def _changed_names(tree: ast.Module) -> Iterator[str]:
    """Names whose contents some statement changes."""
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)) if attr in CHANGERS:
                yield name
            case ast.AugAssign(target=ast.Name(id=name)):
                yield name


@pytest.mark.parametrize("module", ALL, ids=ids)
def test_no_fault_is_swallowed(module: Module) -> None:
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        names = {inner.id for inner in ast.walk(node.type) if isinstance(inner, ast.Name)} if node.type else BROAD
        if names & BROAD:
            assert module.place == THE_ONE_NET, f"line {node.lineno} catches everything"
        silent = len(node.body) == 1 and isinstance(node.body[0], ast.Pass)
        assert not silent, (
            f"line {node.lineno} passes over a fault without a word; contextlib.suppress says it is meant"
        )


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_an_exception_from_the_rules_carries_its_reason(path: Path) -> None:
    for line, text in comments(path):
        if re.search(r"#\s*noqa", text):
            assert re.search(r"#\s*noqa: [A-Z0-9, ]+\s+(-|#)\s*\w.{3,}", text), f"line {line}: {text}"
        if re.search(r"#\s*type:\s*ignore", text):
            assert re.search(r"#\s*type: ignore\[[a-z, -]+\]\s*(-|#)\s*\w.{6,}", text), f"line {line}: {text}"
