"""Keeps the worklist cache fresh: one loop a provider, its faults shown, its age honest; and looks one patient up."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, tzinfo
from types import MappingProxyType

from gateway.dimse.find import WorklistAnswers, find_worklist
from gateway.dimse.peer import Peer
from gateway.domain.errors import GatewayError
from gateway.domain.ports import Clock
from gateway.domain.procedure import Step
from gateway.domain.sent import SentRound
from gateway.spool.acquisitions import AcquisitionLedger
from gateway.spool.answers import AnswerLedger
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.spool.steps import KEEP_DAYS, StepLedger
from gateway.stages.beat import Beat
from gateway.worklist.gathering import Gathering, Reading
from gateway.worklist.merging import merged
from gateway.worklist.query import WorklistFilter, admits, query_identifiers

_log = logging.getLogger(__name__)
_BROAD = "the list of the configured days"
_ASKED_BY: Mapping[str, str] = MappingProxyType(
    {
        "patient_id": "patient ID",
        "accession_number": "accession number",
        "requested_procedure_id": "procedure ID",
        "patient_name": "name",
    }
)


@dataclass(frozen=True, slots=True)
class ProviderRules:
    """What the configuration says about one worklist provider; `zone` is that of its dates and times."""

    peer: Peer
    refresh_s: float
    wanted: WorklistFilter
    assumed_character_set: str
    max_answers: int
    within_s: float = 120.0
    keep_days: int = KEEP_DAYS
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a provider answered to one question: the steps that were asked for, and why they may not be all."""

    steps: tuple[Step, ...]
    complete: bool
    note: str
    fault: GatewayError | None


class RefreshStage:
    """The work of one provider's loop; `ask` and `look_up` are also what people's requests call."""

    def __init__(
        self,
        *,
        rules: ProviderRules,
        steps: StepLedger,
        answers: AnswerLedger,
        acquisitions: AcquisitionLedger,
        health: HealthLedger,
        clock: Clock,
        beat: Beat,
    ) -> None:
        self._rules = rules
        self._name = rules.peer.name
        self._steps = steps
        self._answers = answers
        self._acquisitions = acquisitions
        self._health = health
        self._clock = clock
        self._beat = beat
        self._due = float("-inf")

    def round(self) -> float:
        """Ask when it is time; a provider that does not answer keeps its cache and shows why."""
        left = self._due - self._clock.monotonic()
        if left > 0:
            return left
        self._due = self._clock.monotonic() + self._rules.refresh_s
        try:
            self.ask()
        except GatewayError as fault:
            _log.warning("worklist=%s phase=%s error=%s", self._name, fault.phase.value, fault.message)
        return self._rules.refresh_s

    def close(self) -> None:
        """Nothing to release."""

    def ask(self) -> int:
        """Query the provider, take its answer over and return the number of steps; raises what went wrong."""
        prefix = f"worklist.{self._name}."
        try:
            heard, sent, bodies = self._query(self._rules.wanted, _BROAD)
        except GatewayError as fault:
            self._steps.failed(self._name, fault)
            self._health.settle(prefix, {f"{prefix}link": StandingIssue("attention", fault.message, fault.remedy)})
            raise
        self._answers.keep(sent, bodies)
        changed = self._steps.answered(
            self._name,
            heard.steps,
            complete=heard.complete,
            keep_days=self._rules.keep_days,
            covers=lambda step: admits(self._rules.wanted, step, self._today(), self._zone()),
        )
        self._health.settle(prefix, self._issues(prefix, heard))
        _log.info("worklist=%s steps=%d changed=%s", self._name, len(heard.steps), "yes" if changed else "no")
        if changed:
            self._acquisitions.look_again_at_holds()
        if heard.fault is not None:
            self._steps.failed(self._name, heard.fault)
            raise heard.fault
        return len(heard.steps)

    def look_up(self, wanted: WorklistFilter) -> tuple[tuple[Step, ...], str]:
        """Ask for one patient or order, whatever the broad query covers; the steps, and why they may not be all.

        The answer is taken over into the cache, and nothing is concluded about any other step.
        """
        heard, sent, bodies = self._query(replace(wanted, days_back=None, days_ahead=None), _asked_by(wanted))
        self._answers.keep_look_up(sent, bodies)
        if self._steps.looked_up(self._name, heard.steps):
            self._acquisitions.look_again_at_holds()
        _log.info("worklist=%s looked_up=%d", self._name, len(heard.steps))
        return heard.steps, heard.note

    def _query(self, wanted: WorklistFilter, asked: str) -> tuple[_Heard, SentRound, Sequence[bytes]]:
        """All answers to all queries of this provider, one step a key; and as they came, for people to see."""
        answers = find_worklist(
            self._rules.peer,
            query_identifiers(wanted, self._today()),
            limit=self._rules.max_answers,
            within_s=self._rules.within_s,
            beat=self._beat,
        )
        station = self._clock.now().tzinfo or UTC
        gathering = Gathering(Reading(self._name, station, self._rules.assumed_character_set, self._rules.zone))
        found = merged(
            step for step in gathering.steps(answers.each()) if admits(wanted, step, self._today(), self._zone())
        )
        note = _note(answers)
        shown, bodies = gathering.shown()
        now, came = self._clock.now(), len(answers.raw)
        sent = SentRound(self._name, now, asked, came, answers.complete, note, shown, gathering.preview())
        return _Heard(found, answers.complete, note, answers.fault), sent, bodies

    def _zone(self) -> tzinfo:
        return self._rules.zone or self._clock.now().tzinfo or UTC

    def _today(self) -> date:
        """The provider's day."""
        return self._clock.now().astimezone(self._zone()).date()

    def _issues(self, prefix: str, heard: _Heard) -> dict[str, StandingIssue]:
        """Issues about an answer that came: entries that cannot be used or are in doubt, and an answer in part."""
        found: dict[str, StandingIssue] = {}
        if count := sum(not step.usable for step in heard.steps):
            text = f"{count} worklist entry(ies) of this provider cannot be used."
            found[f"{prefix}unusable"] = StandingIssue("attention", text, "The worklist page names the fault of each.")
        doubted, in_use = self._steps.doubts(self._name)
        if doubted:
            text = f"{doubted} worklist entry(ies) of this provider changed patient or share an accession number"
            text += f"; {in_use} of them have pictures already." if in_use else "."
            remedy = "Compare each on the worklist page and accept it if it is right; until then no picture goes there."
            found[f"{prefix}doubted"] = StandingIssue("danger" if in_use else "attention", text, remedy)
        if heard.note:
            found[f"{prefix}cut"] = StandingIssue(
                "attention",
                f"The worklist answer of {self._name} may not be all: {heard.note}.",
                "Nothing is taken off the list for it. Narrow the query by station_ae_titles, modalities or days, or"
                " raise max_answers or max_answer_s; single patients can be looked up.",
            )
        return found


def _asked_by(wanted: WorklistFilter) -> str:
    """What was looked up, in words that a person knows it again by."""
    by = (f"{word} {value}" for key, word in _ASKED_BY.items() if (value := getattr(wanted, key)))
    return f"one patient or order, by {' and '.join(by)}"


def _note(answers: WorklistAnswers) -> str:
    """Why the answers may not be all, in words; empty if they are."""
    parts = [answers.cut] if answers.cut else []
    if answers.fault is not None:
        parts.append(f"it broke off ({answers.fault.message.rstrip('.')})")
    if answers.unreadable:
        parts.append(f"{answers.unreadable} of its answers cannot be read")
    return ", and ".join(parts)
