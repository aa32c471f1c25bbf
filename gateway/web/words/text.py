"""Small facts as people write them: times, sizes, counts, names, dates."""

from datetime import datetime, timedelta

_MINUTE_S, _HOUR_S = 60, 3600
_MORE_THAN_KILO = 1000
_DATE_LENGTH = 8
_COMPONENTS = 5


def when(moment: datetime | None, now: datetime) -> str:
    """`moment` relative within the hour, as wall clock within the day, with its date beyond."""
    if moment is None:
        return "never"
    local = moment.astimezone(now.tzinfo)
    age_s = (now - moment).total_seconds()
    if abs(age_s) < _HOUR_S:
        span = span_text(timedelta(seconds=abs(age_s)))
        return f"in {span}" if age_s < 0 else f"{span} ago"
    return f"{local:%H:%M}" if local.date() == now.date() else f"{local:%Y-%m-%d %H:%M}"


def clock_text(moment: datetime, now: datetime) -> str:
    """The wall clock of `moment`, with its date unless that is today; for "since" and "until"."""
    local = moment.astimezone(now.tzinfo)
    return f"{local:%H:%M}" if local.date() == now.date() else f"{local:%Y-%m-%d %H:%M}"


def second_text(moment: datetime, now: datetime) -> str:
    """As `clock_text`, to the second."""
    local = moment.astimezone(now.tzinfo)
    return f"{local:%H:%M:%S}" if local.date() == now.date() else f"{local:%Y-%m-%d %H:%M:%S}"


def exact(moment: datetime, now: datetime) -> str:
    """The exact value that stands behind a rounded time."""
    return moment.astimezone(now.tzinfo).isoformat(sep=" ", timespec="seconds")


def span_text(span: timedelta) -> str:
    """A length of time in its largest fitting unit; below a minute in steps of ten seconds, so that it stays calm."""
    seconds = span.total_seconds()
    if seconds < 10:  # noqa: PLR2004 - the step just described
        return "a moment"
    if seconds < _MINUTE_S:
        return f"{int(seconds // 10 * 10)} s"
    if seconds < _HOUR_S:
        return f"{int(seconds // _MINUTE_S)} min"
    if seconds < 24 * _HOUR_S:
        return f"{int(seconds // _HOUR_S)} h {int(seconds % _HOUR_S // _MINUTE_S):02d} min"
    return count(span.days, "day")


def size(number: int) -> str:
    """A number of bytes in decimal units."""
    value = float(number)
    for unit in ("B", "kB", "MB"):
        if value < _MORE_THAN_KILO:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"  # noqa: PLR2004 - two digits need a decimal
        value /= _MORE_THAN_KILO
    return f"{value:.1f} GB"


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def person(name: str) -> str:
    """A PN value as people read it: "Family, Given Middle", other scripts in brackets (PS3.5 section 6.2.1)."""
    groups = [_group(group) for group in name.split("=")[:2]]
    shown = [group for group in groups if group]
    if not shown:
        return "Name not known"
    return shown[0] if len(shown) == 1 else f"{shown[0]} ({shown[1]})"


def _group(text: str) -> str:
    family, given, middle, prefix, suffix = ([part.strip() for part in text.split("^")] + [""] * _COMPONENTS)[:5]
    rest = " ".join(part for part in (prefix, given, middle) if part)
    main = ", ".join(part for part in (family, rest) if part)
    return f"{main}, {suffix}" if main and suffix else main


def birth_date(text: str) -> str:
    """A DA value with hyphens; anything else as it stands."""
    if len(text) == _DATE_LENGTH and text.isascii() and text.isdigit():
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    return text


def listed(parts: list[str]) -> str:
    """Parts as an English list."""
    if len(parts) <= 1:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
