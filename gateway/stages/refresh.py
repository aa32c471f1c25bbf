"""Keeps the worklist cache fresh: one loop a provider, its faults shown, its age honest."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC

from gateway.dimse.find import find_worklist
from gateway.dimse.peer import Peer
from gateway.domain.errors import GatewayError
from gateway.domain.ports import Clock
from gateway.domain.procedure import Step
from gateway.spool.acquisitions import AcquisitionLedger
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.spool.steps import StepLedger
from gateway.stages.loop import Beat
from gateway.worklist.merging import merged
from gateway.worklist.query import WorklistFilter, admits, query_identifiers
from gateway.worklist.response import parse_response

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProviderRules:
    """What the configuration says about one worklist provider."""

    peer: Peer
    refresh_s: float
    wanted: WorklistFilter
    assumed_character_set: str
    max_answers: int


class RefreshStage:
    """The work of one provider's loop; `ask` is also what a person's refresh request calls."""

    def __init__(
        self,
        *,
        rules: ProviderRules,
        steps: StepLedger,
        acquisitions: AcquisitionLedger,
        health: HealthLedger,
        clock: Clock,
        beat: Beat,
    ) -> None:
        self._rules = rules
        self._name = rules.peer.name
        self._steps = steps
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
            steps, complete = self._query()
        except GatewayError as fault:
            self._steps.failed(self._name, fault)
            issue = StandingIssue("attention", fault.message, fault.remedy)
            self._health.settle(prefix, {f"{prefix}link": issue})
            raise
        changed = self._steps.answered(self._name, steps, complete=complete)
        self._health.settle(prefix, _doubts(prefix, steps, complete=complete))
        _log.info("worklist=%s steps=%d changed=%s", self._name, len(steps), "yes" if changed else "no")
        if changed:
            self._acquisitions.look_again_at_holds()
        return len(steps)

    def _query(self) -> tuple[list[Step], bool]:
        """All answers to all queries of this provider, one step a key, and whether they are all it has."""
        now = self._clock.now()
        zone = now.tzinfo or UTC
        wanted = self._rules.wanted
        answers = find_worklist(
            self._rules.peer,
            query_identifiers(wanted, now.date()),
            limit=self._rules.max_answers,
            beat=self._beat,
        )
        assumed = self._rules.assumed_character_set or None
        steps = (
            parse_response(answer, provider=self._name, zone=zone, assumed_character_set=assumed)
            for answer in answers.identifiers
        )
        wanted_steps = [step for step in steps if admits(wanted, step, now.date(), zone)]
        return list(merged(wanted_steps)), answers.complete


def _doubts(prefix: str, steps: Sequence[Step], *, complete: bool) -> dict[str, StandingIssue]:
    """Issues about an answer that came: entries that cannot be used, and an answer that was cut."""
    found: dict[str, StandingIssue] = {}
    if count := sum(not step.usable for step in steps):
        text = f"{count} worklist entry(ies) of this provider cannot be used."
        found[f"{prefix}unusable"] = StandingIssue("attention", text, "The worklist page names the fault of each.")
    if not complete:
        found[f"{prefix}cut"] = StandingIssue(
            "attention",
            "The worklist answer was longer than max_answers, or part of it could not be read.",
            "Narrow the query by station_ae_titles, modalities or days, or raise max_answers.",
        )
    return found
