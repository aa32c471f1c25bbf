"""Every status, reject, abort and refusal of the standard's tables, said over the wire to the real forward role.

What each must lead to is written down here once more, apart from the tables of the program: an object is stored,
parked for a person, or kept pending; and what a person reads names the code.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from gateway.dicomweb.statuses import FAILURE_REASON, HTTP_STATUS
from gateway.dimse.rejections import ABORT_REASONS, CONTEXT_RESULTS, REJECTIONS
from gateway.dimse.status import STORE_STATUS
from tests.support.backlog import owe, write_objects
from tests.support.dicomweb import Caller, ScriptedService, store_answer, stow_table
from tests.support.forwarding import ForwardRole, Target
from tests.support.hostile import HostilePeer
from tests.support.pki import make_pki
from tests.support.scripted_scp import Wire

STORED, PARKED, PENDING = "stored", "parked", "pending"
STORE = {
    0x0000: STORED, 0x0001: STORED, 0xB000: STORED, 0xB006: STORED, 0xB007: STORED, 0xB123: STORED, 0x0107: STORED,
    0x0116: STORED, 0x0105: PARKED, 0x0106: PARKED, 0x0110: PARKED, 0x0111: PARKED, 0x0115: PARKED, 0x0117: PARKED,
    0x0118: PARKED, 0x0119: PARKED, 0x0120: PARKED, 0x0121: PARKED, 0x0122: PARKED, 0x0124: PARKED, 0x0210: PARKED,
    0x0211: PARKED, 0x0212: PARKED, 0xA900: PARKED, 0xA9FF: PARKED, 0xC000: PARKED, 0xC123: PARKED, 0xFF00: PARKED,
    0x4242: PARKED, 0x0213: PENDING, 0xA700: PENDING, 0xA701: PENDING, 0xA702: PENDING, 0xA7FF: PENDING,
    0xFE00: PENDING,
}  # fmt: skip
DOUBTFUL = frozenset({0x0110, 0xC000, 0xC123, 0xC999, 0xFF00, 0x4242})
"""What peers say of troubles of their own as well: parked only when it was said three times."""
SLOW, SOON = "danger", "attention"
"""How the issue of a destination stands that a person must see to, and of one that time may heal."""
REJECTS = {
    (1, 1): SOON, (1, 2): SLOW, (1, 3): SLOW, (1, 7): SLOW, (2, 1): SOON, (2, 2): SLOW, (3, 1): SOON, (3, 2): SOON,
}  # fmt: skip
HTTP = {
    400: PARKED, 401: SLOW, 403: SLOW, 404: SLOW, 405: SLOW, 406: SLOW, 407: SLOW, 408: SOON, 409: PARKED, 410: SLOW,
    411: SLOW, 413: PARKED, 414: SLOW, 415: PARKED, 418: PARKED, 421: SLOW, 422: PARKED, 423: SOON, 425: SOON,
    426: SLOW, 429: SOON, 431: SLOW, 495: SLOW, 496: SLOW, 497: SLOW, 500: SOON, 501: SLOW, 502: SOON, 503: SOON,
    504: SOON, 505: SLOW, 507: SOON, 508: SLOW, 511: SLOW, 599: SOON, 302: SLOW, 307: SLOW,
}  # fmt: skip
REASONS = {
    0x0105: PARKED, 0x0106: PARKED, 0x0110: PARKED, 0x0111: PARKED, 0x0117: PARKED, 0x0119: PARKED, 0x0122: PARKED,
    0x0124: PARKED, 0xA900: PARKED, 0xA9FF: PARKED, 0xC000: PARKED, 0xC999: PARKED, 0xC122: PARKED, 0x4242: PARKED,
    0x0213: PENDING, 0xA700: PENDING, 0xA7FF: PENDING,
}  # fmt: skip
_ONE = "sending = { max_associations = 1 }\n"
_PEER = 'address = "-"\nae_title = "PACS"\n'
_WITHIN_S = 45


class _Service(Target):
    """A DICOMweb service as destination; `extra` are the lines of its table."""

    def toml(self) -> str:
        return Target.toml(self).replace(_PEER, "")


@dataclass(frozen=True, slots=True)
class Delivered:
    """What stands in the ledger of one delivery and of its destination."""

    state: str
    status: str
    error: str
    remedy: str
    destination: str
    severity: str
    tries: int


def delivered(role: ForwardRole) -> dict[tuple[str, str], Delivered]:
    """By destination and SOP Instance UID."""
    rows = role.rows(
        "SELECT delivery.destination AS place, instance.sop_instance_uid AS uid, delivery.state, delivery.status,"
        " delivery.error, delivery.remedy, coalesce(destination.error, '') AS of_destination,"
        " coalesce(issue.severity, '') AS severity,"
        " (SELECT count(*) FROM attempt WHERE attempt.delivery = delivery.id) AS tries FROM delivery"
        " JOIN instance ON instance.id = delivery.instance LEFT JOIN destination ON destination.name = place"
        " LEFT JOIN issue ON issue.key = 'destination.' || place || '.link'"
    )
    return {
        (row["place"], row["uid"]): Delivered(
            PENDING if row["state"] == "sending" else row["state"],
            row["status"],
            row["error"],
            row["remedy"],
            row["of_destination"],
            row["severity"],
            row["tries"],
        )
        for row in rows
    }


@dataclass
class Run:
    """One life with a destination for each case; filled in by the fixtures."""

    found: dict[tuple[str, str], Delivered]
    uids: list[str]

    def of(self, place: str, number: int = 0) -> Delivered:
        """What became of object `number` at a destination."""
        return self.found[place, self.uids[number]]


# -- DIMSE ----------------------------------------------------------------------------------------------------------


def answering(status_of: Callable[[str], int]) -> Callable[[Wire], None]:
    """A peer that answers each store by the status of its SOP Instance UID."""

    def act(wire: Wire) -> None:
        wire.accept()
        while True:
            context_id, request = wire.read_message()
            wire.respond(context_id, request, Status=status_of(str(request.AffectedSOPInstanceUID)))

    return act


def rejecting(result: int, source: int, reason: int) -> Callable[[Wire], None]:
    def act(wire: Wire) -> None:
        wire.read_pdu()
        wire.sock.sendall(bytes([3, 0, 0, 0, 0, 4, 0, result, source, reason]))
        wire.wait_for_end()

    return act


def aborting(source: int, reason: int) -> Callable[[Wire], None]:
    def act(wire: Wire) -> None:
        wire.accept()
        wire.read_message()
        wire.sock.sendall(bytes([7, 0, 0, 0, 0, 4, 0, 0, source, reason]))
        wire.wait_for_end()

    return act


def refusing(result: int) -> Callable[[Wire], None]:
    def act(wire: Wire) -> None:
        wire.accept(result=result)
        wire.wait_for_end()

    return act


_LASTING = [code for code, goal in STORE.items() if goal != PENDING]
_PASSING = [code for code, goal in STORE.items() if goal == PENDING]
_ALL_REJECTS = [(result, *which) for which in [*REJECTS, (9, 9)] for result in (1, 2)]
_ABORTS = [*ABORT_REASONS, (0, 0)]


@pytest.fixture(scope="module")
def dimse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One life against a peer for each status that ends a try, one for all others, and each reject and abort."""
    root = tmp_path_factory.mktemp("dimse")
    codes: dict[str, int] = {}
    acts: dict[str, Callable[[Wire], None]] = {"lasting": answering(codes.__getitem__)}
    acts |= {f"status-{code:04x}": answering(lambda _, code=code: code) for code in _PASSING}  # type: ignore[misc] # bound now
    acts |= {f"reject-{a}-{b}-{c}": rejecting(a, b, c) for a, b, c in _ALL_REJECTS}
    acts |= {f"abort-{a}-{b}": aborting(a, b) for a, b in _ABORTS}
    acts |= {f"context-{result}": refusing(result) for result in CONTEXT_RESULTS if result}
    with ExitStack() as stack:
        targets = []
        for place, act in acts.items():
            port = stack.enter_context(HostilePeer(act)).port
            targets.append(Target(place, f"127.0.0.1:{port}", extra=_ONE))
        role = ForwardRole(root / "gateway", targets)
        objects = write_objects(role.spool, len(_LASTING), 3000)
        codes |= {one.sop_instance_uid: code for one, code in zip(objects, _LASTING, strict=True)}
        owe(role.spool, objects, ["lasting"])
        owe(role.spool, write_objects(role.spool, 1, 3000, first=9000), [name for name in acts if name != "lasting"])
        yield lived(role, [one.sop_instance_uid for one in objects])


