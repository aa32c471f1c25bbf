"""What README.md says to type: its commands and its configuration examples."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(gateway [^`\n]+)`")


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language; empty text: those that name none."""
    return [text for found, text in _BLOCK.findall(TEXT) if found == language]


def commands() -> list[str]:
    """Every command of the program as it stands there, each once; options that may be left out without brackets."""
    typed = [line.removeprefix("$ ") for text in (*blocks("sh"), *blocks("")) for line in text.splitlines()]
    found = [line for line in typed if line.startswith("gateway ")]
    found += _INLINE.findall(_BLOCK.sub("", TEXT))
    return list(dict.fromkeys(re.sub(r"[\[\]]", "", one) for one in found))
