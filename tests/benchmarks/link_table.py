"""The rows of the link benchmark as a table in Markdown."""

from typing import Any

_HEADS = (
    "link", "mix", "sent", "gateway s", "share", "possible", "on the wire", "dcmsend s (x)", "share",
    "storescu s (x)", "share",
)  # fmt: skip
_PEERS = ("dcmsend", "storescu")
"""The peers that have columns of their own; the peer of another row names itself."""


def table(rows: list[dict[str, Any]]) -> str:
    """One line a row; (x) says how many times the gateway's time a peer took."""
    lines = [_line(_HEADS), _line(["---"] * len(_HEADS)), *(_line(_cells(row)) for row in rows)]
    return "\n".join(lines)


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: dict[str, Any]) -> list[str]:
    sent = f"{row['objects']} x {row['object_bytes'] / 1000:,.0f} kB"
    own = [row["link"], row["mix"], sent, _seconds(row), f"**{row['share_of_capacity']:.0%}**"]
    own += [f"{row['possible_share']:.0%}", f"{row['share_on_wire']:.0%}"]
    if not set(_PEERS) <= row["peers"].keys():
        ((name, peer),) = row["peers"].items()
        return [*own, f"{name}: {_seconds(peer)} (x{peer['seconds'] / row['seconds']:.1f})", _share(peer), "", ""]
    for name in _PEERS:
        peer = row["peers"][name]
        own += [f"{_seconds(peer)} (x{peer['seconds'] / row['seconds']:.1f})", _share(peer)]
    return own


def _share(facts: dict[str, Any]) -> str:
    return f"{facts['share_of_capacity']:.0%}"


def _seconds(facts: dict[str, Any]) -> str:
    """The time, or how much was still missing when the sender gave up or was given up."""
    missing = facts.get("undelivered", 0)
    return f"{facts['seconds']:.1f}" if not missing else f"{facts['seconds']:.1f}, {missing} not delivered"
