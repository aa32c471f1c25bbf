"""Query-back against pynetdicom's archives, honest and otherwise: what it answers is compared, not believed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.events import Event

from gateway.dimse.query_back import STUDY_ROOT_FIND_UID, held_instances
from gateway.domain.commitment import ProofItem
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.identifiers import Uid
from tests.integration.dimse.conftest import Peers

SC = "1.2.840.10008.5.1.4.1.1.7"
Answer = Callable[[Dataset], Sequence[Dataset]]


def items(count: int, series: str = "1.2.1", *, start: int = 0) -> list[ProofItem]:
    return [ProofItem(Uid("1.2"), Uid(series), Uid(SC), Uid(f"{series}.{n}")) for n in range(start, start + count)]


def entry(uid: str, **changes: str) -> Dataset:
    found = Dataset()
    found.QueryRetrieveLevel = "IMAGE"
    found.StudyInstanceUID, found.SeriesInstanceUID = "1.2", uid.rpartition(".")[0]
    found.SOPInstanceUID, found.SOPClassUID = uid, SC
    for keyword, value in changes.items():
        setattr(found, keyword, value)
    return found


class Archive:
    """Holds instances by UID; `only_single` knows no lists, `only` is what it answers whatever is asked."""

    def __init__(self, held: Sequence[Dataset], *, only_single: bool = False, ignores_keys: bool = False) -> None:
        self.held = held
        self.queries: list[Dataset] = []
        self._only_single = only_single
        self._ignores_keys = ignores_keys

    def find(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        query = event.identifier
        self.queries.append(query)
        wanted = query.SOPInstanceUID
        several = [wanted] if isinstance(wanted, str) else list(wanted)
        if self._only_single and len(several) > 1:
            several = []
        for one in self.held:
            if self._ignores_keys or (
                one.SOPInstanceUID in several and one.SeriesInstanceUID == query.SeriesInstanceUID
            ):
                yield 0xFF00, one


@contextmanager
def serving(find: Callable[[Event], Iterator[tuple[int, Dataset | None]]] | None) -> Iterator[int]:
    """An archive on a free port; without `find` it offers no more than C-ECHO."""
    entity = AE(ae_title="DEMOPACS")
    entity.add_supported_context(STUDY_ROOT_FIND_UID if find else "1.2.840.10008.1.1")
    handlers: list[Any] = [(evt.EVT_C_FIND, find)] if find else []
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    assert server.socket is not None
    try:
        yield server.socket.getsockname()[1]
    finally:
        server.shutdown()


def test_what_is_held_is_found_series_by_series_and_page_by_page(peers: Peers) -> None:
    asked = [*items(120), *items(3, "1.2.2")]
    archive = Archive([entry(item.sop_instance_uid) for item in asked if not item.sop_instance_uid.endswith("7")])
    with serving(archive.find) as port:
        found = held_instances(peers(port), asked)
    assert found == {item.sop_instance_uid for item in asked if not item.sop_instance_uid.endswith("7")}
    pages = [query for query in archive.queries if not isinstance(query.SOPInstanceUID, str)]
    assert [len(query.SOPInstanceUID) for query in pages] == [50, 50, 20, 3]
    assert {query.QueryRetrieveLevel for query in archive.queries} == {"IMAGE"}


def test_an_archive_without_lists_is_asked_one_by_one(peers: Peers) -> None:
    asked = items(4)
    archive = Archive([entry(item.sop_instance_uid) for item in asked[:3]], only_single=True)
    with serving(archive.find) as port:
        assert held_instances(peers(port), asked) == {item.sop_instance_uid for item in asked[:3]}
    assert len(archive.queries) == 5


@pytest.mark.parametrize(
    "answers",
    [
        [entry("1.2.9.9")],
        [entry("1.2.1.0", SOPClassUID="1.2.840.10008.5.1.4.1.1.2")],
        [entry("1.2.1.0", StudyInstanceUID="9.9")],
        [entry("1.2.1.0", SeriesInstanceUID="9.9")],
        [],
    ],
)
def test_an_answer_about_something_else_proves_nothing(peers: Peers, answers: list[Dataset]) -> None:
    with serving(Archive(answers, ignores_keys=True).find) as port:
        assert held_instances(peers(port), items(1)) == frozenset()


@pytest.mark.parametrize("words", ["no instance", "cancelled", "everything"])
def test_an_answer_that_does_not_say_no_is_not_taken_for_no(peers: Peers, words: str) -> None:
    def find(_: Event) -> Iterator[tuple[int, Dataset | None]]:
        if words == "cancelled":
            yield 0xFE00, None
        for number in range(1 if words == "no instance" else 1000):
            yield 0xFF00, entry(f"1.2.9.{number}", **({"SOPInstanceUID": ""} if words == "no instance" else {}))

    with serving(find) as port, pytest.raises(GatewayError, match="does not say whether") as caught:
        held_instances(peers(port), items(1))
    assert (caught.value.disposition, caught.value.phase) == (Disposition.RETRY, Phase.QUERY)


def test_an_archive_that_answers_with_everything_it_has_is_cut_and_still_compared(peers: Peers) -> None:
    everything = [entry(f"1.2.1.{n}") for n in range(1000)]
    with serving(Archive(everything, ignores_keys=True).find) as port:
        found = held_instances(peers(port), items(2, start=5))
    assert found == {"1.2.1.5", "1.2.1.6"}


def test_a_refused_query_says_why(peers: Peers) -> None:
    def refuse(_: Event) -> Iterator[tuple[int, Dataset | None]]:
        yield 0xA700, None

    with serving(refuse) as port, pytest.raises(GatewayError) as caught:
        held_instances(peers(port), items(1))
    assert (caught.value.disposition, caught.value.phase) == (Disposition.RETRY, Phase.QUERY)


def test_a_peer_that_answers_no_queries_is_named(peers: Peers) -> None:
    with serving(None) as port, pytest.raises(GatewayError, match="does not answer queries for instances") as caught:
        held_instances(peers(port), items(1))
    assert caught.value.disposition is Disposition.PARK
