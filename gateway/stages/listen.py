"""Takes commitment reports that peers bring over associations of their own."""

from collections.abc import Callable, Mapping
from typing import Protocol

from gateway.domain.commitment import ProofReport
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.ports import Clock
from gateway.spool.commitments import CommitmentLedger
from gateway.spool.database import LEDGER_FAULTS, Database
from gateway.spool.proof_outcomes import ProofPace
from gateway.stages.confirm import reporter


class Listens(Protocol):
    """What waits for calls."""

    def serve(self, wait_s: float) -> bool:
        """Wait for a call and see to it; whether one came."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...


class ListenStage:
    """The work of the loop that takes reports over associations of the peers' own."""

    def __init__(self, listener: Listens, *, wait_s: float = 1.0) -> None:
        self._listener = listener
        self._wait_s = wait_s

    def round(self) -> float:
        """Wait for a call; there is never a reason to rest."""
        self._listener.serve(self._wait_s)
        return 0.0

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()


def reporter_of_its_own(
    open_database: Callable[[], Database], clock: Clock, paces: Mapping[str, ProofPace]
) -> Callable[[ProofReport], None]:
    """As `reporter`, for a thread that has no ledger connection: it opens one for each report."""

    def take(report: ProofReport) -> None:
        try:
            database = open_database()
            try:
                reporter(CommitmentLedger(database, clock, paces))(report)
            finally:
                database.close()
        except LEDGER_FAULTS as fault:
            raise GatewayError(
                f"The ledger cannot take a commitment report: {type(fault).__name__}.",
                disposition=Disposition.RETRY,
                phase=Phase.COMMIT,
            ) from fault

    return take
