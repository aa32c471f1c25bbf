"""Peers that store in order and lie, stammer or fall silent when asked for proof: nothing is proven by any of it."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.support.backlog import owe, write_objects
from tests.support.forwarding import ForwardRole, Target
from tests.support.hostile import HostilePeer
from tests.support.hostile_proof import ANYWHERE, COMMITMENT, QUERY, SAYS_NO, stores_and_then
from tests.support.ports import free_port

HARMS = {"commitment": COMMITMENT, "query": QUERY}
PLACES = {(kind, name): f"{kind}-{number:02d}" for kind, harms in HARMS.items() for number, name in enumerate(harms)}
LONGEST_S = 45
MEMORY_MB = 250
"""Thirty destinations at once; what the peers pour would be many times as much."""
_PACE = "idle_s = 0.1, early_s = 600, again_s = 0.2, wait_s = 2, report_h = 0.001"

_LISTENER = '[listener]\nport = {port}\nhost = "127.0.0.1"\n'


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the role made of all of them at once."""

    kind: str
    states: dict[str, dict[str, int]]
    failed: dict[str, set[str]]
    asked: set[str]
    most_memory_mb: float


@pytest.fixture(scope="module", params=["commitment", "query"])
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """One life of the forward role with a destination for each kind of harm."""
    kind: str = request.param
    root = tmp_path_factory.mktemp("hostile")
    with ExitStack() as stack:
        targets = []
        for name, harm in HARMS[kind].items():
            peer = stack.enter_context(HostilePeer(stores_and_then(harm)))
            extra = f'proof = "{kind}"\ncommitment = {{ {_PACE} }}\nsending = {{ max_associations = 1 }}\n'
            targets.append(Target(PLACES[kind, name], f"127.0.0.1:{peer.port}", extra=extra))
        role = ForwardRole(root / "gateway", targets, more=_LISTENER.format(port=free_port()))
        owe(role.spool, write_objects(role.spool, 1, 4000), [target.name for target in targets])
        with role:
            deadline = time.monotonic() + LONGEST_S
            while not _all_have_done_their_worst(role, kind) and time.monotonic() < deadline:
                time.sleep(0.5)
            yield Outcome(
                kind=kind,
                states={target.name: role.states(target.name) for target in targets},
                failed=_failed(role),
                asked=_asked(role),
                most_memory_mb=role.resident_mb("VmHWM"),
            )


def _failed(role: ForwardRole) -> dict[str, set[str]]:
    """By destination, the phases in which asking for proof failed, as the log names them."""
    found: dict[str, set[str]] = {}
    lines = role.log.read_text(errors="replace")
    for place, phase in re.findall(r"destination=(\S+) proof=failed phase=(\w+) .*?error=.", lines):
        found.setdefault(place, set()).add(phase)
    return found


def _asked(role: ForwardRole) -> set[str]:
    """Destinations of which a transaction has come to its end."""
    return {row["destination"] for row in role.rows("SELECT destination FROM commitment WHERE ended_us IS NOT NULL")}


def _all_have_done_their_worst(role: ForwardRole, kind: str) -> bool:
    failed, asked = _failed(role), _asked(role)
    places = {name: PLACES[kind, name] for name in HARMS[kind]}
    return all(place in asked and (place in failed or name not in ANYWHERE) for name, place in places.items())


def test_nothing_is_proven_and_nothing_is_lost(outcome: Outcome) -> None:
    unlike = {place: states for place, states in outcome.states.items() if states != {"stored": 1}}
    assert not unlike, "each is stored as it was said, not committed, and not sent again"
    assert len(outcome.states) == len(HARMS[outcome.kind])
    assert outcome.asked == outcome.states.keys()


def test_each_harm_is_named(outcome: Outcome) -> None:
    names = [
        name for name in HARMS[outcome.kind] if name in ANYWHERE or (outcome.kind == "query" and name not in SAYS_NO)
    ]
    unnamed = [name for name in names if not outcome.failed.get(PLACES[outcome.kind, name])]
    assert not unnamed
    assert set().union(*outcome.failed.values()) <= {"commit", "query", "transfer"}


def test_memory_stays_bounded(outcome: Outcome, record_property: Callable[[str, object], None]) -> None:
    record_property("most_memory_mb", outcome.most_memory_mb)
    assert outcome.most_memory_mb < MEMORY_MB
