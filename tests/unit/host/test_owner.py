"""Root at the console works in the spool as its owner; everybody else stays who they are."""

import os
from pathlib import Path

import pytest

from gateway.host.owner import as_owner_of


class Process:
    """The identity of a process whose calls are kept in order."""

    def __init__(self, uid: int) -> None:
        self.uid, self.calls = uid, list[tuple[str, int]]()

    def seteuid(self, uid: int) -> None:
        self.calls.append(("user", uid))
        self.uid = uid

    def setegid(self, gid: int) -> None:
        assert self.uid == 0, "only root may choose its group"
        self.calls.append(("group", gid))


@pytest.fixture
def process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Process:
    made = Process(request.param)
    monkeypatch.setattr(os, "geteuid", lambda: made.uid)
    monkeypatch.setattr(os, "getegid", lambda: 0)
    monkeypatch.setattr(os, "seteuid", made.seteuid)
    monkeypatch.setattr(os, "setegid", made.setegid)
    return made


def owned_by(monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    made = os.stat_result((0o40700, 1, 1, 1, uid, 7, 0, 0, 0, 0))
    monkeypatch.setattr(Path, "stat", lambda _: made)


@pytest.mark.parametrize("process", [0], indirect=True)
def test_root_is_the_owner_until_the_end_even_of_a_fault(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    owned_by(monkeypatch, 998)
    with pytest.raises(ZeroDivisionError), as_owner_of(Path("spool")):
        assert process.uid / (process.uid - 998), "not the owner"
    assert process.calls == [("group", 7), ("user", 998), ("user", 0), ("group", 0)]


@pytest.mark.parametrize(("process", "owner"), [(0, 0), (998, 998), (1000, 998)], indirect=["process"])
def test_nobody_else_changes(process: Process, owner: int, monkeypatch: pytest.MonkeyPatch) -> None:
    owned_by(monkeypatch, owner)
    with as_owner_of(Path("spool")):
        assert process.calls == []
