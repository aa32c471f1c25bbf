"""Multi-frame, Cine and the multi-frame parts of Secondary Capture: how many frames, and what steps on from each.

References: PS3.3 C.7.6.5, C.7.6.6, C.8.6.3, C.8.6.4.
"""

from pydicom.datadict import tag_for_keyword

from gateway.domain.errors import InvalidObject
from gateway.objects.draft import Draft
from gateway.objects.values import decimal_string

# 25 frames a second: what a class that must have a Frame Time gets when the profile gives none
_ASSUMED_FRAME_TIME_MS = 40.0
# the value field of an IS in Explicit VR has 16 bits of length (PS3.5 section 7.1.2)
_VECTOR_MAX_BYTES = 65534


def multi_frame(draft: Draft) -> None:
    """Fill in Number of Frames (PS3.3 C.7.6.6)."""
    draft.dataset.NumberOfFrames = draft.order.frame_count


def cine(draft: Draft) -> None:
    """Step by Frame Time in milliseconds (PS3.3 C.7.6.5; ultrasound): from the profile, or assumed with a note."""
    if draft.order.frame_count > 1 or draft.iod.multi_frame:
        _by_frame_time(draft, _frame_time(draft))


def sc_multi_frame(draft: Draft) -> None:
    """Fill in SC Multi-frame Image and Vector: frames step by time if the profile gives it, else they are pages."""
    dataset, order = draft.dataset, draft.order
    if order.format.samples_per_pixel == 1:
        dataset.PresentationLUTShape = "IDENTITY"
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    if order.frame_count == 1:
        return
    if order.profile.frame_time_ms > 0:
        _by_frame_time(draft, order.profile.frame_time_ms)
        return
    pages = [str(number) for number in range(1, order.frame_count + 1)]
    if len("\\".join(pages)) > _VECTOR_MAX_BYTES:
        raise InvalidObject(
            f"{order.frame_count} frames are too many to be numbered as pages.",
            remedy="Set frame_time_ms in the device's profile: a sequence this long is a clip.",
        )
    dataset.FrameIncrementPointer = tag_for_keyword("PageNumberVector")
    dataset.PageNumberVector = pages


def single_or_timed(draft: Draft) -> None:
    """Step by Frame Time, which is 0 for a single frame, where the pointer is always required (ophthalmic classes)."""
    _by_frame_time(draft, _frame_time(draft) if draft.order.frame_count > 1 else 0.0)


def _frame_time(draft: Draft) -> float:
    given = draft.order.profile.frame_time_ms
    if given > 0:
        return given
    draft.note(f"The profile gives no frame_time_ms; {_ASSUMED_FRAME_TIME_MS:g} ms was assumed.")
    return _ASSUMED_FRAME_TIME_MS


def _by_frame_time(draft: Draft, milliseconds: float) -> None:
    draft.dataset.FrameIncrementPointer = tag_for_keyword("FrameTime")
    draft.dataset.FrameTime = decimal_string(milliseconds)
