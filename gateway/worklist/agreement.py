"""Whether what a device says of a patient or an order agrees with a step, contradicts it, or cannot tell."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from enum import Enum
from types import MappingProxyType

from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.procedure import Step
from gateway.worklist.values import normalised_sex, parse_date


class Verdict(Enum):
    """What one hint says about one step."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A hint that does not belong to a step: `text` for the operator, without names or birth dates."""

    kind: HintKind
    text: str


NAMES: Mapping[HintKind, str] = MappingProxyType(
    {
        HintKind.ACCESSION_NUMBER: "accession number",
        HintKind.PATIENT_ID: "patient id",
        HintKind.ISSUER_OF_PATIENT_ID: "issuer of the patient id",
        HintKind.REQUESTED_PROCEDURE_ID: "requested procedure id",
        HintKind.STUDY_INSTANCE_UID: "Study Instance UID",
        HintKind.PATIENT_NAME: "patient name",
        HintKind.BIRTH_DATE: "birth date",
        HintKind.SEX: "sex",
    }
)
"""The hints that tell patients and orders apart, in words."""
_SECRET = frozenset({HintKind.PATIENT_NAME, HintKind.BIRTH_DATE, HintKind.SEX})
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_DAY_AND_MONTH = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})")
_SHORTEST_PREFIX = 3
_SIMILAR = 0.8


def judge(hint: Hint, step: Step) -> Verdict:
    """What `hint` says about `step`; UNKNOWN where one side is silent or cannot be compared."""
    rule = _RULES.get(hint.kind)
    value = hint.value.strip()
    return Verdict.UNKNOWN if rule is None or not value else rule(value, step)


def contradictions(hints: Iterable[Hint], step: Step) -> tuple[Contradiction, ...]:
    """Every hint that contradicts `step`, in words that name its origin."""
    return tuple(Contradiction(hint.kind, _words(hint)) for hint in hints if judge(hint, step) is Verdict.CONTRADICTS)


def agreements(hints: Iterable[Hint], step: Step) -> tuple[HintKind, ...]:
    """The kinds of hints that agree with `step`."""
    return tuple(dict.fromkeys(hint.kind for hint in hints if judge(hint, step) is Verdict.AGREES))


def disagreement_among(hints: Sequence[Hint]) -> str:
    """A sentence if two hints of one identity kind say different things about the acquisition; else empty."""
    for kind, name in NAMES.items():
        found = [hint for hint in hints if hint.kind is kind and hint.value.strip()]
        for one in found:
            for other in found:
                if not _same(kind, one.value.strip(), other.value.strip()):
                    return f"Its own hints disagree about the {name}: {one.origin} and {other.origin} differ."
    return ""


def describe(hint: Hint) -> str:
    """A hint for the operator: its value only where that is no name, birth date or sex."""
    value = "" if hint.kind in _SECRET else f" {hint.value.strip()}"
    return f"{NAMES[hint.kind]}{value} ({hint.origin})"


def _words(hint: Hint) -> str:
    return f"the {describe(hint)} is not that of the step"


def _same(kind: HintKind, one: str, other: str) -> bool:
    if kind is HintKind.PATIENT_NAME:
        return names_verdict(one, other) is not Verdict.CONTRADICTS
    if kind is HintKind.BIRTH_DATE:
        first, second = _date_readings(one), _date_readings(other)
        return not first or not second or bool(first & second)
    if kind is HintKind.SEX:
        return _sexes(one, other) is not Verdict.CONTRADICTS
    return one == other


def _exact(value_of: Callable[[Step], str]) -> Callable[[str, Step], Verdict]:
    def compare(value: str, step: Step) -> Verdict:
        return Verdict.AGREES if value == value_of(step) else Verdict.CONTRADICTS

    return compare


def _issuer(value: str, step: Step) -> Verdict:
    if not step.patient.issuer:
        return Verdict.UNKNOWN
    return Verdict.AGREES if value == step.patient.issuer else Verdict.CONTRADICTS


