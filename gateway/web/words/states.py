"""States and errors in plain words: each mark has a tone (shown as a shape and a colour) and a word beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import MappingProxyType

from gateway.domain.views import AcquisitionView, DeliveryView, DestinationView
from gateway.web.words.text import clock_text, count, when


class Tone(Enum):
    """How much of a person's attention a thing asks for."""

    SAFE = "safe"
    BUSY = "busy"
    ATTENTION = "attention"
    DANGER = "danger"


_WORST_FIRST = (Tone.DANGER, Tone.ATTENTION, Tone.BUSY, Tone.SAFE)


@dataclass(frozen=True, slots=True)
class Mark:
    """A state for people."""

    tone: Tone
    word: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault for people: what happened, at which layer, what the box does about it, what a person can do."""

    tone: Tone
    what: str
    layer: str
    box: str
    remedy: str


_LAYERS = {
    "capture": "capture",
    "decode": "reading the file",
    "match": "matching with the worklist",
    "build": "building the object",
    "encode": "compressing",
    "verify": "checking the compressed object",
    "spool": "the disk of this box",
    "commit": "confirmation by the PACS",
    "configure": "settings",
    "resolve": "name of the peer",
    "connect": "network",
    "tls": "TLS",
    "negotiate": "association",
    "transfer": "sending",
    "response": "answer of the PACS",
    "query": "worklist query",
    "export": "writing to a medium",
}
_NO_PEERS: Mapping[str, DestinationView] = MappingProxyType({})
_LINK_PHASES = frozenset({"resolve", "connect", "tls", "transfer"})
_KINDS = {
    "assign": "Assign to a patient",
    "unscheduled": "Send without an order",
    "split": "Split the exam",
    "discard": "Discard",
    "correct": "Correct",
    "open_unscheduled": "Open without an order",
    "reconcile": "Reconcile with the order",
    "not_the_same": "Not the same",
    "stay_unscheduled": "Leave without an order",
    "notice_done": "Archive changed",
    "open_step": "Open a patient",
    "close_step": "Close the patient",
    "retry": "Try again",
    "hold_back": "Hold",
    "let_go": "Release",
    "retarget": "Send elsewhere",
    "drop": "Drop",
    "take_back": "Take back",
    "rebuild": "Make again",
    "retry_report": "Report the step again",
    "release": "Release",
    "echo": "Test a destination",
    "learn_anew": "Ask what it accepts",
    "refresh": "Ask the worklist",
    "look_up": "Look up",
    "accept_step": "Accept the entry",
    "scan": "Scan",
    "import_orders": "Import a list",
    "add_order": "Add an order",
    "remove_order": "Take an order off",
}
_RULES = {
    "accession_number": "by accession number",
    "patient_id": "by patient ID",
    "active_step": "by the patient open on the device",
    "single_in_window": "as the only fitting step at that time",
    "operator": "by a person",
    "unscheduled": "without an order, by a person",
}


def layer_word(phase: str) -> str:
    """A phase of the chain in plain words."""
    return _LAYERS.get(phase, phase)


def rule_word(rule: str) -> str:
    """How an acquisition was tied to its step."""
    return _RULES.get(rule, rule)


def request_word(kind: str) -> str:
    """A request of a person, by its kind."""
    return _KINDS.get(kind, kind)


def status_words(code: str) -> str:
    """What a C-STORE status says (PS3.4 table B.2-1 and PS3.7 Annex C); empty for an unknown one."""
    code = code.upper().removeprefix("0X")
    exact_codes = {
        "0000": "The PACS stored it",
        "0111": "The PACS has this object already",
        "0117": "The PACS calls the object's UID invalid",
        "0122": "The PACS does not take this kind of object",
        "0124": "The PACS does not allow this box to send",
        "0210": "The PACS saw a message twice",
        "0211": "The PACS does not know the operation",
    }
    families = {
        "A7": "The PACS is out of space or other resources",
        "A9": "The PACS says the object does not match its kind",
        "B0": "The PACS stored it, with a remark",
        "C": "The PACS cannot understand the object",
    }
    if code in exact_codes:
        return f"{exact_codes[code]} ({code})."
    return next((f"{text} ({code})." for start, text in families.items() if code.startswith(start)), "")


def delivery_mark(delivery: DeliveryView, now: datetime, peers: Mapping[str, DestinationView] = _NO_PEERS) -> Mark:
    """The state of one delivery; while its destination in `peers` is in trouble, what waits says so."""
    by_receipt = ", by receipt" if delivery.status == "receipt" else ""
    settled = {
        "stored": Mark(Tone.SAFE, "At PACS", f"{when(delivery.since, now)}{by_receipt}"),
        "committed": Mark(Tone.SAFE, "Confirmed by PACS", when(delivery.since, now)),
        "sending": Mark(Tone.BUSY, "Sending"),
        "parked": Mark(Tone.DANGER, "Needs you", f"stopped {when(delivery.since, now)}"),
        "held": Mark(Tone.ATTENTION, "Held back", "a person keeps it here"),
        "dropped": Mark(Tone.ATTENTION, "Dropped", "a person gave it up"),
    }
    return settled.get(delivery.state) or _waiting(delivery, now, peers.get(delivery.destination))


def acquisition_mark(
    acquisition: AcquisitionView, now: datetime, peers: Mapping[str, DestinationView] = _NO_PEERS
) -> Mark:
    """The state of an acquisition; once it is an object, the worst of its deliveries speaks for it."""
    match acquisition.state:
        case "captured":
            return Mark(Tone.BUSY, "Captured", "finding its patient")
        case "matched":
            return Mark(Tone.BUSY, "Patient found", "making the object")
        case "held":
            return Mark(Tone.ATTENTION, "Needs you", "waits for a patient")
        case "quarantined":
            return Mark(Tone.DANGER, "Set aside", "cannot be used as it is")
    return _corrected(acquisition, now) if acquisition.rejected_at is not None else _built(acquisition, now, peers)


def _built(acquisition: AcquisitionView, now: datetime, peers: Mapping[str, DestinationView]) -> Mark:
    """The worst of the deliveries of an object."""
    marks = [delivery_mark(delivery, now, peers) for delivery in acquisition.deliveries]
    if not marks:
        return Mark(Tone.SAFE, "Safe here", "no destination is configured")
    # Of two safe ones the weaker proof speaks: "At PACS" until every destination has confirmed.
    return min(marks, key=lambda mark: (_WORST_FIRST.index(mark.tone), mark.word != "At PACS"))


def _corrected(acquisition: AcquisitionView, now: datetime) -> Mark:
    """What was rejected: done when every note about it is where it is owed."""
    notes = [delivery_mark(delivery, now) for delivery in acquisition.deliveries if delivery.is_note]
    instead = f"picture {acquisition.corrected_by} took its place" if acquisition.corrected_by else "rejected"
    tone = min((mark.tone for mark in notes), key=_WORST_FIRST.index, default=Tone.SAFE)
    if tone is Tone.SAFE:
        return Mark(Tone.SAFE, "Corrected", instead)
    return Mark(tone, "Corrected", f"{instead}; the PACS is being told")


def delivery_trouble(delivery: DeliveryView) -> Trouble | None:
    """What went wrong last with a delivery that is not done, or not yet proven; None when nothing did."""
    if delivery.state == "stored" and delivery.error:
        box = "The PACS has said that it stored it. The gateway keeps its copy and asks again."
        return Trouble(Tone.ATTENTION, delivery.error, layer_word("commit"), box, delivery.remedy)
    if delivery.state in {"stored", "committed", "held", "dropped"} or not (delivery.error or delivery.status):
        return None
    what = delivery.error or status_words(delivery.status) or f"The PACS answered {delivery.status}."
    if delivery.status and delivery.error and delivery.status not in delivery.error:
        what = f"{delivery.error} ({delivery.status})"
    if delivery.state == "parked":
        return Trouble(Tone.DANGER, what, layer_word(delivery.phase), "The gateway keeps it safe.", delivery.remedy)
    keeps_trying = "" if "keeps trying" in delivery.remedy else "; the gateway keeps trying"
    tried = f"Tried {count(delivery.attempts, 'time')}{keeps_trying}."
    return Trouble(Tone.ATTENTION, what, layer_word(delivery.phase), tried, delivery.remedy)


def acquisition_trouble(acquisition: AcquisitionView) -> Trouble | None:
    """Why an acquisition is held or set aside; None otherwise."""
    if acquisition.state == "held":
        box = "The gateway keeps it safe and sends nothing until a person has decided."
        return Trouble(Tone.ATTENTION, acquisition.reason, layer_word("match"), box, acquisition.remedy)
    if acquisition.state == "quarantined":
        box = "The gateway keeps the file and has set it aside."
        return Trouble(Tone.DANGER, acquisition.reason, "making the object", box, acquisition.remedy)
    return None


def troubles(acquisition: AcquisitionView) -> list[Trouble]:
    """Everything that stands in the way of an acquisition, the worst first."""
    found = [acquisition_trouble(acquisition), *(delivery_trouble(delivery) for delivery in acquisition.deliveries)]
    return sorted((t for t in found if t is not None), key=lambda trouble: _WORST_FIRST.index(trouble.tone))


def severity_tone(severity: str) -> Tone:
    """The tone of an issue."""
    if severity.lower() in {"error", "critical", "danger", "fault"}:
        return Tone.DANGER
    return Tone.BUSY if severity.lower() in {"info", "note", "notice"} else Tone.ATTENTION


def worst(tones: list[Tone]) -> Tone:
    """The worst of several tones; safe when there are none."""
    return min(tones, key=_WORST_FIRST.index, default=Tone.SAFE)


def _waiting(delivery: DeliveryView, now: datetime, peer: DestinationView | None) -> Mark:
    due = f"next try {when(delivery.due_at, now)}" if delivery.due_at and delivery.due_at > now else ""
    # A link's fault stands with the destination: it is no fault of what waits for it.
    phase, since = delivery.phase if delivery.error else "", delivery.since
    if not phase and peer is not None and peer.error and peer.error_at:
        phase, since = peer.phase, peer.error_at
    if not phase and not delivery.error:
        return Mark(Tone.BUSY, "Waiting", due or "for its turn")
    if phase in _LINK_PHASES:
        return Mark(Tone.ATTENTION, f"Waiting (link down since {clock_text(since, now)})", due)
    return Mark(Tone.ATTENTION, "Waiting (the last try failed)", due)
