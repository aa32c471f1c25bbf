"""Values that fit their VR: what may be shortened is, what identifies something is refused instead (PS3.5 section 6.2).

Descriptions are cut with a note, because a shorter description is still true. Identifiers are never cut: a shorter
Patient ID is another patient's.
"""

import re
from datetime import date, datetime

from pydicom.datadict import dictionary_description, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.multival import MultiValue

from gateway.domain.errors import InvalidObject
from gateway.domain.identifiers import is_valid_uid
from gateway.objects.notes import Notes

LIMITS = {"SH": 16, "LO": 64, "ST": 1024, "LT": 10240, "CS": 16, "PN": 64}
_MULTI_LINE = frozenset({"ST", "LT", "UT"})
_CODE_STRING = re.compile(r"[A-Z0-9 _]{1,16}")
_DATE_LENGTH = 8
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?")
_PN_COMPONENTS = 5
_PN_GROUPS = 3


def described(keyword: str) -> str:
    """The attribute's name of PS3.6 for a sentence, for example ``Patient ID``."""
    return dictionary_description(keyword)


def description(draft: Notes, keyword: str, value: object) -> str:
    """`value` as text that fits the attribute's VR, shortened with a note where it is too long."""
    vr = dictionary_VR(keyword)
    text = _without_controls(_single(value), keep_lines=vr in _MULTI_LINE)
    if vr not in _MULTI_LINE:
        text = text.replace("\\", "/")
    text = text.strip()
    limit = LIMITS.get(vr, len(text))
    if len(text) > limit:
        draft.note(f"{described(keyword)} was shortened to {limit} characters.")
        text = text[:limit].rstrip()
    return text


def identifier(keyword: str, value: object) -> str:
    """`value` as an identifier, unchanged but for padding.

    Raises
    ------
    InvalidObject
        When it is longer than its VR allows or holds a backslash, a control or an undecodable character.
    """
    text = _single(value).strip(" \0")
    limit = LIMITS.get(dictionary_VR(keyword), len(text))
    if len(text) > limit:
        raise InvalidObject(
            f"{described(keyword)} has {len(text)} characters; the standard allows {limit}.",
            remedy="Correct it in the system that issues it; the gateway never shortens an identifier.",
        )
    if "\\" in text or _without_controls(text, keep_lines=False) != text:
        raise InvalidObject(
            f"{described(keyword)} holds a backslash, a control or an undecodable character.",
            remedy="Correct it in the system that issues it.",
        )
    return text


def spare_identifier(draft: Notes, keyword: str, value: object) -> str:
    """`value` as an identifier the object can do without: left out with a note where `identifier` would refuse it."""
    try:
        return identifier(keyword, value)
    except InvalidObject as refusal:
        draft.note(f"{refusal.message} It was left out.")
        return ""


def uid(keyword: str, value: object) -> str:
    """`value` as a UID; raises `InvalidObject` when it is not well-formed (PS3.5 section 9.1)."""
    text = str(value or "").strip(" \0")
    if not is_valid_uid(text):
        raise InvalidObject(
            f"{described(keyword)} is not a well-formed UID.",
            remedy="A UID has digits and points, at most 64 characters and no leading zeros; correct it at its origin.",
        )
    return text


def person_name(draft: Notes, keyword: str, value: object, *, refuse_long: bool = False) -> str:
    """A PN of at most three groups and five components each (PS3.5 section 6.2.1).

    Raises
    ------
    InvalidObject
        When it has more than three groups, or with `refuse_long` a group of more than 64 characters.
    """
    given = _single(value)
    text = _without_controls(given, keep_lines=False).replace("\\", " ")
    if text != given:
        draft.note(f"{described(keyword)} held characters that a name may not have; they became spaces.")
    groups = text.split("=")
    if len(groups) > _PN_GROUPS:
        raise InvalidObject(
            f"{described(keyword)} has {len(groups)} component groups; the standard allows {_PN_GROUPS}.",
            remedy="Correct the name in the system that issues it.",
        )
    return "=".join(_name_group(draft, keyword, g, refuse_long=refuse_long) for g in groups).rstrip("= ")


def code_string(text: str) -> bool:
    """Whether `text` is one valid value of VR CS (PS3.5 table 6.2-1)."""
    return _CODE_STRING.fullmatch(text) is not None


def date_text(value: object) -> str:
    """`value` as DA text ``YYYYMMDD``, also from the old form with points; empty when it is not a date."""
    text = str(value or "").strip().replace(".", "")
    if len(text) != _DATE_LENGTH or not (text.isascii() and text.isdigit()):
        return ""
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return ""
    return text


def time_text(value: object) -> str:
    """`value` as TM text, also from the old form with colons; empty when it is not a time."""
    text = str(value or "").strip().replace(":", "")
    return text if _TIME.fullmatch(text) else ""


def da(moment: datetime) -> str:
    """DA text (PS3.5 table 6.2-1) of `moment` on its own clock."""
    return moment.strftime("%Y%m%d")


def tm(moment: datetime) -> str:
    """TM text (PS3.5 table 6.2-1) of `moment` on its own clock, with milliseconds when it has any."""
    milliseconds = moment.microsecond // 1000
    return moment.strftime("%H%M%S") + (f".{milliseconds:03d}" if milliseconds else "")


def offset(moment: datetime) -> str:
    """Timezone Offset From UTC of `moment`: ``+HHMM``, never ``-0000`` (PS3.3 C.12.1.1.8)."""
    shift = moment.utcoffset()
    minutes = round(shift.total_seconds() / 60) if shift is not None else 0
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}{rest:02d}"


def decimal_string(number: float) -> str:
    """`number` as DS text of at most 16 characters (PS3.5 table 6.2-1)."""
    return f"{number:.6g}"


def values_of(element: DataElement) -> list[object]:
    """The values of one element, none when it is empty."""
    if element.value is None or element.value == "":
        return []
    return list(element.value) if isinstance(element.value, MultiValue | list) else [element.value]


def _name_group(draft: Notes, keyword: str, group: str, *, refuse_long: bool) -> str:
    components = [c.strip() for c in group.split("^")]
    if len(components) > _PN_COMPONENTS:
        draft.note(f"{described(keyword)} had more than five components; the rest was joined to the fifth.")
        components = [*components[: _PN_COMPONENTS - 1], " ".join(components[_PN_COMPONENTS - 1 :])]
    text = "^".join(components).rstrip("^ ")
    if len(text) <= LIMITS["PN"]:
        return text
    if refuse_long:
        raise InvalidObject(
            f"{described(keyword)} has a component group of {len(text)} characters; the standard allows 64.",
            remedy="Correct the name in the system that issues it; the gateway never shortens a patient's name.",
        )
    draft.note(f"{described(keyword)} was shortened to 64 characters.")
    return text[: LIMITS["PN"]].rstrip("^ ")


def _single(value: object) -> str:
    """`value` as one text; several values, where one is expected, are shown with the backslash between them."""
    if isinstance(value, MultiValue):
        return "\\".join(str(one) for one in value)
    return str(value or "")


def _without_controls(text: str, *, keep_lines: bool) -> str:
    """`text` with control characters as spaces and lone surrogates (undecodable bytes) as U+FFFD."""
    allowed = "\r\n\f\t" if keep_lines else ""
    return "".join(
        "\ufffd" if "\ud800" <= c <= "\udfff" else " " if _is_control(c) and c not in allowed else c for c in text
    )


def _is_control(character: str) -> bool:
    return character < " " or "\x7f" <= character <= "\x9f"
