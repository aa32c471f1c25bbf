"""Reasons to doubt a step that fits: another identifier that looks like the hint, another patient who fits better.

Devices drop leading zeros, change case, take digits of another script and cut names short. A hint that fits one step
to the letter is still no proof when another step differs from it only in such a way.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from types import MappingProxyType

from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.procedure import Step
from gateway.worklist.agreement import Verdict, contradictions, judge, names_verdict, parts_by_script
from gateway.worklist.values import normalised_sex, parse_date

_PADDING = re.compile(r"(?<![0-9])0+(?=[0-9])")
_IDENTICAL, _CUT_SHORT = 2.0, 0.95
_SHORTEST_CUT = 3
_SEXES = frozenset({"M", "F"})
_QUALIFIERS, _ENTITY = "00100024", ("00400032", "00400031")
_IDENTIFIERS = frozenset({HintKind.ACCESSION_NUMBER, HintKind.PATIENT_ID})
_LOOSE = (HintKind.BIRTH_DATE, HintKind.PATIENT_NAME)
"""The hints that leave room for more than one patient."""
_BEST: Mapping[HintKind, float] = MappingProxyType({HintKind.BIRTH_DATE: 1.0, HintKind.PATIENT_NAME: _IDENTICAL})


def look_alike(one: str, other: str) -> bool:
    """Whether two different identifiers differ only in leading zeros, case, blanks, punctuation or kind of digits."""
    if one == other:
        return False
    plain, other_plain = _plain(one), _plain(other)
    return any(form(plain) and form(plain) == form(other_plain) for form in (_squeezed, _unpadded))


def same_patient(one: Step, other: Step) -> bool:
    """Whether two steps are clearly of one patient.

    The same patient id within no differing issuer (PS3.3 C.2.3), and neither birth date nor sex that differ; names
    may change, but not where no birth date holds them together.
    """
    first, second = one.patient, other.patient
    if first.patient_id != second.patient_id:
        return False
    if first.issuer and second.issuer and first.issuer != second.issuer:
        return False
    qualified = {_issuer_entity(one), _issuer_entity(other)} - {""}
    if len(qualified) > 1:
        return False
    sexes = {normalised_sex(first.sex), normalised_sex(second.sex)}
    if sexes == _SEXES:
        return False
    born = parse_date(first.birth_date), parse_date(second.birth_date)
    if None not in born:
        return born[0] == born[1]
    return names_verdict(first.name, second.name) is not Verdict.CONTRADICTS


def somebody_fits_better(hints: Sequence[Hint], chosen: Step, steps: Iterable[Step]) -> HintKind | None:
    """The kind of hint that fits another patient's step better than `chosen`; None where nobody fits better.

    `chosen` is contradicted by none of the hints.
    """
    exact = [hint for hint in hints if hint.kind not in _LOOSE]
    rivals: list[Step] | None = None
    for hint in (hint for hint in hints if hint.kind in _LOOSE):
        fit = _fits(hint, chosen)
        if fit == _BEST[hint.kind]:
            continue
        if rivals is None:
            rivals = [step for step in steps if not contradictions(exact, step)]
        for step in rivals:
            if _fits(hint, step) > fit and not same_patient(step, chosen) and not contradictions(hints, step):
                return hint.kind
    return None


def looking_alike(hints: Sequence[Hint], chosen: Step, steps: Iterable[Step]) -> HintKind | None:
    """The kind of identifier by which another step than `chosen` looks like the hints; None where nothing does.

    A device that drops zeros drops them everywhere: both identifiers may look alike at once, or one be equal.
    """
    ids = [hint for hint in hints if hint.kind in _IDENTIFIERS]
    others = [hint for hint in hints if hint.kind not in _IDENTIFIERS]
    for step in steps:
        alike = [hint.kind for hint in ids if looks_like_its_own(hint, step)]
        if not alike or step.key == chosen.key:
            continue
        differing = [hint for hint in ids if hint.kind not in alike]
        if not contradictions([*differing, *others], step):
            return alike[0]
    return None


def looks_like_its_own(hint: Hint, step: Step) -> bool:
    """Whether the accession number or patient id of `step` is not that of the hint but looks like it."""
    if hint.kind is HintKind.ACCESSION_NUMBER:
        return look_alike(hint.value.strip(), step.accession_number)
    return hint.kind is HintKind.PATIENT_ID and look_alike(hint.value.strip(), step.patient.patient_id)


def _issuer_entity(step: Step) -> str:
    """The entity of Issuer of Patient ID Qualifiers Sequence, which an answer may give beside or for the issuer."""
    items = json.loads(step.identifier).get(_QUALIFIERS, {}).get("Value") or [{}]
    values = [items[0].get(tag, {}).get("Value") or [""] for tag in _ENTITY]
    return next((str(value[0]) for value in values if value[0]), "")


def _plain(text: str) -> str:
    """One case, and every decimal digit as ASCII: full-width, Devanagari or Arabic ones as well."""
    if text.isascii():
        return text.casefold()
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(str(unicodedata.decimal(c, c)) for c in folded)


def _squeezed(plain: str) -> str:
    kept = "".join(c for c in plain if c.isalnum())
    return _PADDING.sub("", kept)


def _unpadded(plain: str) -> str:
    return "".join(c for c in _PADDING.sub("", plain) if c.isalnum())


def _fits(hint: Hint, step: Step) -> float:
    if hint.kind is HintKind.PATIENT_NAME:
        return _name_fit(hint.value, step.patient.name)
    return 1.0 if judge(hint, step) is Verdict.AGREES else 0.0


def _name_fit(given: str, known: str) -> float:
    """How well a name fits, within the script where it fits best: 2 identical, else the mean of its parts."""
    asked, there = parts_by_script(given), parts_by_script(known)
    fits = [0.0]
    for script in asked.keys() & there.keys():
        if asked[script] == there[script]:
            return _IDENTICAL
        fits.append(
            sum(max(_part_fit(part, other) for other in there[script]) for part in asked[script]) / len(asked[script])
        )
    return max(fits)


def _part_fit(part: str, other: str) -> float:
    if part == other:
        return 1.0
    if part[0] != other[0] and part[-1] != other[-1]:
        return 0.0  # a worklist may hold tens of thousands of names, and nobody takes these two for one
    short, long = sorted((part, other), key=len)
    if long.startswith(short) and (len(short) >= _SHORTEST_CUT or len(short) == 1):
        return _CUT_SHORT
    return min(_CUT_SHORT, SequenceMatcher(None, part, other, autojunk=False).ratio())
