"""Performed steps on the assembling side: begun with the first object, closed by rule, their reports owed and watched.

Nothing here ever stops an object: where no peer is configured nothing happens, and what is owed waits for forward.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.acquisition import Acquisition
from gateway.domain.identifiers import mint_uid
from gateway.domain.objects import LocalStudy, ObjectProfile, Station
from gateway.domain.performed_case import PerformedCase
from gateway.domain.performed_step import PerformedStep
from gateway.domain.procedure import Step
from gateway.objects.performed_step import create_dataset, main_modality, performed_description, protocol_name
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.spool.performed_reports import PerformedReportLedger
from gateway.spool.performed_steps import ClosingRules, PerformedStepLedger
from gateway.stages.build import Subject
from gateway.stages.decide import DeviceRules

_ID_DIGITS = 3
_OFTEN = 5
_OF_A_REMOVED_DEVICE = ClosingRules(complete_after=timedelta(minutes=30), settle=timedelta(seconds=15))
"""A device may leave the configuration while one of its steps is in progress; that step ends all the same."""


class Performing:
    """Lets each acquisition join its performed step before its object is built."""

    def __init__(self, station: Station, ledger: PerformedStepLedger) -> None:
        self._station = station
        self._ledger = ledger

    def begin(
        self, acquisition: Acquisition, device: DeviceRules, about: Subject, study_uid: str, sop_class_uid: str
    ) -> tuple[int | None, PerformedStep | None]:
        """Number and identity of the performed step; nothing where none is reported.

        Raises
        ------
        InvalidObject
            The identity of patient or order fits no message; it would fit no object either.
        """
        if not device.performed_step_peers:
            return None, None
        case = new_case(
            self._station, device.profile, about.subject, study_uid, about.captured_at, sop_class_uid=sop_class_uid
        )
        create_dataset(case)  # what cannot be said must be known before it is promised
        number, case = self._ledger.begin(
            acquisition.id, case, peers=device.performed_step_peers, captured_at=about.captured_at
        )
        return number, case.performed


def new_case(
    station: Station,
    profile: ObjectProfile,
    subject: Step | LocalStudy,
    study_uid: str,
    captured_at: datetime,
    *,
    sop_class_uid: str,
) -> PerformedCase:
    """A performed step that begins with an acquisition of `captured_at`; its UID and its ID are new."""
    performed = PerformedStep(
        sop_instance_uid=(minted := mint_uid()),
        # readable, and told apart from that of another box that began at the same second: 16 characters, VR SH
        id=f"{captured_at:%y%m%d%H%M%S}-{minted[-_ID_DIGITS:]}",
        started_at=captured_at,
        description=performed_description(subject),
        protocol_name=protocol_name(subject, profile),
    )
    return PerformedCase(
        performed=performed,
        subject=subject,
        study_instance_uid=study_uid,
        study_started_at=captured_at,
        station=station,
        modality=main_modality(profile, sop_class_uid),
        series_description=profile.series_description,
    )


@dataclass(frozen=True, slots=True)
class PerformingRules:
    """Which devices report performed steps and when those end; which peers are configured."""

    devices: Mapping[str, ClosingRules]
    peers: Sequence[str]


class CloseStepsStage:
    """The work of the loop that ends performed steps."""

    def __init__(
        self,
        *,
        rules: PerformingRules,
        steps: PerformedStepLedger,
        reports: PerformedReportLedger,
        health: HealthLedger,
        monotonic: Callable[[], float],
        every_s: float = 2.0,
    ) -> None:
        self._rules = rules
        self._steps = steps
        self._reports = reports
        self._health = health
        self._monotonic = monotonic
        self._every_s = every_s
        self._due = float("-inf")

    def round(self) -> float:
        """One look when it is time: each commit of another role wakes the loop."""
        left = self._due - self._monotonic()
        if left > 0:
            return left
        for device in self._steps.unfinished_devices():
            rules = self._rules.devices.get(device, _OF_A_REMOVED_DEVICE)
            self._steps.close_left(device, rules)
            self._steps.finish_closing(device, rules)
        self._health.settle("performed.", self._issues())
        self._due = self._monotonic() + self._every_s
        return self._every_s

    def close(self) -> None:
        """Nothing to release."""

    def _issues(self) -> dict[str, StandingIssue]:
        parked, orphans = self._reports.needing_people(self._rules.peers)
        found: dict[str, StandingIssue] = {}
        if parked:
            found["performed.parked"] = StandingIssue(
                "attention",
                f"{parked} report(s) of performed steps are parked. Images are not affected.",
                "Run gateway step list, follow the remedy shown there, then gateway step retry.",
            )
        refused = self._reports.refused_often(_OFTEN)
        if refused:
            found["performed.refused"] = StandingIssue(
                "attention",
                f"{refused} report(s) of performed steps are refused again and again. Images are not affected.",
                "The gateway keeps trying. gateway step list shows the answer; tell the administrator of the peer.",
            )
        for name, count in orphans.items():
            found[f"performed.orphan.{name}"] = StandingIssue(
                "attention",
                f"{count} report(s) of performed steps are owed to {name}, which is no longer configured.",
                f"Configure the mpps peer {name} again.",
            )
        return found
