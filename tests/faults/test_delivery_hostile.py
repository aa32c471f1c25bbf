"""Hostile peers against the real forward role: each is named as what it is, none is believed, none harms another."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.support.backlog import owe, write_objects
from tests.support.forwarding import ForwardRole, Target
from tests.support.hostile import MISBEHAVIOURS, HostilePeer
from tests.support.peers import StoreScp

NAMES = {name: f"peer-{number:02d}" for number, name in enumerate(MISBEHAVIOURS)}
OF_THE_GOOD = 60
LONGEST_S = 30
BIG = 12_000_000
MEMORY_MB = 300
"""Thirty-eight destinations at once, each with all its workers; what the peers pour would be many times as much."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the role made of all of them at once."""

    named: dict[str, set[tuple[str, str]]]
    states: dict[str, dict[str, int]]
    good_states: dict[str, int]
    good_received: int
    most_memory_mb: float


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """One life of the forward role with a destination for every misbehaviour and one honest PACS."""
    root = tmp_path_factory.mktemp("hostile")
    with ExitStack() as stack:
        good = stack.enter_context(StoreScp(root / "pacs", None, ae_title="PACS"))
        targets = [Target("good", f"127.0.0.1:{good.port}")]
        for name, what in MISBEHAVIOURS.items():
            peer = stack.enter_context(HostilePeer(what.act))
            targets.append(Target(NAMES[name], f"127.0.0.1:{peer.port}"))
        role = ForwardRole(root / "gateway", targets)
        small = [NAMES[name] for name, what in MISBEHAVIOURS.items() if not what.big]
        big = [NAMES[name] for name, what in MISBEHAVIOURS.items() if what.big]
        owe(role.spool, write_objects(role.spool, 2, 20_000), small)
        owe(role.spool, write_objects(role.spool, 1, BIG, first=1000), big)
        owe(role.spool, write_objects(role.spool, OF_THE_GOOD, 20_000, first=2000), ["good"])
        with role:
            role.await_all_stored(OF_THE_GOOD, 60, "good")
            _await_names(role)
            yield Outcome(
                named=_named(role),
                states={place: role.states(place) for place in NAMES.values()},
                good_states=role.states("good"),
                good_received=len(good.files()),
                most_memory_mb=role.resident_mb("VmHWM"),
            )


def _await_names(role: ForwardRole) -> None:
    """Give every misbehaviour the time to be named; those that are not are the tests' own findings."""
    deadline = time.monotonic() + LONGEST_S
    while not all(_as_expected(_named(role), name) for name in MISBEHAVIOURS) and time.monotonic() < deadline:
        time.sleep(0.5)


def _as_expected(named: dict[str, set[tuple[str, str]]], name: str) -> bool:
    expected = MISBEHAVIOURS[name]
    return (expected.phase.value, expected.disposition.value) in named.get(NAMES[name], set())


def _named(role: ForwardRole) -> dict[str, set[tuple[str, str]]]:
    """Phase and disposition of every fault, by destination: of each attempt by its row, of the link by the log."""
    found: dict[str, set[tuple[str, str]]] = {}
    for row in role.rows(
        "SELECT delivery.destination, attempt.phase, attempt.disposition FROM attempt"
        " JOIN delivery ON delivery.id = attempt.delivery WHERE attempt.disposition <> 'done'"
    ):
        found.setdefault(row["destination"], set()).add((row["phase"], row["disposition"]))
    lines = role.log.read_text(errors="replace")
    for place, phase, disposition in re.findall(
        r"destination=(peer-\d+) .*?phase=(\w+) disposition=(\w+) .*?error=", lines
    ):
        found.setdefault(place, set()).add((phase, disposition))
    return found


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_a_misbehaviour_is_named_and_not_believed(outcome: Outcome, name: str) -> None:
    expected = MISBEHAVIOURS[name]
    place = NAMES[name]
    assert _as_expected(outcome.named, name), outcome.named.get(place)
    assert not {"stored", "committed"} & outcome.states[place].keys()
    assert sum(outcome.states[place].values()) == (1 if expected.big else 2), "nothing is lost either"


def test_the_honest_peer_beside_them_got_everything(outcome: Outcome) -> None:
    assert outcome.good_states == {"stored": OF_THE_GOOD}
    assert outcome.good_received == OF_THE_GOOD


def test_memory_stays_bounded(outcome: Outcome, record_property: Callable[[str, object], None]) -> None:
    record_property("most_memory_mb", outcome.most_memory_mb)
    assert outcome.most_memory_mb < MEMORY_MB
