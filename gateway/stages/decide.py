"""Whom an acquisition belongs to: the device's rules applied to its hints and the steps that may be meant."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gateway.domain.acquisition import Hint
from gateway.domain.objects import LocalStudy, ObjectProfile
from gateway.domain.procedure import Hold, Match, MatchRule, Step
from gateway.stages.encoding import EncodingPolicy, LossyChoice
from gateway.worklist.local_matching import belongs
from gateway.worklist.matching import match
from gateway.worklist.ranking import candidates

EXACT_RULES = frozenset({MatchRule.ACCESSION_NUMBER, MatchRule.PATIENT_ID})
"""The rules that name the order or the patient; the others go by circumstance."""


@dataclass(frozen=True, slots=True)
class StepFilter:
    """Which steps may belong to a device at all; an empty set stands for all."""

    providers: frozenset[str] = frozenset()
    station_ae_titles: frozenset[str] = frozenset()
    modalities: frozenset[str] = frozenset()

    def lets_through(self, step: Step) -> bool:
        """Whether a step may belong to the device."""
        asked = (
            (self.providers, {step.key.provider}),
            (self.station_ae_titles, set(step.station_ae_title.split("\\"))),
            (self.modalities, {step.modality}),
        )
        return all(not wanted or wanted & offered for wanted, offered in asked)


@dataclass(frozen=True, slots=True)
class DeviceRules:
    """What the configuration says about the acquisitions of one device."""

    profile: ObjectProfile
    rules: tuple[MatchRule, ...]
    window_before: timedelta
    window_after: timedelta
    steps: StepFilter
    encoding: EncodingPolicy
    lossy: LossyChoice | None
    max_pixels: int
    performed_step_peers: tuple[str, ...] = ()
    clock_tolerance: timedelta = timedelta()
    encoding_for: Mapping[str, EncodingPolicy] = field(default_factory=dict)
    """By destination, where the device leaves the compression to whom its objects are owed."""


def decide(
    device: DeviceRules,
    *,
    hints: Sequence[Hint],
    known: Iterable[Step],
    active: Step | None,
    captured_at: datetime,
    exact_only: bool,
    recorded_at: datetime | None = None,
) -> tuple[Match, Step] | Hold:
    """Tie an acquisition to one step, or say why a person must.

    `exact_only` is for acquisitions that were held before: a step that appeared after the capture must not catch an
    earlier patient's picture by its time alone.
    """
    opened = None if active is None else active.key  # what the worklist says of it now counts, filter or not
    steps = [step for step in known if step.key == opened or device.steps.lets_through(step)]
    rules = tuple(rule for rule in device.rules if rule in EXACT_RULES) if exact_only else device.rules
    verdict = match(
        hints=hints,
        steps=steps,
        active=active,
        rules=rules,
        captured_at=captured_at,
        modality=device.profile.modality,
        window_before_s=device.window_before.total_seconds(),
        window_after_s=device.window_after.total_seconds(),
        recorded_at=recorded_at,
        clock_tolerance_s=device.clock_tolerance.total_seconds(),
    )
    if isinstance(verdict, Hold):
        return verdict
    open_too = [*steps, active] if active is not None else steps
    return verdict, next(step for step in open_too if step.key == verdict.step)


def decide_locally(
    device: DeviceRules,
    *,
    hints: Sequence[Hint],
    study: LocalStudy,
    known: Iterable[Step],
    captured_at: datetime,
    decided: bool,
) -> str | Hold:
    """Why an acquisition belongs to the unscheduled patient who was open, or why a person must look at it.

    `decided` is for acquisitions that were held before: what was doubted once is for a person, whatever was said since.
    """
    verdict = belongs(hints, study, device.rules)
    if isinstance(verdict, str) and not decided:
        return verdict
    hold = verdict if isinstance(verdict, Hold) else Hold("It was held before and waits for a person.", "")
    steps = [step for step in known if device.steps.lets_through(step)]
    ranked = candidates(
        hints=hints, steps=steps, active=None, captured_at=captured_at, modality=device.profile.modality
    )
    return replace(hold, candidates=ranked)


def hold_twin(verdict: tuple[Match, Step] | Hold, original: int) -> Hold:
    """Hold what has the bytes of acquisition `original` but names somebody else: one of the two may be wrong."""
    candidates = verdict.candidates if isinstance(verdict, Hold) else (verdict[0].step,)
    return Hold(
        f"The same bytes came before as acquisition {original}, and the device named another patient or order then.",
        f"Compare it with acquisition {original}. Assign it if it is another patient's picture, else discard it.",
        candidates,
    )