def _birth_date(value: str, step: Step) -> Verdict:
    known = parse_date(step.patient.birth_date)
    readings = _date_readings(value)
    if known is None or not readings:
        return Verdict.UNKNOWN
    return Verdict.AGREES if known in readings else Verdict.CONTRADICTS


def _sex(value: str, step: Step) -> Verdict:
    return _sexes(value, step.patient.sex)


def _sexes(one: str, other: str) -> Verdict:
    first, second = normalised_sex(one), normalised_sex(other)
    if first not in {"M", "F"} or second not in {"M", "F"}:
        return Verdict.UNKNOWN
    return Verdict.AGREES if first == second else Verdict.CONTRADICTS


def _name(value: str, step: Step) -> Verdict:
    return names_verdict(value, step.patient.name)


_RULES: Mapping[HintKind, Callable[[str, Step], Verdict]] = MappingProxyType(
    {
        HintKind.ACCESSION_NUMBER: _exact(lambda step: step.accession_number),
        HintKind.PATIENT_ID: _exact(lambda step: step.patient.patient_id),
        HintKind.REQUESTED_PROCEDURE_ID: _exact(lambda step: step.requested_procedure_id),
        HintKind.STUDY_INSTANCE_UID: _exact(lambda step: step.key.study_instance_uid),
        HintKind.ISSUER_OF_PATIENT_ID: _issuer,
        HintKind.BIRTH_DATE: _birth_date,
        HintKind.SEX: _sex,
        HintKind.PATIENT_NAME: _name,
    }
)


def _date_readings(text: str) -> frozenset[date]:
    """Every date that `text` may mean: devices write day and month in either order."""
    plain = parse_date(text)
    if plain is not None:
        return frozenset({plain})
    iso = _ISO_DATE.fullmatch(text)
    if iso:
        candidates = [tuple(int(part) for part in iso.groups())]
    else:
        local = _DAY_AND_MONTH.fullmatch(text)
        if local is None:
            return frozenset()
        first, second, year = (int(part) for part in local.groups())
        candidates = [(year, second, first), (year, first, second)]
    return frozenset(day for day in map(_date_or_none, candidates) if day is not None)


def _date_or_none(parts: tuple[int, ...]) -> date | None:
    try:
        return date(*parts)
    except ValueError:
        return None


def names_verdict(one: str, other: str) -> Verdict:
    """Clearly different only if no part fits, or if both give several parts of which fewer than two fit.

    Names are compared within one script: a Latin name says nothing about one in Devanagari.
    """
    verdict = Verdict.UNKNOWN
    first, second = parts_by_script(one), parts_by_script(other)
    for script in first.keys() & second.keys():
        asked, known = first[script], second[script]
        fitting = sum(any(_similar(part, candidate) for candidate in known) for part in asked)
        needed = min(2, len(asked), len(known))
        if fitting < needed:
            return Verdict.CONTRADICTS
        verdict = Verdict.AGREES
    return verdict


def parts_by_script(name: str) -> dict[str, set[str]]:
    """The parts of a name without case and accents, by the script that they are written in."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    # Accents of Latin, Greek and Cyrillic go; vowel signs of Indic scripts (class 0 marks) are letters and stay.
    plain = "".join(c for c in decomposed if unicodedata.combining(c) == 0)
    spaced = "".join(c if unicodedata.category(c)[0] in "LM" else " " for c in plain)
    parts: dict[str, set[str]] = {}
    for part in spaced.split():
        parts.setdefault(_script(part[0]), set()).add(part)
    return parts


def _script(character: str) -> str:
    return unicodedata.name(character, "UNKNOWN").partition(" ")[0]


def _similar(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    if long.startswith(short) and (len(short) >= _SHORTEST_PREFIX or len(short) == 1):
        return True
    return one == other or SequenceMatcher(None, one, other, autojunk=False).ratio() >= _SIMILAR
