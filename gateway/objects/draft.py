"""What the module builders share: the table types of an IOD, the object in the making and its notes.

A builder reads the order and the worklist answer of a `Draft` and sets the attributes of one module in its dataset.
Which builders make up a class is decided in `iods`; what must be there in the end is decided in `rules`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from pydicom.dataset import Dataset

from gateway.domain.objects import ObjectOrder
from gateway.domain.procedure import Step


@dataclass(frozen=True, slots=True)
class PixelRule:
    """One kind of pixels that a class takes: Photometric Interpretations with their samples and bits (8, 16)."""

    photometric: frozenset[str]
    samples: int
    allocated: int
    stored: range
    signed_too: bool = False


@dataclass(frozen=True, slots=True)
class Module:
    """One module of PS3.3 with its clause and the function that fills it in; None where others already do."""

    name: str
    clause: str
    build: Callable[["Draft"], None] | None = None


@dataclass(frozen=True, slots=True)
class Iod:
    """One row of the table of classes.

    `modalities` are the allowed values of Modality, the first one being the default; `any_modality` opens the list.
    `fallbacks` are rows to try when this one does not take the frames as they are.
    """

    name: str
    title: str
    sop_class_uid: str
    modalities: tuple[str, ...]
    modules: tuple[Module, ...]
    pixels: tuple[PixelRule, ...]
    multi_frame: bool
    any_modality: bool = False
    fallbacks: tuple[str, ...] = ()
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """An object in the making; `answer` is the worklist answer in Unicode, empty for an unscheduled study."""

    order: ObjectOrder
    iod: Iod
    answer: Dataset
    dataset: Dataset = field(default_factory=Dataset)
    notes: list[str] = field(default_factory=list)

    @property
    def step(self) -> Step | None:
        """The Scheduled Procedure Step, None for an unscheduled study."""
        return self.order.subject if isinstance(self.order.subject, Step) else None

    @property
    def scheduled_step_item(self) -> Dataset:
        """The one item of Scheduled Procedure Step Sequence (0040,0100); empty when there is none."""
        items = self.answer.get("ScheduledProcedureStepSequence") or []
        return items[0] if items else Dataset()

    def local(self, moment: datetime) -> datetime:
        """`moment` on the station's wall clock: the zone in which all dates and times of the object are written."""
        return moment.astimezone(self.order.captured_at.tzinfo)

    def note(self, text: str) -> None:
        """Record, without patient data, what was changed or left out on the way."""
        if text not in self.notes:
            self.notes.append(text)
