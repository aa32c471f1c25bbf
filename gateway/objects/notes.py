"""What fitting a value to its VR needs of its surroundings: somebody who takes notes."""

from typing import Protocol


class Notes(Protocol):
    """Takes sentences about adapted values; an object in the making does, and so does a message."""

    def note(self, text: str) -> None:
        """Record, without patient data, what was changed or left out on the way."""
        ...


class NoteList:
    """Notes of what is no object."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        """Keep the sentence."""
        self.texts.append(text)
