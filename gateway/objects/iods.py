"""The table of SOP Classes: one row each, with its modules and the pixels it takes.

Adding a class is adding a row, and a module builder where it brings a new module. What the rows of a module require
is in `rules`.

References: PS3.3 A.6 (Ultrasound), A.7 (Ultrasound Multi-frame), A.8 (Secondary Capture), A.32 (Visible Light),
A.41 (Ophthalmic Photography); PS3.4 B.5 for the UIDs.
"""

from gateway.domain.errors import ConfigurationError, InvalidObject
from gateway.domain.frames import FrameFormat
from gateway.objects import (
    modules_equipment,
    modules_image,
    modules_multiframe,
    modules_patient,
    modules_series,
    modules_specific,
    modules_study,
)
from gateway.objects.draft import Iod, Module, PixelRule

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_EIGHT = range(8, 9)
_COLOUR_422 = frozenset({"RGB", "YBR_FULL_422", "YBR_RCT", "YBR_ICT", "YBR_PARTIAL_420"})
_COLOUR = _COLOUR_422 | {"YBR_FULL"}
_GREY = PixelRule(frozenset({"MONOCHROME2"}), 1, 8, _EIGHT)
_GREY_WORD = PixelRule(frozenset({"MONOCHROME2"}), 1, 16, range(9, 17))
_TRUE_COLOUR = PixelRule(_COLOUR_422, 3, 8, _EIGHT)
_ANY_COLOUR = PixelRule(_COLOUR, 3, 8, _EIGHT)
_ANY_GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})
_SC_PIXELS = (
    PixelRule(_ANY_GREY, 1, 8, range(1, 9), signed_too=True),
    PixelRule(_ANY_GREY, 1, 16, range(1, 17), signed_too=True),
    _ANY_COLOUR,
    PixelRule(frozenset({"RGB", "YBR_RCT"}), 3, 16, range(9, 17)),
)

_COMMON = (
    Module("Patient", "C.7.1.1", modules_patient.patient),
    Module("General Study", "C.7.2.1", modules_study.general_study),
    Module("Patient Study", "C.7.2.2", modules_patient.patient_study),
    Module("General Series", "C.7.3.1", modules_series.general_series),
    Module("General Equipment", "C.7.5.1", modules_equipment.general_equipment),
    Module("General Image", "C.7.6.1", modules_image.general_image),
    Module("Image Pixel", "C.7.6.3", modules_image.image_pixel),
)
_ICC = Module("ICC Profile", "C.11.15", modules_image.icc_profile)
_SOP_COMMON = Module("SOP Common", "C.12.1", modules_equipment.sop_common)
_MULTI_FRAME = Module("Multi-frame", "C.7.6.6", modules_multiframe.multi_frame)
_SC_EQUIPMENT = Module("SC Equipment", "C.8.6.1", modules_equipment.sc_equipment)
_SC_IMAGE = Module("SC Image", "C.8.6.2", modules_equipment.sc_image)
_SC_MULTI_FRAME = Module("SC Multi-frame Image", "C.8.6.3", modules_multiframe.sc_multi_frame)
_US = Module("US Image", "C.8.5.6")
_VL = (Module("VL Image", "C.8.12.1", modules_specific.vl_image), Module("Acquisition Context", "C.7.6.14"))

_SECONDARY_CAPTURE = (*_COMMON, _SC_EQUIPMENT, _SC_IMAGE, _ICC, _SOP_COMMON)
_SC_FRAMES = (*_COMMON, _SC_EQUIPMENT, _SC_IMAGE, _MULTI_FRAME, _SC_MULTI_FRAME)
_MULTI_FRAME_SC = (
    "multi-frame-grayscale-byte-sc",
    "multi-frame-grayscale-word-sc",
    "multi-frame-true-color-sc",
)
_SC_INSTEAD = 'Set sop_class = "secondary-capture" in the device\'s profile: it takes these frames.'
_TO_EIGHT_BITS = 'Reduce the frames to 8 bits at the device, or set sop_class = "secondary-capture" in its profile.'


def _secondary_capture(name: str, title: str, suffix: str, pixels: PixelRule, *, colour: bool = False) -> Iod:
    """A row of the multi-frame Secondary Capture family; the others of the family are its fallbacks."""
    modules = (*_SC_FRAMES, _ICC, _SOP_COMMON) if colour else (*_SC_FRAMES, _SOP_COMMON)
    others = tuple(other for other in _MULTI_FRAME_SC if other != name)
    remedy = "Split the file into single frames, or reduce colour frames to 8 bits a sample at the device."
    return Iod(name, title, f"{_STORAGE}7.{suffix}", ("OT",), modules, (pixels,), True, True, others, remedy)


def _visible_light(name: str, title: str, suffix: str, modality: str) -> Iod:
    """A row of the single-frame Visible Light family."""
    modules = (*_COMMON, *_VL, _ICC, _SOP_COMMON)
    pixels = (_GREY, _TRUE_COLOUR)
    uid = f"{_STORAGE}77.1.{suffix}"
    return Iod(name, title, uid, (modality,), modules, pixels, multi_frame=False, remedy=_SC_INSTEAD)


