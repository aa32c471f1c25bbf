"""Reads what a filed request names, and says in the operator's words why a request cannot be carried out."""

from collections.abc import Callable

from gateway.domain.requests import Request

_NUMBER_MAX_DIGITS = 18
_WORDS_MAX_LENGTH = 200


class RequestRefused(Exception):  # noqa: N818 - the outcome, in the operator's words
    """A request that cannot be carried out, with the reason for the person who filed it.

    `record` writes what stays of it all the same, when everything else it did has been undone; `waiting_step` is the
    number of the step that waits to be confirmed.
    """

    record: Callable[[], None] | None = None
    waiting_step: int | None = None


class NotYet(Exception):  # noqa: N818 - no fault: the request stays filed and is looked at again
    """What a request is about is being worked on at this moment."""


def text_of(request: Request, key: str) -> str:
    """A text that must be there."""
    value = request.payload.get(key, "").strip()
    if not value:
        raise RequestRefused(f"The request names no {key}.")
    return value


def words_of(request: Request, key: str) -> str:
    """Words of a person for the journal: one printable line."""
    value = text_of(request, key)
    if not value.isprintable() or len(value) > _WORDS_MAX_LENGTH:
        raise RequestRefused(f"{key} is one line of at most {_WORDS_MAX_LENGTH} characters.")
    return value


def number_of(request: Request, key: str) -> int:
    """A number that must be there."""
    text = text_of(request, key)
    if not is_number(text):
        raise RequestRefused(f"{key} is a number.")
    return int(text)


def numbers_of(request: Request, key: str) -> list[int]:
    """Numbers with commas between them, each once, in the order given."""
    texts = [text.strip() for text in text_of(request, key).split(",")]
    if not all(is_number(text) for text in texts):
        raise RequestRefused(f"{key} are numbers with commas between them.")
    return list(dict.fromkeys(int(text) for text in texts))


def is_number(text: str) -> bool:
    """Whether `text` is a number that a row can have."""
    return text.isascii() and text.isdigit() and len(text) <= _NUMBER_MAX_DIGITS
