"""One sentence on top of every screen: the answer to its question, so that a glance is enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.views import (
    AcceptingView,
    AcquisitionView,
    BeatView,
    CountsView,
    DestinationView,
    DeviceView,
    IssueView,
    ProviderView,
)
from gateway.web.words.states import Tone, severity_tone, worst
from gateway.web.words.text import clock_text, count, listed, second_text, size, when


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: its tone, its sentence, and at most one more line."""

    tone: Tone
    sentence: str
    more: str = ""


def is_late(beat: BeatView, now: datetime) -> bool:
    """Whether a loop has not shown progress within its own bound."""
    return (now - beat.at).total_seconds() > beat.bound_s


def now_verdict(
    counts: CountsView, destinations: Sequence[DestinationView], issues: Sequence[IssueView], last: str
) -> Verdict:
    """Is everything safe, and where is it?"""
    held, aside = counts.by_state.get("held", 0), counts.by_state.get("quarantined", 0)
    parked = sum(destination.parked for destination in destinations)
    asks = [
        text
        for number, text in (
            (held, f"{count(held, 'picture')} {'needs' if held == 1 else 'need'} a patient"),
            (parked, f"{count(parked, 'delivery', 'deliveries')} stopped"),
            (aside, f"{count(aside, 'file')} set aside"),
        )
        if number
    ]
    halted = [issue for issue in issues if severity_tone(issue.severity) is Tone.DANGER]
    if halted:
        return Verdict(Tone.DANGER, f"The box needs help: {halted[0].text}", halted[0].suggestion or last)
    if asks:
        tone = Tone.DANGER if parked or aside else Tone.ATTENTION
        return Verdict(tone, f"All kept safe here, but {listed(asks)}.", last)
    if counts.undelivered:
        return _on_the_way(counts, destinations, last)
    if not counts.captured_today:
        return Verdict(Tone.SAFE, "All safe. No pictures yet today.", last)
    if len(destinations) == 1:
        where = f", {counts.delivered_today:,} at {destinations[0].name}"
    else:
        where = "; nothing waits for a destination"
    return Verdict(Tone.SAFE, f"All safe. {counts.captured_today:,} captured today{where}.", last)


def last_picture(newest: AcquisitionView | None, now: datetime) -> str:
    """When the newest picture came, and when it was at its destinations."""
    if newest is None:
        return ""
    text = f"Last picture {second_text(newest.captured_at, now)}"
    arrived = [delivery.since for delivery in newest.deliveries if delivery.state in {"stored", "committed"}]
    if arrived and len(arrived) == len(newest.deliveries):
        text += f" → at PACS {second_text(max(arrived), now)}"
    return text


def queue_verdict(counts: CountsView, destinations: Sequence[DestinationView]) -> Verdict:
    """What is still here, and why?"""
    parked = sum(destination.parked for destination in destinations)
    under_way = max(0, counts.undelivered - parked)
    held, aside = counts.by_state.get("held", 0), counts.by_state.get("quarantined", 0)
    moving = counts.by_state.get("captured", 0) + counts.by_state.get("matched", 0)
    parts = [
        text
        for number, text in (
            (moving, f"{count(moving, 'picture')} being prepared"),
            (under_way, f"{under_way:,} on the way to the PACS"),
            (parked, f"{count(parked, 'delivery', 'deliveries')} stopped"),
            (held, f"{held:,} waiting for a patient"),
            (aside, f"{aside:,} set aside"),
        )
        if number
    ]
    if not parts:
        return Verdict(Tone.SAFE, "Nothing is waiting. Every picture is where it belongs.")
    tone = Tone.DANGER if aside or parked else Tone.ATTENTION if held else Tone.BUSY
    return Verdict(tone, f"{listed(parts)}.")


def holds_verdict(held: int) -> Verdict:
    """Which pictures need a person?"""
    if not held:
        return Verdict(Tone.SAFE, "No picture needs you.")
    verb = "needs a patient" if held == 1 else "need a patient"
    return Verdict(Tone.ATTENTION, f"{count(held, 'picture')} {verb}.", "Nothing is sent until you have decided.")


def worklist_verdict(providers: Sequence[ProviderView], expected: int, now: datetime) -> Verdict:
    """Who is expected, and how old is that knowledge?"""
    if not providers:
        return Verdict(Tone.ATTENTION, "No worklist is configured.", "Pictures can only be sent without an order.")
    silent = [provider for provider in providers if provider.error]
    if silent:
        ages = listed([_age(provider, now) for provider in silent])
        return Verdict(Tone.ATTENTION, f"The worklist may be old: {ages}.", f"{count(expected, 'step')} known here.")
    # a list or feed speaks when there is something new: its age is no sign of trouble
    asked = [provider for provider in providers if provider.kind == "query"]
    answered = [provider.answered_at for provider in asked or providers if provider.answered_at]
    if not answered and asked:
        return Verdict(Tone.BUSY, "The worklist has not been asked yet.")
    if not answered:
        return Verdict(Tone.BUSY, "No order has come in yet.")
    return Verdict(Tone.SAFE, f"{count(expected, 'step')} expected.", f"Worklist answered {when(min(answered), now)}.")