def lived(role: ForwardRole, uids: list[str]) -> Run:
    """Let the role live until the last is said of every delivery; what was said then.

    A service's refusal ends the try like any broken link, and is said as what it is before the next one.
    """
    found: dict[tuple[str, str], Delivered] = {}

    def all_said() -> bool:
        for key, one in delivered(role).items():
            if one.state in {STORED, PARKED} or (one.destination and (key not in found or found[key].severity != SLOW)):
                found[key] = one
        slow = {f"http-{status}" for status, goal in HTTP.items() if goal == SLOW}
        known = delivered(role).keys() == found.keys()
        return known and all(one.severity == SLOW for (place, _), one in found.items() if place in slow)

    with role:
        role.await_that(all_said, _WITHIN_S, "not everything was answered")
    # the objects of all but one destination have another UID, which no test needs to know
    alone = {(place, uids[0]): one for (place, _), one in found.items() if place != "lasting"}
    return Run({**found, **alone}, uids)


@pytest.mark.parametrize("code", _LASTING, ids="{:04X}".format)
def test_a_store_status_that_ends_the_matter(dimse: Run, code: int) -> None:
    found = dimse.of("lasting", _LASTING.index(code))
    assert (found.state, found.status) == (STORE[code], f"{code:04X}")
    if found.state == PARKED:
        assert f"{code:04X}" in found.error
        assert found.remedy
        assert found.tries == (3 if code in DOUBTFUL else 1)


