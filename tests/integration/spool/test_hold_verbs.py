"""Splitting an exam and discarding held pictures: each done as a whole or refused, journaled, and undone where said."""

import pytest

from gateway.domain.identifiers import AcquisitionId
from gateway.domain.procedure import Hold
from gateway.domain.requests import RequestKind
from gateway.domain.views import RequestView
from gateway.spool.captures import DeviceMemory
from tests.support.ledger import TestSpool, step


def ask(spool: TestSpool, kind: RequestKind, **payload: str) -> RequestView | None:
    number = spool.desk.file(kind, payload, by="page")
    for request in spool.requests.waiting("assemble"):
        spool.requests.carry_out(request)
    return spool.status.request(number)


def done(view: RequestView | None) -> str:
    assert view is not None
    assert view.ok, view.outcome
    return view.outcome


def refused(view: RequestView | None) -> str:
    assert view is not None
    assert not view.ok
    return view.outcome


@pytest.fixture
def exam(spool: TestSpool) -> list[AcquisitionId]:
    """Four held pictures of one exam."""
    numbers = [spool.record(b"%d" % n, name=b"%d.jpg" % n) for n in range(4)]
    for number in numbers:
        spool.acquisitions.held(number, Hold("Two steps fit.", "Choose one.", (step(1).key,)))
    return numbers


def exams(spool: TestSpool) -> list[str]:
    return [row["exam_key"] for row in spool.rows("SELECT exam_key FROM acquisition ORDER BY id")]


def test_a_split_gives_the_named_ones_an_exam_of_their_own(spool: TestSpool, exam: list[AcquisitionId]) -> None:
    assert "2 split off" in done(ask(spool, RequestKind.SPLIT, acquisitions=f"{exam[1]},{exam[3]}"))
    assert exams(spool) == ["exam-1", "exam-1, part 2", "exam-1", "exam-1, part 2"]
    claimed = spool.acquisitions.claim_next(spool.run())
    assert claimed is not None
    assert claimed.acquisition.id == exam[1], "it is matched again"
    assert ("split off", f"acquisition {exam[3]}") in spool.journal()


def test_from_one_on(spool: TestSpool, exam: list[AcquisitionId]) -> None:
    done(ask(spool, RequestKind.SPLIT, acquisitions=str(exam[2]), and_later="yes"))
    assert exams(spool) == ["exam-1", "exam-1", "exam-1, part 2", "exam-1, part 2"]
    spool.run_sql("UPDATE acquisition SET rematch = 0")
    done(ask(spool, RequestKind.SPLIT, acquisitions=str(exam[3])))
    assert exams(spool)[3] == "exam-1, part 3", "of the exam as it was captured"


def test_a_split_exam_goes_on_as_the_device_named_it(spool: TestSpool, exam: list[AcquisitionId]) -> None:
    done(ask(spool, RequestKind.SPLIT, acquisitions=str(exam[3])))
    latest = DeviceMemory(spool.database, "fundus", spool.clock).latest_exam()
    assert latest is not None
    assert latest[0] == "exam-1"


def test_split_refused(spool: TestSpool, exam: list[AcquisitionId]) -> None:
    other = spool.record(b"other", exam_key="exam-2", name=b"other.jpg")
    spool.acquisitions.held(other, Hold("No step fits.", ""))
    everything = ",".join(str(number) for number in exam)
    assert "all pictures" in refused(ask(spool, RequestKind.SPLIT, acquisitions=everything))
    assert "several exams" in refused(ask(spool, RequestKind.SPLIT, acquisitions=f"{exam[0]},{other}"))
    spool.run_sql("UPDATE acquisition SET state = 'matched' WHERE id = ?", exam[0])
    assert "not held" in refused(ask(spool, RequestKind.SPLIT, acquisitions=f"{exam[0]},{exam[1]}"))
    assert set(exams(spool)) == {"exam-1", "exam-2"}


def test_what_is_being_matched_is_split_afterwards(spool: TestSpool, exam: list[AcquisitionId]) -> None:
    spool.run_sql("UPDATE acquisition SET claimed_by = 'somebody' WHERE id = ?", exam[3])
    assert ask(spool, RequestKind.SPLIT, acquisitions=str(exam[2]), and_later="yes") is None
    spool.run_sql("UPDATE acquisition SET claimed_by = NULL")
    for request in spool.requests.waiting("assemble"):
        spool.requests.carry_out(request)
    assert exams(spool)[2:] == ["exam-1, part 2"] * 2


def test_discarded_is_set_aside_by_name_and_taken_back(spool: TestSpool, exam: list[AcquisitionId]) -> None:
    done(ask(spool, RequestKind.DISCARD, acquisitions=str(exam[0]), reason="test card", operator="Asha"))
    row = spool.row("acquisition", exam[0])
    assert (row["state"], row["reason"], row["candidates"]) == ("quarantined", "discarded by Asha: test card", "[]")
    (view,) = spool.status.acquisitions(state="quarantined")
    assert view.reason == "discarded by Asha: test card"
    actors = spool.rows("SELECT actor FROM journal WHERE event = 'quarantined'")
    assert [actor["actor"] for actor in actors] == ["Asha"]
    done(ask(spool, RequestKind.RELEASE, acquisition=str(exam[0])))
    claimed = spool.acquisitions.claim_next(spool.run())
    assert claimed is not None
    assert (claimed.acquisition.id, claimed.was_decided) == (exam[0], True)


@pytest.mark.parametrize("words", [{"reason": "", "operator": "Asha"}, {"reason": "test card", "operator": ""}])
def test_a_discard_says_why_and_who(spool: TestSpool, exam: list[AcquisitionId], words: dict[str, str]) -> None:
    assert "names no" in refused(ask(spool, RequestKind.DISCARD, acquisitions=str(exam[0]), **words))
    assert spool.row("acquisition", exam[0])["state"] == "held"
