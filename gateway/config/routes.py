"""What a destination takes, and for whom it stands in."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import attrs

from gateway.config import rules as allow
from gateway.config.faults import BadValue, did_you_mean
from gateway.config.fields import setting
from gateway.config.sending import hours

NO_FALLBACK: Mapping[str, str] = MappingProxyType({})


@attrs.frozen
class Takes:
    """Which instances a destination is owed: all rules that are given must fit; what fits nowhere goes to the first."""

    devices: tuple[str, ...] = setting("Only of these devices; empty: of all.", default=(), rule=allow.each(allow.name))
    modalities: tuple[str, ...] = setting(
        "Only of these modalities, such as OP; empty: of all.", default=(), rule=allow.each(allow.code_string)
    )
    sop_classes: tuple[str, ...] = setting(
        "Only of these classes, named as in a device file (sop_class); empty: of all.",
        default=(),
        rule=allow.each(allow.filled),
    )
    hours: tuple[str, ...] = setting(
        "Only what is finished within these hours of the station's wall clock; empty: always.",
        default=(),
        rule=allow.each(hours),
    )
    stands_in_for: str = setting(
        "Name of the destination for which this one stands in: it takes nothing else, and only what the other does not "
        "answer for. The other gets it too when it answers again.",
        default="",
        rule=allow.optional(allow.name),
    )
    stands_in_after_min: float = setting(
        "Minutes of silence after which it stands in.", default=30.0, rule=allow.within(0, 14 * 1440)
    )


def route_faults(
    takes: Sequence[tuple[str, Takes]], devices: Sequence[str], sop_classes: frozenset[str]
) -> Iterator[tuple[str, BadValue]]:
    """What the rules of all destinations, by name, refer to and is not there; an empty `sop_classes` is not checked."""
    names = [name for name, _ in takes]
    for index, (name, one) in enumerate(takes):
        path = f"destination[{index}].takes"
        for device in one.devices:
            if device not in devices:
                yield (
                    f"{path}.devices",
                    BadValue(f"there is no device {device}", suggestion=did_you_mean(device, devices)),
                )
        for row in one.sop_classes:
            if sop_classes and row not in sop_classes:
                yield (
                    f"{path}.sop_classes",
                    BadValue(f'there is no class "{row}"', suggestion=did_you_mean(row, sorted(sop_classes))),
                )
        yield from ((f"{path}.stands_in_for", bad) for bad in _standing_in(name, one.stands_in_for, takes))
    if takes and all(one.stands_in_for for _, one in takes):
        yield "destination[0].takes.stands_in_for", BadValue(f"one of {', '.join(names)} must stand in for nobody")


def _standing_in(name: str, primary: str, takes: Sequence[tuple[str, Takes]]) -> Iterator[BadValue]:
    known = dict(takes)
    if not primary:
        return
    if primary == name:
        yield BadValue("a destination cannot stand in for itself")
    elif primary not in known:
        yield BadValue(f"there is no destination {primary}", suggestion=did_you_mean(primary, list(known)))
    elif known[primary].stands_in_for:
        yield BadValue(f"{primary} only stands in itself")


def fallback_faults(
    fallbacks: Sequence[Mapping[str, str]], sop_classes: frozenset[str]
) -> Iterator[tuple[str, BadValue]]:
    """What the fallbacks of all destinations name and is no class, or leads nowhere; empty `sop_classes`: unchecked."""
    for index, pairs in enumerate(fallbacks):
        for refused, instead in pairs.items():
            path = f"destination[{index}].fallback.{refused}"
            for name in (refused, instead):
                if sop_classes and name not in sop_classes:
                    yield (
                        path,
                        BadValue(f'there is no class "{name}"', suggestion=did_you_mean(name, sorted(sop_classes))),
                    )
            if refused == instead:
                yield path, BadValue("a class cannot stand in for itself")
