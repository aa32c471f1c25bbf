"""From an order to a dataset: the modules of the class in turn, then the profile's own attributes, then the check.

What goes into a module is decided in the `modules_*` files, which class it is in `iods`, what must be there in `rules`.
Pixel Data is not part of it: `write` puts it behind the dataset as a stream.
"""

from dataclasses import dataclass

from pydicom.dataset import Dataset

from gateway.domain.errors import InvalidObject
from gateway.domain.identifiers import Uid
from gateway.domain.objects import ObjectOrder
from gateway.domain.procedure import Step
from gateway.objects.answer import worklist_answer
from gateway.objects.draft import Draft
from gateway.objects.iods import choose_sop_class
from gateway.objects.profile import apply_profile, check_profile
from gateway.objects.validate import validate
from gateway.objects.values import values_of

_UTF8 = "ISO_IR 192"
_TEXT_VRS = frozenset({"SH", "LO", "ST", "LT", "UC", "UT", "PN"})


@dataclass(frozen=True, slots=True)
class Built:
    """A checked dataset without Pixel Data; `notes` say for the journal, without patient data, what was adapted."""

    dataset: Dataset
    sop_class_uid: Uid
    notes: tuple[str, ...]


def build(order: ObjectOrder) -> Built:
    """Make the dataset of one SOP Instance.

    The same order gives the same dataset, so that an object can be built again after a power failure.

    Parameters
    ----------
    order
        Profile, step or local study, identity, moments, and the format of the pixels as written.

    Returns
    -------
    Built
        The dataset, valid by `validate`, with Specific Character Set ISO_IR 192 unless all its text is ASCII.

    Raises
    ------
    InvalidObject
        When the acquisition cannot become an object of this class, or an identifier does not fit its VR.
    ConfigurationError
        When the device profile asks for what the standard or the gateway does not allow.

    References
    ----------
    PS3.3 annex A and C; PS3.17 annex J for what comes from a worklist.
    """
    check_profile(order.profile)
    iod = choose_sop_class(order.profile.sop_class, order.format, order.frame_count)
    notes: list[str] = []
    answer = worklist_answer(order.subject, notes) if isinstance(order.subject, Step) else Dataset()
    draft = Draft(order=order, iod=iod, answer=answer, notes=notes)
    if iod.name != order.profile.sop_class:
        draft.note(f"The frames do not fit {order.profile.sop_class}; the object is of class {iod.name}.")
    for module in iod.modules:
        if module.build is not None:
            module.build(draft)
    apply_profile(draft)
    set_character_set(draft.dataset)
    validate(draft.dataset, order.transfer_syntax_uid)
    return Built(draft.dataset, Uid(iod.sop_class_uid), tuple(draft.notes))


def set_character_set(dataset: Dataset) -> None:
    """Set one character set for the whole object: none when all is ASCII, else UTF-8 (PS3.3 C.12.1.1.2)."""
    texts = [str(value) for element in dataset.iterall() if element.VR in _TEXT_VRS for value in values_of(element)]
    if all(text.isascii() for text in texts):
        return
    try:
        "".join(texts).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidObject(
            "A value holds an undecodable character.", remedy="Correct it in the system that issues it."
        ) from error
    dataset.SpecificCharacterSet = _UTF8
