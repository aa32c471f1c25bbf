"""Peers that answer with nonsense: the report stays owed, the trouble is said in words, and a good peer gets it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.mpps_scp import strict_mpps
from tests.support.performed import Performed
from tests.support.scripted_scp import ScriptedScp, Wire

Script = Callable[[Wire], None]


def answers(**changes: Any) -> Script:
    """A peer that answers the first message with success, but for these changes."""

    def script(wire: Wire) -> None:
        wire.accept()
        context, request = wire.read_message()
        wire.respond(context, request, **changes)
        wire.wait_for_end()

    return script


def after_the_request(act: Script) -> Script:
    def script(wire: Wire) -> None:
        wire.accept()
        wire.read_message()
        act(wire)

    return script


def endless(wire: Wire) -> None:
    """A response that announces a data set larger than any."""
    wire.accept()
    context, request = wire.read_message()
    wire.respond(context, request)
    wire.sock.sendall(b"\x04\x00\x7f\xff\xff\xff")
    wire.wait_for_end()


HOSTILE: dict[str, tuple[Script, str]] = {
    "another operation": (answers(CommandField=0x8120), "answered with the command 0x8120"),
    "another message": (answers(MessageIDBeingRespondedTo=77), "answered message 77"),
    "no status": (answers(Status=None), "answered without a status"),
    "noise": (after_the_request(lambda wire: wire.sock.sendall(b"\xff" * 300)), "RIS"),
    "a web page": (after_the_request(lambda wire: wire.sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")), "RIS"),
    "a reset": (after_the_request(Wire.reset), "RIS"),
    "the end of the connection": (after_the_request(lambda _: None), "RIS"),
}
REFUSED = {0xC123: "that the standard does not have (C123)", 0x0122: "does not take performed steps", 0x0106: "invalid"}


@pytest.mark.parametrize("name", HOSTILE)
def test_nonsense_is_said_in_words_and_nothing_is_lost(performed: Performed, name: str) -> None:
    script, words = HOSTILE[name]
    performed.make()
    with ScriptedScp(script) as scp:
        performed.send(scp.port)
    assert performed.states() == [("create", "pending")]
    (issue,) = performed.spool.rows("SELECT * FROM issue")
    assert words in issue["text"]
    assert "Images are not affected." in issue["suggestion"]
    performed.close()
    with strict_mpps() as (ris, port):
        performed.send(port, hours=1)
    assert [what for what, _, status in ris.said if status == 0] == ["N-CREATE", "N-SET"]
    assert performed.states() == [("create", "done"), ("set", "done")]
    assert performed.issues() == []


@pytest.mark.parametrize("status", REFUSED)
def test_a_refusal_is_parked_with_its_meaning(performed: Performed, status: int) -> None:
    performed.make()
    with ScriptedScp(answers(Status=status)) as scp:
        performed.send(scp.port)
    (line,) = performed.lines()
    (report,) = line.reports
    assert report.state == "parked"
    assert REFUSED[status] in report.error
    assert report.remedy
    assert performed.issues() == [], "a refusal of one step is no trouble of the link"


def test_a_warning_that_the_standard_does_not_have_is_taken(performed: Performed) -> None:
    performed.make()
    with ScriptedScp(answers(Status=0xB123)) as scp:
        performed.send(scp.port)
    (line,) = performed.lines()
    assert [(one.state, one.status) for one in line.reports] == [("done", "B123")]


def test_a_response_larger_than_any_ends_the_association(performed: Performed) -> None:
    performed.make()
    with ScriptedScp(endless) as scp:
        performed.send(scp.port)
    assert performed.states() == [("create", "done")], "the answer came before the nonsense"
    performed.close()
    with strict_mpps() as (ris, port):
        performed.send(port, hours=1)
    # this peer never knew the step: it is told the start again, then the end
    assert [(what, status) for what, _, status in ris.said] == [("N-SET", 0x0112), ("N-CREATE", 0), ("N-SET", 0)]
