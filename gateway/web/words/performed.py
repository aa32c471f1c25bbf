"""Performed steps in plain words: how far one has come, and what its RIS was told and answered."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from gateway.domain.performed_step import DISCONTINUATION_REASONS
from gateway.domain.views import IssueView, PerformedStepView, ReportView
from gateway.web.words.states import Mark, Tone, Trouble, layer_word
from gateway.web.words.text import clock_text, count, listed, when
from gateway.web.words.verdicts import Verdict

_NOBODY: Mapping[str, datetime] = MappingProxyType({})
_TOLD = {"create": "Start told", "set": "End told"}
_NOT_TOLD = {"create": "Start not told yet", "set": "End not told yet"}
_ANSWERS = {
    "0000": "taken",
    "0001": "taken with a remark",
    "0107": "taken without some attributes",
    "0110": "it had the end from an earlier try",
    "0111": "it had it from an earlier try",
    "0116": "taken, a value out of range",
}


def performed_mark(step: PerformedStepView, now: datetime) -> Mark:
    """How far a performed step has come."""
    if step.state == "open":
        return Mark(Tone.BUSY, "In progress", f"since {clock_text(step.started_at, now)}")
    if step.state == "closing":
        return Mark(Tone.BUSY, "Ending", "its last pictures are awaited")
    ended = clock_text(step.ended_at, now) if step.ended_at else ""
    if step.outcome == "completed":
        return Mark(Tone.SAFE, "Completed", ended)
    return Mark(Tone.ATTENTION, "Discontinued", reason_words(step.reason))


def reason_words(code: str) -> str:
    """A reason for discontinuing with its code (CID 9300)."""
    return f"{DISCONTINUATION_REASONS.get(code, 'unknown reason')} ({code})"


def report_mark(report: ReportView, now: datetime, silent_since: Mapping[str, datetime] = _NOBODY) -> Mark:
    """What became of one report to one peer; `silent_since` names the peers whose link is down."""
    if report.state == "done":
        answer = f"{_ANSWERS.get(report.status, 'taken')} ({report.status})"
        return Mark(Tone.SAFE, _TOLD[report.kind], f"{when(report.since, now)}, {answer}")
    word = _NOT_TOLD[report.kind]
    if report.state == "parked":
        return Mark(Tone.DANGER, word, f"stopped {when(report.since, now)}")
    if report.error:
        return Mark(Tone.ATTENTION, word, f"tried {count(report.attempts, 'time')}")
    if report.peer in silent_since:
        return Mark(Tone.ATTENTION, word, f"link down since {clock_text(silent_since[report.peer], now)}")
    return Mark(Tone.BUSY, word, "its turn comes")


def silent_peers(issues: Iterable[IssueView]) -> dict[str, datetime]:
    """The peers of performed steps whose link is down, and since when, by what stands as an issue."""
    start, end = "mpps.", ".link"
    keys = {issue.key: issue.since for issue in issues}
    return {
        key[len(start) : -len(end)]: since for key, since in keys.items() if key.startswith(start) and key.endswith(end)
    }


def report_trouble(report: ReportView) -> Trouble | None:
    """What stands in the way of a report; None when nothing does."""
    if report.state == "done" or not report.error:
        return None
    code = f" ({report.status})" if report.status and report.status not in report.error else ""
    if report.state == "parked":
        box = "The gateway does not try again by itself. Pictures are not affected."
        return Trouble(Tone.DANGER, f"{report.error}{code}", "answer of the RIS", box, report.remedy)
    box = "The gateway keeps trying. Pictures are not affected."
    return Trouble(Tone.ATTENTION, f"{report.error}{code}", layer_word("connect"), box, report.remedy)


def performed_verdict(
    unfinished: Sequence[PerformedStepView], silent_since: Mapping[str, datetime] = _NOBODY
) -> Verdict:
    """Does the RIS know what was done?"""
    reports = [report for step in unfinished for report in step.reports]
    parked = sum(report.state == "parked" for report in reports)
    pending = [report for report in reports if report.state == "pending"]
    waiting = listed(sorted({report.peer for report in pending if report.error or report.peer in silent_since}))
    going_on = sum(step.state == "open" for step in unfinished)
    if parked:
        sentence = f"{count(parked, 'report')} stopped. Pictures are not affected."
        return Verdict(Tone.DANGER, sentence, "Read the answer below, then try again.")
    if waiting:
        more = "Every report is kept and told in its order. Pictures are not affected."
        return Verdict(Tone.ATTENTION, f"Reports wait for {waiting}.", more)
    if going_on:
        return Verdict(Tone.BUSY, f"{count(going_on, 'examination')} in progress.")
    if unfinished:
        return Verdict(Tone.BUSY, "The end of an examination is being told.")
    return Verdict(Tone.SAFE, "Whatever was done was told.")
