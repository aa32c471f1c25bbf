"""What rooms need of one another without knowing one another: the page's view of ledger and requests."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from gateway.domain.procedure import StepKey
from gateway.domain.requests import RequestKind
from gateway.domain.views import (
    AcceptingView,
    AcquisitionView,
    BeatView,
    CountsView,
    DestinationView,
    DeviceView,
    IssueView,
    PerformedStepView,
    ProviderView,
    RecentPatientView,
    RequestView,
    StepView,
)


class StatusReader(Protocol):
    """Reads the ledger for people; every call is one short read transaction."""

    def counts(self) -> CountsView:
        """Counts for the verdict sentence."""
        ...

    def acquisitions(self, *, state: str = "", limit: int = 50, before: int = 0) -> Sequence[AcquisitionView]:
        """Newest first; only `state` (an acquisition state or ``undelivered``) and ids below `before` if given."""
        ...

    def acquisition(self, number: int) -> AcquisitionView | None:
        """One acquisition, None if there is none of that number."""
        ...

    def thumbnail(self, number: int) -> Path | None:
        """The JPEG thumbnail file of an acquisition, None while there is none."""
        ...

    def steps(self, *, search: str = "", limit: int = 200) -> Sequence[StepView]:
        """Cached worklist steps by start time; `search` filters by name, id or accession number."""
        ...

    def step(self, number: int) -> StepView | None:
        """One cached step."""
        ...

    def step_of(self, keys: Sequence[StepKey]) -> Sequence[StepView]:
        """The cached steps of these `StepKey` values, in their order; vanished ones that are gone are left out."""
        ...

    def providers(self) -> Sequence[ProviderView]:
        """Worklist providers in configured order."""
        ...

    def destinations(self) -> Sequence[DestinationView]:
        """Destinations in configured order."""
        ...

    def accepted(self, destination: str) -> AcceptingView:
        """What a destination said that it accepts, and what its refusals cost."""
        ...

    def devices(self) -> Sequence[DeviceView]:
        """Devices in configured order."""
        ...

    def recent_patient(
        self, device: str, *, step: int | None = None, local_study: int | None = None, patient_id: str = ""
    ) -> RecentPatientView | None:
        """Whose pictures came a moment ago, so that the ledger asks before another is opened; None if it does not.

        The one who is to be opened is a step, a local study, somebody whose id was typed, or nobody that is known.
        """
        ...

    def performed_steps(self, *, unfinished: bool = False, limit: int = 100) -> Sequence[PerformedStepView]:
        """Newest first; with `unfinished` only those in progress or with a report that no peer has taken yet."""
        ...

    def issues(self) -> Sequence[IssueView]:
        """Standing issues, worst first."""
        ...

    def beats(self) -> Sequence[BeatView]:
        """Last beat of every loop."""
        ...

    def request(self, request_id: str) -> RequestView | None:
        """A filed request and its outcome; None while no role has seen it."""
        ...


class RequestDesk(Protocol):
    """Takes requests of people."""

    def file(self, kind: RequestKind, payload: Mapping[str, str], *, by: str) -> str:
        """File a request durably and return its id."""
        ...


class Clock(Protocol):
    """Tells the time, so that tests can set it."""

    def now(self) -> datetime:
        """The current moment, aware, in the station's time zone."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...
