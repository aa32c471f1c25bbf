"""What is wrong with a configuration, said so that a person can mend it: place, rule, given value, suggestion."""

import difflib
from collections.abc import Iterable

import attrs

from gateway.domain.errors import ConfigurationError


@attrs.frozen
class Fault:
    """One fault: `file` and key `path` (``destination[0].timeout_s``), the broken `rule`, what was `given` instead."""

    file: str
    path: str
    rule: str
    given: str = ""
    suggestion: str = ""

    def __str__(self) -> str:
        place = f"{self.file}: {self.path}" if self.path else self.file
        given = f" (given: {self.given})" if self.given else ""
        suggestion = f"; {self.suggestion}" if self.suggestion else ""
        return f"{place}: {self.rule}{given}{suggestion}"


class InvalidConfiguration(ConfigurationError):  # noqa: N818 - reads as what it is, like its siblings in the domain
    """A configuration with faults; all of them stand in `faults`, and one a line in the message."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        count = f"{len(self.faults)} faults" if len(self.faults) != 1 else "1 fault"
        lines = "".join(f"\n  {fault}" for fault in self.faults)
        super().__init__(f"The configuration has {count}:{lines}")


class BadValue(ValueError):  # noqa: N818 - names the value, which is at fault, not the program
    """A value that breaks `rule`; `hidden` when it may be a secret, `index` when it is one element of a list."""

    def __init__(self, rule: str, *, suggestion: str = "", hidden: bool = False, index: int | None = None) -> None:
        super().__init__(rule)
        self.rule = rule
        self.suggestion = suggestion
        self.hidden = hidden
        self.index = index


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean X?`` for the nearest of `known`, else the empty text."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else ""


def one_of(word: str, known: Iterable[str]) -> None:
    """Raise `BadValue` with all choices and the nearest one unless `word` is among `known`."""
    choices = list(known)
    if word not in choices:
        raise BadValue(f"must be one of {', '.join(choices)}", suggestion=did_you_mean(word, choices))
