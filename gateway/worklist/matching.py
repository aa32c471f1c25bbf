"""Which step an acquisition belongs to: one that fits beyond doubt, or a hold with the reason in words.

The wrong patient is the worst fault. So: several steps that fit are a hold; a hint that fits no step is a hold and
never gives way to a weaker rule; a step that a hint contradicts is never chosen; nor one of another patient than
the operator has open; nor one whose worklist answer was faulty; nor one beside which another looks alike or fits
better.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from gateway.domain.acquisition import Hint, HintKind, hint_values
from gateway.domain.procedure import Hold, Match, MatchRule, Step
from gateway.worklist.agreement import NAMES, agreements, contradictions, describe, disagreement_among
from gateway.worklist.device_clock import clock_doubt
from gateway.worklist.doubts import looking_alike, same_patient, somebody_fits_better
from gateway.worklist.ranking import candidates, with_active

_REMEDY = "Assign it to the right step, or send it as unscheduled."


@dataclass(frozen=True, slots=True)
class Window:
    """Which scheduled steps are near in time: those that start at most `after_s` ago or `before_s` ahead."""

    before_s: float
    after_s: float

    def holds(self, step: Step, captured_at: datetime) -> bool:
        """Whether `captured_at` lies near the start of `step`; false if the start is unknown."""
        if step.start is None:
            return False
        # in UTC: two times of one zone would be compared by the wall clock, which daylight saving turns
        late = captured_at.astimezone(UTC) - step.start.astimezone(UTC)
        return -timedelta(seconds=self.before_s) <= late <= timedelta(seconds=self.after_s)


def match(
    *,
    hints: Sequence[Hint],
    steps: Sequence[Step],
    active: Step | None,
    rules: Sequence[MatchRule],
    captured_at: datetime,
    modality: str = "",
    station_ae_titles: Sequence[str] = (),
    window_before_s: float = 3600.0,
    window_after_s: float = 7200.0,
    recorded_at: datetime | None = None,
    clock_tolerance_s: float = 0.0,
) -> Match | Hold:
    """Tie an acquisition to a step, or say why a person must.

    Parameters
    ----------
    hints
        What was found with the acquisition.
    steps
        The cached worklist, faulty answers included: an unusable step is never chosen, but it counts as one that
        might be meant.
    active
        The step that the operator has open on this device; it need not be among `steps`.
    rules
        The rules of the device profile, in order. The first one that has something to go by decides.
    captured_at
        Aware.
    modality, station_ae_titles
        Restrict `MatchRule.SINGLE_IN_WINDOW` (and rank candidates); empty ones do not.
    window_before_s, window_after_s
        A step fits if it starts at most `window_before_s` after, or `window_after_s` before the capture.
    recorded_at, clock_tolerance_s
        When this box took it by its own clock, and how far the device's own date may be from that; see `clock_doubt`.

    Returns
    -------
    Match or Hold
        The reason may hold ids, accession numbers and hint origins, but no name and no birth date.

    Raises
    ------
    ValueError
        If `rules` names a rule that is not for a program to apply (OPERATOR, UNSCHEDULED).
    """
    case = _Case(
        identifying=tuple(hint for hint in hints if hint.kind in NAMES and hint.value.strip()),
        steps=with_active(steps, active),
        active=active,
        rules=tuple(rules),
        captured_at=captured_at,
        modality=modality,
        stations=frozenset(station_ae_titles),
        window=Window(window_before_s, window_after_s),
        clock=clock_doubt(hints, recorded_at, clock_tolerance_s),
    )
    foreign = [rule.value for rule in rules if rule not in _FINDERS]
    if foreign:
        raise ValueError(f"{', '.join(foreign)} cannot be applied by a program")
    return case.decide()


@dataclass(frozen=True, slots=True)
class _Case:
    """One question, with everything that is known about it."""

    identifying: tuple[Hint, ...]
    steps: tuple[Step, ...]
    active: Step | None
    rules: tuple[MatchRule, ...]
    captured_at: datetime
    modality: str
    stations: frozenset[str]
    window: Window
    clock: str = ""

    def decide(self) -> Match | Hold:
        quarrel = disagreement_among(self.identifying)
        if quarrel:
            return self.hold(quarrel, self.steps)
        if self.clock:
            held = self.hold(f"The clock of the device is far off: {self.clock}.", self.steps)
            return Hold(held.reason, f"Set the device's clock. {_REMEDY}", held.candidates)
        for rule in self.rules:
            decision = _FINDERS[rule](self)
            if decision is not None:
                return decision
        return self.hold(self._nothing_fits(), self.steps)

    def by_accession_number(self) -> Match | Hold | None:
        values = hint_values(self.identifying, HintKind.ACCESSION_NUMBER)
        if not values:
            return None
        found = [step for step in self.steps if step.accession_number == values[0]]
        return self._choose(MatchRule.ACCESSION_NUMBER, found, self._named(HintKind.ACCESSION_NUMBER))

    def by_patient_id(self) -> Match | Hold | None:
        values = hint_values(self.identifying, HintKind.PATIENT_ID)
        if not values:
            return None
        found = [step for step in self.steps if step.patient.patient_id == values[0]]
        return self._choose(MatchRule.PATIENT_ID, found, self._named(HintKind.PATIENT_ID))

    def by_active_step(self) -> Match | Hold | None:
        if self.active is None:
            return None
        return self._choose(MatchRule.ACTIVE_STEP, [self.active], "the step that the operator opened")

    def by_window(self) -> Match | Hold | None:
        near = [step for step in self.steps if self._may_be_meant_now(step)]
        if not near:
            return None
        if len(near) > 1:
            return self.hold(f"{len(near)} steps of this station fit the time of the capture.", near)
        if near[0].start is None:
            return self.hold("The only step of this station has no usable start time.", near)
        if self.active is not None and self.active.key != near[0].key:
            return self.hold("The operator has another step open than the one that fits the time.", self.steps)
        return self._choose(MatchRule.SINGLE_IN_WINDOW, near, "the only step of this station near this time")

    def hold(self, reason: str, among: Sequence[Step]) -> Hold:
        ranked = candidates(
            hints=self.identifying,
            steps=among,
            active=self.active,
            captured_at=self.captured_at,
            modality=self.modality,
        )
        return Hold(reason, _REMEDY, ranked)

    def _choose(self, rule: MatchRule, found: Sequence[Step], by: str) -> Match | Hold:
        """The one step of `found` that nothing speaks against, or why there is no such one."""
        if not found:
            return self.hold(f"No step of the worklist has the {by}.", self.steps)
        fitting = [step for step in found if not contradictions(self.identifying, step)]
        if not fitting:
            against = contradictions(self.identifying, found[0])
            return self.hold(f"Found by {by}, but {against[0].text}.", self.steps)
        if len(fitting) > 1:
            return self._several(fitting, by)
        return self._accept(rule, fitting[0], by)

    def _several(self, fitting: Sequence[Step], by: str) -> Match | Hold:
        opened = [step for step in fitting if self.active is not None and step.key == self.active.key]
        one_patient = all(step.usable and same_patient(step, fitting[0]) for step in fitting)
        if len(opened) == 1 and one_patient and MatchRule.ACTIVE_STEP in self.rules:
            return self._accept(MatchRule.ACTIVE_STEP, opened[0], f"{by}, of whose steps the operator opened this one")
        patients = "" if one_patient else " of different or unclear patients"
        return self.hold(f"{len(fitting)} steps{patients} fit by {by}.", fitting)

    def _accept(self, rule: MatchRule, step: Step, by: str) -> Match | Hold:
        spoilt = next((one for one in (step, *self.steps) if one.key == step.key and not one.usable), None)
        if spoilt is not None:
            since = "" if spoilt is step else " any more"
            why = spoilt.faults[0] if spoilt.faults else "It is faulty."
            return self.hold(f"The step found by {by} cannot be used{since}: {why}", self.steps)
        if step.doubtful or any(other.key == step.key and other.doubtful for other in self.steps):
            why = next((other.faults[0] for other in self.steps if other.key == step.key and other.faults), "")
            return self.hold(f"The step found by {by} is in doubt: {why}".rstrip(": "), self.steps)
        if self.active is not None and not same_patient(self.active, step):
            return self.hold(f"Found by {by}, but the operator has a step of another patient open.", self.steps)
        if any(other.key == step.key and not same_patient(other, step) for other in self.steps):
            return self.hold("The worklist has given the open step to another patient since it was opened.", self.steps)
        doubt = self._doubt(step)
        if doubt:
            return self.hold(f"Found by {by}, but {doubt}.", self.steps)
        agreed = [NAMES[kind] for kind in agreements(self.identifying, step) if NAMES[kind] not in by]
        also = f"; also agreeing: {', '.join(agreed)}" if agreed else ""
        return Match(step.key, rule, f"Found by {by}{also}.")

    def _doubt(self, step: Step) -> str:
        """Why a step that fits may still be the wrong one; one that the operator opened is not told by its id alone."""
        if self.active is None or self.active.key != step.key:
            alike = looking_alike(self.identifying, step, self.steps)
            if alike is not None:
                return f"the {NAMES[alike]} of another step looks like it (zeros, case or blanks)"
        better = somebody_fits_better(self.identifying, step, self.steps)
        return "" if better is None else f"the {NAMES[better]} fits a step of another patient better"

    def _named(self, kind: HintKind) -> str:
        return describe(next(hint for hint in self.identifying if hint.kind is kind))

    def _may_be_meant_now(self, step: Step) -> bool:
        if self.modality and step.modality and step.modality != self.modality:
            return False
        titles = frozenset(step.station_ae_title.split("\\")) - {""}
        if self.stations and titles and not titles & self.stations:
            return False
        return step.start is None or self.window.holds(step, self.captured_at)

    def _nothing_fits(self) -> str:
        if self.identifying:
            named = ", ".join(dict.fromkeys(NAMES[hint.kind] for hint in self.identifying))
            return f"It came with {named}, but no rule of the device profile finds a step by that."
        return "Nothing says which patient it belongs to: no hint, and no step is open."


_FINDERS: Mapping[MatchRule, Callable[[_Case], Match | Hold | None]] = MappingProxyType(
    {
        MatchRule.ACCESSION_NUMBER: _Case.by_accession_number,
        MatchRule.PATIENT_ID: _Case.by_patient_id,
        MatchRule.ACTIVE_STEP: _Case.by_active_step,
        MatchRule.SINGLE_IN_WINDOW: _Case.by_window,
    }
)
