"""One worklist provider's loop over a ledger."""

from dataclasses import replace

from gateway.dimse.peer import Peer, Timeouts
from gateway.domain.procedure import Step
from gateway.spool.answers import AnswerLedger
from gateway.stages.refresh import ProviderRules, RefreshStage
from gateway.worklist.query import WorklistFilter
from tests.support.ledger import TestSpool

_DAYS = WorklistFilter(days_back=1, days_ahead=1)


class ProviderLoop:
    """The loop of the provider HIS; `changes` are fields of its rules."""

    def __init__(
        self, spool: TestSpool, port: int, wanted: WorklistFilter = _DAYS, *, called: str = "RIS", **changes: object
    ) -> None:
        self.spool = spool
        self.answers = AnswerLedger(spool.database, spool.clock)
        peer = Peer("HIS", "127.0.0.1", port, called, "BOX", None, Timeouts(response_s=10))
        rules = ProviderRules(peer, 60, wanted, "", 2000)
        self.stage = RefreshStage(
            rules=replace(rules, **changes),  # type: ignore[arg-type]  # fields of the rules
            steps=spool.steps,
            answers=self.answers,
            acquisitions=spool.acquisitions,
            health=spool.health,
            clock=spool.clock,
            beat=lambda: None,
        )

    def steps(self) -> list[Step]:
        """What pictures of the device may be matched with."""
        return self.spool.steps.candidates("fundus")

    def known(self) -> dict[str, Step]:
        """The same by their ids."""
        return {step.key.step_id: step for step in self.steps()}

    def issue(self, name: str) -> str:
        """The text of a standing issue of the provider; empty if there is none of that name."""
        found = [one.text for one in self.spool.status.issues() if one.key == f"worklist.HIS.{name}"]
        return found[0] if found else ""
