"""Rows of text in columns, for terminals."""

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import click

_LOCAL_DAY = timedelta(days=1)


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print `rows` under `head`, each column as wide as its widest cell."""
    body = [[_plain(cell) for cell in row] for row in rows]
    widths = [max(_cells(line[i]) for line in [list(head), *body]) for i in range(len(head))]
    click.secho(_line(head, widths), bold=True)
    for line in body:
        click.echo(_line(line, widths))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - _cells(cell)) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def _cells(text: str) -> int:
    """How many places of a terminal a text takes: ideographs take two, marks above and below letters none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _plain(cell: str) -> str:
    """A cell without control characters: a peer's text must not drive the terminal."""
    return "".join(c if c.isprintable() else " " for c in cell)


def clock_text(moment: datetime | None, now: datetime) -> str:
    """A moment as a wall clock shows it, with the date when it is not of the last day."""
    if moment is None:
        return "never"
    return f"{moment:%H:%M:%S}" if abs(now - moment) < _LOCAL_DAY else f"{moment:%Y-%m-%d %H:%M}"
