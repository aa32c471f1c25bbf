"""Rules for single values: each takes a value and raises `BadValue` with the rule in words, or returns nothing."""

import codecs
import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from gateway.config.faults import BadValue, did_you_mean, one_of
from gateway.domain.acquisition import HintKind
from gateway.domain.orders import LOCAL_LIST

Rule = Callable[[Any], None]

_AE_TITLE_LENGTH = 16
_LONG_STRING_LENGTH = 64
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_CODE_STRING = re.compile(r"[A-Z0-9_ ]{1,16}")
_HINT_NAMES = tuple(kind.value for kind in HintKind)


def within(lowest: float, highest: float) -> Rule:
    """A number from `lowest` to `highest`, both allowed."""

    def rule(value: float) -> None:
        if not lowest <= value <= highest:
            raise BadValue(f"must be from {lowest:g} to {highest:g}")

    return rule


def each(rule: Rule) -> Rule:
    """Every element of a list follows `rule`; the fault names the element."""

    def rule_of_all(values: Iterable[Any]) -> None:
        for index, value in enumerate(values):
            try:
                rule(value)
            except BadValue as bad:
                raise BadValue(bad.rule, suggestion=bad.suggestion, index=index) from bad

    return rule_of_all


def optional(rule: Rule) -> Rule:
    """Empty text, or what `rule` allows."""

    def rule_if_given(value: str) -> None:
        if value:
            rule(value)

    return rule_if_given


def ae_title(value: str) -> None:
    """An AE title (PS3.5 section 6.2, VR AE): 1 to 16 characters of ASCII without backslash and control characters."""
    if not value.strip() or value != value.strip():
        raise BadValue("an AE title is not empty and has no space around it")
    if len(value) > _AE_TITLE_LENGTH:
        raise BadValue(f"an AE title has at most 16 characters, this has {len(value)}")
    if "\\" in value or not value.isascii() or not value.isprintable():
        raise BadValue("an AE title is printable ASCII without a backslash")


def long_string(value: str) -> None:
    """Text that fits the VR LO: at most 64 characters, no backslash, no control characters (PS3.5 section 6.2)."""
    if len(value) > _LONG_STRING_LENGTH:
        raise BadValue(f"at most 64 characters fit the attribute, this has {len(value)}")
    if "\\" in value or (value and not value.isprintable()):
        raise BadValue("a backslash or control character is not allowed here")


def filled(value: str) -> None:
    """Text that is not empty and fits the VR LO."""
    if not value.strip():
        raise BadValue("must not be empty")
    long_string(value)


def name(value: str) -> None:
    """A name that serves as key in ledger, page and file names."""
    if not _NAME.fullmatch(value):
        raise BadValue("a name has 1 to 32 letters, digits, '-' or '_' and starts with a letter or digit")


def provider_name(value: str) -> None:
    """A name of ours for a worklist provider; one of them is the list that people keep on this box."""
    name(value)
    if value.casefold() == LOCAL_LIST:
        raise BadValue("is the name of the list that is kept on this box", suggestion="choose another one")


def network(value: str) -> None:
    """An IP address, or a network such as 192.0.2.0/24."""
    try:
        ipaddress.ip_network(value)
    except ValueError:
        raise BadValue("must be an IP address or a network", suggestion='for example "192.0.2.0/24"') from None


def code_string(value: str) -> None:
    """A Code String such as a Modality (PS3.5 section 6.2, VR CS)."""
    if not _CODE_STRING.fullmatch(value):
        suggestion = f"did you mean {value.upper()}?" if _CODE_STRING.fullmatch(value.upper()) else ""
        raise BadValue("at most 16 capital letters, digits, spaces or '_'", suggestion=suggestion)


def time_zone(value: str) -> None:
    """A name of the IANA time zone data base."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        suggestion = did_you_mean(value, available_timezones()) or "for example Asia/Kolkata"
        raise BadValue("no time zone of that name", suggestion=suggestion) from unknown


def regular_expression(value: str) -> None:
    """A regular expression whose named groups are kinds of hints."""
    try:
        groups = re.compile(value).groupindex
    except re.error as error:
        raise BadValue(f"not a regular expression: {error}") from error
    if not groups:
        raise BadValue("has no named group", suggestion="name one, for example (?P<patient_id>[0-9]+)")
    for group in groups:
        hint_kind(group)


def date_format(value: str) -> None:
    """A way of writing a date that holds day, month and year."""
    if not all(letter in value for letter in ("%d", "%m")) or not ("%Y" in value or "%y" in value):
        raise BadValue("must hold %d, %m and %Y", suggestion='for example "%d.%m.%Y"')


def encoding(value: str) -> None:
    """The name of a character encoding that Python reads."""
    try:
        codecs.lookup(value)
    except LookupError as unknown:
        raise BadValue("no character encoding of that name", suggestion='for example "utf-8"') from unknown


def hint_kind(value: str) -> None:
    """The name of a kind of hint."""
    if value not in _HINT_NAMES:
        suggestion = did_you_mean(value, _HINT_NAMES) or f"known are {', '.join(_HINT_NAMES)}"
        raise BadValue(f"{value!r} names no kind of hint", suggestion=suggestion)


def pattern(value: str) -> None:
    """A file name pattern of the shell's kind; it sees one name, never a path."""
    if not value or "/" in value:
        raise BadValue("must be a file name pattern without '/'", suggestion='for example "*.jpg"')


def match_rule(value: str) -> None:
    """A rule by which an acquisition may be tied to a step without a person."""
    one_of(value, ("accession_number", "patient_id", "active_step", "single_in_window"))
