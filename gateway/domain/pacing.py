"""How fast bytes may leave: what a sender asks before each write."""

from typing import Protocol


class Pace(Protocol):
    """The bandwidth cap of a destination as one of its connections sees it."""

    def __call__(self, wanted: int, /) -> int:
        """How many of `wanted` bytes may go now (at least 1), after waiting for their turn."""
        ...

    def share(self) -> float | None:
        """Bytes per second of the cap that fall to the caller's connection now; None when there is no cap."""
        ...
