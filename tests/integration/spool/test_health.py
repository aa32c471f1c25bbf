"""Issues raised and withdrawn with their first moment, and beats."""

from datetime import timedelta

from gateway.spool.health import StandingIssue
from tests.support.ledger import TestSpool

DOWN = StandingIssue("attention", "It is down.", "Look at it.")


def test_an_issue_is_raised_once_and_keeps_since(spool: TestSpool) -> None:
    began = spool.clock.now()
    for _ in range(3):
        spool.health.settle("link.", {"link.main": DOWN})
        spool.clock.advance(60)
    (issue,) = spool.status.issues()
    assert (issue.key, issue.since, issue.text, issue.suggestion) == ("link.main", began, "It is down.", "Look at it.")
    assert spool.journal().count(("raised", "issue link.main")) == 1


def test_an_issue_may_grow_worse_without_forgetting_when_it_began(spool: TestSpool) -> None:
    began = spool.clock.now()
    spool.health.settle("link.", {"link.main": DOWN})
    spool.clock.advance(60)
    spool.health.settle("link.", {"link.main": StandingIssue("danger", "It burns.", "Run.")})
    (issue,) = spool.status.issues()
    assert (issue.severity, issue.text, issue.since) == ("danger", "It burns.", began)


def test_an_issue_is_withdrawn_and_raised_anew(spool: TestSpool) -> None:
    spool.health.settle("link.", {"link.main": DOWN, "link.backup": DOWN})
    spool.health.settle("link.", {"link.backup": DOWN})
    assert [issue.key for issue in spool.status.issues()] == ["link.backup"]
    spool.clock.advance(60)
    spool.health.settle("link.", {"link.main": DOWN})
    (issue,) = spool.status.issues()
    assert (issue.key, issue.since) == ("link.main", spool.clock.now())
    assert ("withdrawn", "issue link.backup") in spool.journal()


def test_others_issues_are_left_alone(spool: TestSpool) -> None:
    spool.health.settle("capture.a.", {"capture.a.1": DOWN})
    spool.health.settle("capture.ab.", {"capture.ab.1": DOWN})
    spool.health.settle("capture.a.", {})
    assert [issue.key for issue in spool.status.issues()] == ["capture.ab.1"]


def test_the_worst_stand_first(spool: TestSpool) -> None:
    spool.health.settle("a.", {"a.1": DOWN})
    spool.clock.advance(1)
    spool.health.settle("b.", {"b.1": StandingIssue("danger", "", "")})
    assert [issue.key for issue in spool.status.issues()] == ["b.1", "a.1"]


def test_settling_what_already_stands_writes_nothing(spool: TestSpool) -> None:
    spool.health.settle("link.", {"link.main": DOWN})
    with spool.database.read() as connection:
        before = connection.total_changes
    spool.health.settle("link.", {"link.main": DOWN})
    with spool.database.read() as connection:
        assert connection.total_changes == before


def test_a_beat_is_the_last_one(spool: TestSpool) -> None:
    spool.health.beat("forward", "main", 60.0)
    spool.clock.advance(5)
    spool.health.beat("forward", "main", 30.0)
    (beat,) = spool.status.beats()
    assert (beat.role, beat.loop, beat.bound_s) == ("forward", "main", 30.0)
    assert beat.at == spool.clock.now() == beat.at + timedelta(0)