_ROWS = (
    Iod(
        "secondary-capture", "Secondary Capture Image Storage", f"{_STORAGE}7", ("OT",),
        _SECONDARY_CAPTURE, _SC_PIXELS, multi_frame=False, any_modality=True, fallbacks=_MULTI_FRAME_SC,
        remedy="Split the file into single frames, or reduce colour frames to 8 bits a sample at the device.",
    ),
    _secondary_capture(
        _MULTI_FRAME_SC[0], "Multi-frame Grayscale Byte Secondary Capture Image Storage", "2", _GREY
    ),
    _secondary_capture(
        _MULTI_FRAME_SC[1], "Multi-frame Grayscale Word Secondary Capture Image Storage", "3", _GREY_WORD
    ),
    _secondary_capture(
        _MULTI_FRAME_SC[2], "Multi-frame True Color Secondary Capture Image Storage", "4", _TRUE_COLOUR, colour=True
    ),
    _visible_light("vl-photographic", "VL Photographic Image Storage", "4", "XC"),
    _visible_light("vl-endoscopic", "VL Endoscopic Image Storage", "1", "ES"),
    Iod(
        "ultrasound", "Ultrasound Image Storage", f"{_STORAGE}6.1", ("US",),
        (*_COMMON, _US, _ICC, _SOP_COMMON), (_GREY, _ANY_COLOUR),
        multi_frame=False, fallbacks=("ultrasound-multi-frame",), remedy=_TO_EIGHT_BITS,
    ),
    Iod(
        "ultrasound-multi-frame", "Ultrasound Multi-frame Image Storage", f"{_STORAGE}3.1", ("US",),
        (*_COMMON, _US, Module("Cine", "C.7.6.5", modules_multiframe.cine), _MULTI_FRAME, _ICC, _SOP_COMMON),
        (_GREY, _ANY_COLOUR), multi_frame=True, remedy=_TO_EIGHT_BITS,
    ),
    Iod(
        "ophthalmic-photography-8-bit", "Ophthalmic Photography 8 Bit Image Storage", f"{_STORAGE}77.1.5.1", ("OP",),
        (
            *_COMMON,
            Module("Synchronization", "C.7.4.2", modules_specific.synchronization),
            _MULTI_FRAME,
            Module("Cine", "C.7.6.5", modules_multiframe.single_or_timed),
            Module("Ophthalmic Photography Image", "C.8.17.2", modules_specific.ophthalmic_photography),
            Module("Ocular Region Imaged", "C.8.17.5", modules_specific.ocular_region),
            _ICC,
            _SOP_COMMON,
        ),
        (_GREY, _TRUE_COLOUR), multi_frame=True, remedy=_TO_EIGHT_BITS,
    ),
)  # fmt: skip

IODS = {row.name: row for row in _ROWS}


def iod_named(name: str) -> Iod:
    """The row called `name`; raises `ConfigurationError`, naming all rows, when there is none."""
    row = IODS.get(name)
    if row is None:
        raise ConfigurationError(f'There is no sop_class "{name}".', remedy=f"Use one of: {', '.join(IODS)}.")
    return row


def iod_of(sop_class_uid: str) -> Iod | None:
    """The row of a SOP Class UID, None for a class that the gateway does not make."""
    return next((row for row in _ROWS if row.sop_class_uid == sop_class_uid), None)


def choose_sop_class(profile_row_name: str, fmt: FrameFormat, frame_count: int) -> Iod:
    """The class for these frames: the profile's own, or its fitting multi-frame relative.

    Parameters
    ----------
    profile_row_name
        Row name in the device profile, for example ``secondary-capture``.
    fmt
        Format of the frames as they are written.
    frame_count
        Number of frames, at least 1.

    Returns
    -------
    Iod
        The first of the profile's row and its fallbacks that takes the frames.

    Raises
    ------
    ConfigurationError
        When there is no such row.
    InvalidObject
        When none of them takes the frames; says what the class allows and what to change.
    """
    wanted = iod_named(profile_row_name)
    for row in (wanted, *(IODS[name] for name in wanted.fallbacks)):
        if (frame_count == 1 or row.multi_frame) and any(_takes(rule, fmt) for rule in row.pixels):
            return row
    if frame_count > 1 and not wanted.multi_frame and not wanted.fallbacks:
        raise InvalidObject(f"{wanted.title} holds one frame and this file has {frame_count}.", remedy=wanted.remedy)
    raise InvalidObject(
        f"{wanted.title} does not take {_words(fmt)}; it takes {_allowed(wanted)}.", remedy=wanted.remedy
    )


def _takes(rule: PixelRule, fmt: FrameFormat) -> bool:
    return (
        fmt.photometric_interpretation in rule.photometric
        and (fmt.samples_per_pixel, fmt.bits_allocated) == (rule.samples, rule.allocated)
        and fmt.bits_stored in rule.stored
        and (rule.signed_too or not fmt.signed)
    )


def _words(fmt: FrameFormat) -> str:
    sign = "signed " if fmt.signed else ""
    bits = f"{sign}{fmt.bits_stored} bits stored in {fmt.bits_allocated}"
    return f"{fmt.photometric_interpretation} with {fmt.samples_per_pixel} sample(s) of {bits}"


def _allowed(row: Iod) -> str:
    return " or ".join(
        f"{'/'.join(sorted(rule.photometric))} of {rule.stored[0]}"
        + (f" to {rule.stored[-1]}" if len(rule.stored) > 1 else "")
        + " bits"
        for rule in row.pixels
    )