@pytest.mark.parametrize("code", _PASSING, ids="{:04X}".format)
def test_a_store_status_that_time_may_heal(dimse: Run, code: int) -> None:
    found = dimse.of(f"status-{code:04x}")
    assert (found.state, found.severity) == (PENDING, SOON)
    assert f"{code:04X}" in found.destination


@pytest.mark.parametrize("reject", _ALL_REJECTS, ids="{0[0]}/{0[1]}/{0[2]}".format)
def test_a_reject(dimse: Run, reject: tuple[int, int, int]) -> None:
    result, *which = reject
    found = dimse.of("reject-{}-{}-{}".format(*reject))
    unknown = SLOW if result == 1 else SOON
    assert (found.state, found.severity) == (PENDING, REJECTS.get((which[0], which[1]), unknown))
    assert "refused the association" in found.destination


@pytest.mark.parametrize("abort", _ABORTS, ids="{0[0]}/{0[1]}".format)
def test_an_abort_has_an_unknown_outcome(dimse: Run, abort: tuple[int, int]) -> None:
    found = dimse.of("abort-{}-{}".format(*abort))
    assert (found.state, found.severity) == (PENDING, SOON)
    assert "aborted the association" in found.destination


@pytest.mark.parametrize("result", [code for code in CONTEXT_RESULTS if code])
def test_a_refused_context_parks_the_object(dimse: Run, result: int) -> None:
    found = dimse.of(f"context-{result}")
    assert found.state == PARKED
    assert CONTEXT_RESULTS[result] in found.error
    assert found.remedy


def test_no_row_of_the_program_is_left_out() -> None:
    assert set(STORE_STATUS) <= set(STORE)
    assert set(REJECTIONS) == set(REJECTS)
    assert set(HTTP_STATUS) <= set(HTTP)
    assert set(FAILURE_REASON) <= set(REASONS)


# -- DICOMweb -------------------------------------------------------------------------------------------------------


def saying(status: int) -> Callable[[Caller], None]:
    def act(caller: Caller) -> None:
        while True:
            caller.read()
            caller.answer(status, b"no", Location="https://elsewhere.example/")

    return act


def failing(reason_of: Callable[[str], int]) -> Callable[[Caller], None]:
    """A service that fails each instance for its own reason, in an answer that says 200."""

    def act(caller: Caller) -> None:
        while True:
            uids = caller.read().uids
            caller.answer(200, store_answer([], {uid: reason_of(uid) for uid in uids}))

    return act


_LASTING_REASONS = [code for code, goal in REASONS.items() if goal != PENDING]
_PASSING_REASONS = [code for code, goal in REASONS.items() if goal == PENDING]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One life against a service for each HTTP status and each passing reason, and one for all others."""
    root = tmp_path_factory.mktemp("web")
    pki = make_pki(root / "pki")
    reasons: dict[str, int] = {}
    acts: Mapping[str, Callable[[Caller], None]] = {
        "lasting": failing(reasons.__getitem__),
        **{f"http-{status}": saying(status) for status in HTTP},
        **{f"reason-{code:04x}": failing(lambda _, code=code: code) for code in _PASSING_REASONS},  # type: ignore[misc] # bound now
    }
    with ExitStack() as stack:
        targets: list[Target] = []
        for place, act in acts.items():
            url = stack.enter_context(ScriptedService(pki, act, at_once=True)).url
            table = stow_table(url, pki, password=root / "password")
            targets.append(_Service(place, "-", extra=_ONE + table))
        role = ForwardRole(root / "gateway", targets)
        objects = write_objects(role.spool, len(_LASTING_REASONS), 3000)
        reasons |= {one.sop_instance_uid: code for one, code in zip(objects, _LASTING_REASONS, strict=True)}
        owe(role.spool, objects, ["lasting"])
        owe(role.spool, write_objects(role.spool, 1, 3000, first=9000), [name for name in acts if name != "lasting"])
        yield lived(role, [one.sop_instance_uid for one in objects])


@pytest.mark.parametrize("status", HTTP)
def test_an_http_status(web: Run, status: int) -> None:
    found = web.of(f"http-{status}")
    if HTTP[status] == PARKED:
        assert (found.state, found.severity) == (PARKED, "")
        assert f"HTTP {status}" in found.error
        assert found.remedy
    else:
        assert (found.state, found.severity) == (PENDING, HTTP[status])
        assert f"HTTP {status}" in found.destination


@pytest.mark.parametrize("code", _LASTING_REASONS, ids="{:04X}".format)
def test_a_failure_reason_that_ends_the_matter(web: Run, code: int) -> None:
    found = web.of("lasting", _LASTING_REASONS.index(code))
    assert (found.state, found.status) == (PARKED, f"{code:04X}")
    assert f"{code:04X}" in found.error
    assert found.remedy
    assert found.tries == (3 if code in DOUBTFUL else 1)


@pytest.mark.parametrize("code", _PASSING_REASONS, ids="{:04X}".format)
def test_a_failure_reason_that_time_may_heal(web: Run, code: int) -> None:
    found = web.of(f"reason-{code:04x}")
    assert (found.state, found.severity) == (PENDING, SOON)
    assert f"{code:04X}" in found.destination
