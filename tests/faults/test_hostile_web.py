"""Hostile DICOMweb services against the real forward role: each is named, none is believed, nothing is lost."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.support.backlog import owe, write_objects
from tests.support.dicomweb import ScriptedService, stow_table
from tests.support.forwarding import ForwardRole, Target
from tests.support.hostile_web import QUERY, SAYS_NO, STORE, Harm, instead_of_storing, stores_and_then
from tests.support.pki import make_pki

HARMS = {"store": STORE, "query": QUERY}
PLACES = {(kind, name): f"{kind}-{number:02d}" for kind, harms in HARMS.items() for number, name in enumerate(harms)}
LONGEST_S = 45
MEMORY_MB = 250
"""Thirty services at once; what they pour would be many times as much."""
_PEER = 'address = "-"\nae_title = "PACS"\n'
_PROOF = 'proof = "query"\ncommitment = { idle_s = 0.1, early_s = 600, again_s = 0.2 }\n'
_ONE = "sending = { max_associations = 1 }\n"


class _Service(Target):
    """A DICOMweb service as destination; `extra` are the lines of its table."""

    def toml(self) -> str:
        return Target.toml(self).replace(_PEER, "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the role made of all services of a kind at once."""

    kind: str
    states: dict[str, dict[str, int]]
    named: dict[str, set[str]]
    most_memory_mb: float


def _named(role: ForwardRole) -> dict[str, set[str]]:
    """By destination, what the log says of its faults."""
    found: dict[str, set[str]] = {}
    for line in role.log.read_text(errors="replace").splitlines():
        if match := re.search(r"destination=(\S+) .*?error=(.+)", line):
            found.setdefault(match[1], set()).add(match[2])
    return found


@pytest.fixture(scope="module", params=["store", "query"])
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """One life of the forward role with a destination for each kind of harm."""
    kind: str = request.param
    root = tmp_path_factory.mktemp("hostile")
    pki = make_pki(root / "pki")
    behave: Callable[[Harm], Callable[..., None]] = instead_of_storing if kind == "store" else stores_and_then
    with ExitStack() as stack:
        targets: list[Target] = []
        for name, harm in HARMS[kind].items():
            service = stack.enter_context(ScriptedService(pki, behave(harm), at_once=True))
            table = stow_table(service.url, pki, password=root / "password")
            extra = (_PROOF if kind == "query" else "") + _ONE + table
            targets.append(_Service(PLACES[kind, name], "-", extra=extra))
        role = ForwardRole(root / "gateway", targets)
        owe(role.spool, write_objects(role.spool, 1, 4000), [target.name for target in targets])
        with role:
            deadline = time.monotonic() + LONGEST_S
            wanted = {PLACES[kind, name] for name in HARMS[kind] if name not in SAYS_NO}
            while not wanted <= _named(role).keys() and time.monotonic() < deadline:
                time.sleep(0.5)
            yield Outcome(
                kind=kind,
                states={target.name: role.states(target.name) for target in targets},
                named=_named(role),
                most_memory_mb=role.resident_mb("VmHWM"),
            )


def test_nothing_is_believed_and_nothing_is_lost(outcome: Outcome) -> None:
    allowed = [{"pending": 1}, {"sending": 1}, {"parked": 1}] if outcome.kind == "store" else [{"stored": 1}]
    unlike = {name: outcome.states[PLACES[outcome.kind, name]] for name in HARMS[outcome.kind]}
    assert not {name: states for name, states in unlike.items() if states not in allowed}


def test_each_harm_is_named(outcome: Outcome) -> None:
    unnamed = [name for name in HARMS[outcome.kind] if not outcome.named.get(PLACES[outcome.kind, name])]
    assert set(unnamed) <= SAYS_NO


def test_memory_stays_bounded(outcome: Outcome, record_property: Callable[[str, object], None]) -> None:
    record_property("most_memory_mb", outcome.most_memory_mb)
    assert outcome.most_memory_mb < MEMORY_MB
