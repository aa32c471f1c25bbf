"""The answers to one question as they are read: steps for the cache, and a bounded sample for people to look at."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import tzinfo

from pydicom import Dataset

from gateway.domain.procedure import Step
from gateway.domain.sent import NamePreview, SentAnswer
from gateway.worklist.response import parse_response
from gateway.worklist.sent import name_previews, sent_answer

MOST_SHOWN = 50
"""Answers that are kept for people: half of them the first ones, half those with faults."""

SHARED = "Its accession number is also given to another patient."
_TWO = 2


@dataclass(frozen=True, slots=True)
class Reading:
    """How the answers of one provider are read; see `parse_response`."""

    provider: str
    zone: tzinfo
    assumed_character_set: str = ""
    assumed_zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer that is kept for people, with its bytes."""

    answer: SentAnswer
    data: bytes
    accession_number: str


class Gathering:
    """Reads answers one by one, so that thousands of them need no memory beyond their steps."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._good: list[_Kept] = []
        self._faulty: list[_Kept] = []
        self._patients: dict[str, set[str]] = {}
        self._named: list[Dataset] = []

    def steps(self, answers: Iterable[tuple[bytes, Dataset | None]]) -> Iterator[Step]:
        """The step of every answer that can be read; what is kept of it for people stands here afterwards."""
        for place, (data, dataset) in enumerate(answers):
            step = None if dataset is None else self._step(dataset)
            self._keep(place + 1, data, dataset, step)
            if step is not None:
                yield step

    def shown(self) -> tuple[tuple[SentAnswer, ...], list[bytes]]:
        """What was kept for people, in the order in which it came, and the bytes of each."""
        kept = sorted((*self._good, *self._faulty), key=lambda one: one.answer.position)
        return tuple(self._beside_the_others(one) for one in kept), [one.data for one in kept]

    def preview(self) -> tuple[NamePreview, ...]:
        """The names of the first answers as each character set reads them."""
        return name_previews(self._named)

    def _step(self, dataset: Dataset) -> Step:
        return parse_response(
            dataset,
            provider=self._reading.provider,
            zone=self._reading.zone,
            assumed_character_set=self._reading.assumed_character_set or None,
            assumed_zone=self._reading.assumed_zone,
        )

    def _keep(self, position: int, data: bytes, dataset: Dataset | None, step: Step | None) -> None:
        if dataset is not None and len(self._named) < MOST_SHOWN:
            self._named.append(dataset)
        kept = self._good if step is not None and step.usable and not step.faults else self._faulty
        number = step.accession_number if step is not None else ""
        if step is not None and number:
            self._patients.setdefault(number, set()).add(step.patient.patient_id)
        if len(kept) < MOST_SHOWN // 2:
            answer = sent_answer(position, data, dataset, step, self._reading.assumed_character_set)
            kept.append(_Kept(answer, data, number))

    def _beside_the_others(self, kept: _Kept) -> SentAnswer:
        """An answer with what only the others show: that its accession number has two patients."""
        if len(self._patients.get(kept.accession_number, ())) < _TWO:
            return kept.answer
        return replace(kept.answer, usable=False, faults=(*kept.answer.faults, SHARED))
