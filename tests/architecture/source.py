"""The source tree as the architecture tests see it: modules, rooms and imports, read without importing anything."""

import ast
import subprocess
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Module:
    """One Python file below ``gateway/``."""

    path: Path

    @property
    def place(self) -> str:
        """Path below ``gateway/``, for example ``codec/foreign.py``."""
        return self.path.relative_to(ROOT / "gateway").as_posix()

    @property
    def name(self) -> str:
        """Dotted name."""
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def room(self) -> str:
        """The package below ``gateway``, or the file's own name if it stands directly in it."""
        return self.place.removesuffix(".py").partition("/")[0]

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.path.read_text(encoding="utf-8"), str(self.path))

    def imports(self) -> Iterator[str]:
        """Dotted names of everything imported anywhere in it; ``a.b`` of ``from a import b`` if that is a module."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.place}: relative import"
                base = node.module or ""
                for alias in node.names:
                    deeper = ROOT / Path(*base.split("."), alias.name)
                    is_module = deeper.is_dir() or deeper.with_suffix(".py").is_file()
                    yield f"{base}.{alias.name}" if base.startswith("gateway") and is_module else base


def modules() -> list[Module]:
    """Every module of the product."""
    return [Module(path) for path in sorted((ROOT / "gateway").rglob("*.py"))]


def tracked_files() -> list[Path]:
    """Every file that the repository holds."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def python_files() -> list[Path]:
    """Every Python file of product and tests."""
    return sorted([*(ROOT / "gateway").rglob("*.py"), *(ROOT / "tests").rglob("*.py")])


def comments(path: Path) -> Iterator[tuple[int, str]]:
    """Line number and text of each comment."""
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
