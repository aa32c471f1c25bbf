"""Looks whether orders have turned up for what was sent without one, and says so; deciding is for a person."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from gateway.domain.counting import counted
from gateway.spool.health import StandingIssue
from gateway.spool.reconciliations import NewSuggestion, ReconciliationLedger, WaitingStudy
from gateway.worklist.reconciliation import LocalCase, suggest
from gateway.worklist.unsuggested import why_unsuggested


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Of which modality the objects of a device are, and the station AE titles that are hers; empty: any."""

    modality: str
    station_ae_titles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ReconcileRules:
    """For how long orders are looked for, how near an order must be, and what each device makes."""

    unknown_name: str
    look_for: timedelta
    order_within: timedelta
    devices: Mapping[str, Whereabouts] = field(default_factory=dict)


class Reconciler:
    """What housekeeping does for local studies in each of its rounds."""

    def __init__(self, ledger: ReconciliationLedger, rules: ReconcileRules) -> None:
        self._ledger = ledger
        self._rules = rules
        self._compared: dict[int, WaitingStudy] = {}
        self._steps = ""

    def look(self) -> None:
        """Compare each local study that waits with the cached worklist, where either has changed."""
        self._ledger.give_up(self._rules.look_for)
        waiting = self._ledger.waiting(self._rules.look_for)
        if not waiting:
            self._compared = {}
            return
        read_steps, digest = self._ledger.steps()
        known = self._compared if digest == self._steps else {}
        self._compared, self._steps = {one.number: one for one in waiting}, digest
        changed = [one for one in waiting if known.get(one.number) != one]
        steps = read_steps() if changed else []
        for one in changed:
            case, within = self._case(one), self._rules.order_within
            found = suggest(case, steps, order_within=within)
            why = "" if found else why_unsuggested(case, steps, order_within=within)
            self._ledger.suggest(one.number, [NewSuggestion(s.step, s.ground.value, s.reason) for s in found], why)

    def _case(self, one: WaitingStudy) -> LocalCase:
        known = [self._rules.devices[name] for name in one.devices if name in self._rules.devices]
        modalities = {place.modality for place in known}
        stations = [place.station_ae_titles for place in known]
        patient = one.study.patient
        nameless = patient.name == self._rules.unknown_name
        return LocalCase(
            patient=replace(patient, name="") if nameless else patient,
            given=one.given,
            begun_at=one.begun_at,
            ended_at=one.ended_at,
            age=one.study.age,
            accession_number=one.study.accession_number,
            hints=one.hints,
            modality=modalities.pop() if len(modalities) == 1 else "",
            station_ae_titles=frozenset[str]().union(*stations) if all(stations) else frozenset(),
        )

    def issues(self) -> dict[str, StandingIssue]:
        """What waits for a person."""
        studies, notices = self._ledger.needing_people()
        found: dict[str, StandingIssue] = {}
        if studies:
            found["house.reconcile"] = StandingIssue(
                "attention",
                f"Orders have turned up that may be those of {counted(studies, 'study', 'studies')} sent without one.",
                "Open To reconcile on the Holds page (gateway reconcile list), and confirm or refuse.",
            )
        if notices:
            found["house.notices"] = StandingIssue(
                "attention",
                f"{counted(notices, 'notice', 'notices')} for PACS administrators: identities to change by hand.",
                "gateway reconcile notices shows what is to be changed; mark each as done afterwards.",
            )
        return found