def devices_verdict(devices: Sequence[DeviceView], beats: Sequence[BeatView], now: datetime) -> Verdict:
    """Does each device talk to the box?"""
    if not devices:
        return Verdict(Tone.ATTENTION, "No device is configured.")
    late = [beat for beat in beats if beat.role.startswith("capture") and is_late(beat, now)]
    if late:
        return Verdict(Tone.DANGER, f"Capture has not moved since {clock_text(min(b.at for b in late), now)}.")
    today = sum(device.captured_today for device in devices)
    return Verdict(Tone.SAFE, f"{count(len(devices), 'device')} watched, {count(today, 'picture')} captured today.")


def destinations_verdict(destinations: Sequence[DestinationView], now: datetime) -> Verdict:
    """Does the box talk to the PACS?"""
    if not destinations:
        return Verdict(Tone.ATTENTION, "No destination is configured.", "Pictures stay safe here and go nowhere.")
    in_trouble = [destination for destination in destinations if destination.error]
    if in_trouble:
        named = listed([destination.name for destination in in_trouble])
        since = min((d.error_at for d in in_trouble if d.error_at), default=None)
        more = f"Since {clock_text(since, now)}. Pictures are kept safe here." if since else ""
        tone = Tone.DANGER if any(destination.parked for destination in in_trouble) else Tone.ATTENTION
        return Verdict(tone, f"Trouble with {named}.", more)
    waiting = sum(destination.pending + destination.sending for destination in destinations)
    if waiting:
        return Verdict(Tone.BUSY, f"{count(waiting, 'delivery', 'deliveries')} under way.")
    return Verdict(Tone.SAFE, "Every destination has everything it is owed.")


def accepts_verdict(name: str, known: AcceptingView) -> Verdict:
    """What does the PACS take, and what does it cost that it does not take the rest?"""
    if not known.answers:
        return Verdict(
            Tone.BUSY, f"{name} has not been asked yet what it accepts.", "That is learnt at the next sending."
        )
    refused = sum(not row.accepted for row in known.answers)
    if not refused:
        return Verdict(Tone.SAFE, f"{name} accepts all that this box makes.")
    more, less = f"{size(known.extra_bytes)} more", f"{size(-known.extra_bytes)} less"
    cost = f"{count(known.copies, 'picture')} went as copies, {more if known.extra_bytes >= 0 else less} than stored."
    nothing = "That has cost nothing: pictures are made so that they need no copy."
    kinds = f"{refused} of {count(len(known.answers), 'kind')}"
    return Verdict(Tone.SAFE, f"{name} refuses {kinds}.", cost if known.copies else nothing)


def system_verdict(issues: Sequence[IssueView], beats: Sequence[BeatView], now: datetime) -> Verdict:
    """Is the box well?"""
    late = [beat for beat in beats if is_late(beat, now)]
    if late:
        names = listed([beat.loop if beat.loop == beat.role else f"{beat.role} ({beat.loop})" for beat in late[:3]])
        return Verdict(Tone.DANGER, f"{count(len(late), 'loop')} stopped moving: {names}.")
    if issues:
        return Verdict(
            worst([severity_tone(issue.severity) for issue in issues]),
            f"{count(len(issues), 'issue')} to look at. First: {issues[0].text}",
        )
    if not beats:
        return Verdict(Tone.BUSY, "No part of the gateway has reported yet.")
    return Verdict(Tone.SAFE, "The box is well.", f"{count(len(beats), 'loop')} moving as promised.")


def _on_the_way(counts: CountsView, destinations: Sequence[DestinationView], last: str) -> Verdict:
    stuck = [destination for destination in destinations if destination.error and destination.pending]
    # With several destinations one picture is owed several times.
    one, many = ("picture", "pictures") if len(destinations) == 1 else ("delivery", "deliveries")
    what = count(counts.undelivered, one, many)
    if stuck:
        verb = "waits" if counts.undelivered == 1 else "wait"
        sentence = f"All safe here. {what} {verb} for {listed([destination.name for destination in stuck])}."
        return Verdict(Tone.ATTENTION, sentence, stuck[0].error)
    return Verdict(Tone.BUSY, f"All safe here. {what} on the way to the PACS.", last)


def _age(provider: ProviderView, now: datetime) -> str:
    if provider.answered_at is None:
        return f"{provider.name} has not answered yet"
    return f"{provider.name} last answered {when(provider.answered_at, now)}"
