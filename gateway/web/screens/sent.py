"""What a worklist peer sent: its last answers or messages, decoded, each fault at its place. Holds patient data.

Answers to the broad question and to single look-ups stand beside each other, each with its time.
"""

from flask import Blueprint, Response, abort, request, url_for

from gateway.domain.sent import SentRound
from gateway.domain.views import ProviderView
from gateway.web.house import house
from gateway.web.render import screen
from gateway.web.words.states import Tone
from gateway.web.words.text import count, when
from gateway.web.words.verdicts import Verdict

_MESSAGES, _LISTS = 20, 5


def add_sent(pages: Blueprint) -> None:
    """Add the view to the worklist's pages."""
    pages.add_url_rule("/worklist/sent", "sent", show)


def show() -> Response:
    """The last answers, messages or lists of the provider that the address names."""
    named = request.args.get("provider", "")
    provider = next((row for row in house().reader.providers() if row.name == named), None) or abort(404)
    sent = house().sent
    heard = sent.round(provider.name) if provider.kind == "query" else None
    looked_up = sent.look_ups(provider.name) if provider.kind == "query" else []
    messages = sent.messages(provider.name, limit=_MESSAGES) if provider.kind == "hl7" else []
    imports = sent.imports(limit=_LISTS) if provider.kind == "local" else []
    return screen(
        "sent",
        _verdict(provider, heard, len(messages) + len(imports) + len(looked_up)),
        live=url_for("worklist.sent", provider=provider.name),
        provider=provider,
        heard=heard,
        looked_up=looked_up,
        messages=[(message, _lines(message.body)) for message in messages],
        imports=[(one, _lines(one.body)) for one in imports],
    )


def _verdict(provider: ProviderView, heard: SentRound | None, others: int) -> Verdict:
    if provider.kind != "query":
        what = "message" if provider.kind == "hl7" else "list"
        last = what if others == 1 else count(others, what)
        sentence = f"The last {last} of {provider.name}." if others else f"No {what} has come yet."
        return Verdict(Tone.SAFE if others else Tone.BUSY, sentence)
    if heard is None:
        what = "the broad question " if others else ""
        return Verdict(Tone.BUSY, f"{provider.name} has not answered {what}yet.", provider.error)
    faulty = sum(not answer.usable for answer in heard.answers)
    sentence = f"{provider.name} sent {count(heard.came, 'answer')} {when(heard.at, house().now())}."
    more = f"It was asked for {heard.asked}."
    if heard.note:
        return Verdict(Tone.ATTENTION, sentence, f"{more} They may not be all: {heard.note}.")
    if faulty:
        return Verdict(Tone.ATTENTION, sentence, f"{more} {count(faulty, 'answer')} of those below cannot be used.")
    return Verdict(Tone.SAFE, sentence, more)


def _lines(body: bytes) -> list[str]:
    """A message or list line by line; bytes that are no UTF-8 and signs that cannot be shown stand as escapes."""
    text = body.decode("utf-8", errors="backslashreplace")
    return ["".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line) for line in text.splitlines()]
