"""Frames of the Minimal Lower Layer Protocol: bytes of a connection to messages, and what is no message named."""

from dataclasses import dataclass

LARGEST_MESSAGE = 256 * 1024
"""Most bytes of one message; an order has a few hundred."""

_START, _END = b"\x0b", b"\x1c\r"


@dataclass(frozen=True, slots=True)
class Frame:
    """What came between two marks; `fault` says why it is no whole message, empty if it is one."""

    content: bytes
    fault: str = ""


class FrameReader:
    """Cuts what arrives on one connection into frames.

    References
    ----------
    HL7 Transport Specification: MLLP, release 1, section 3 (a message stands between 0x0B and 0x1C 0x0D).
    """

    def __init__(self) -> None:
        self._held = b""

    @property
    def is_inside(self) -> bool:
        """Whether part of a message has come and its end has not."""
        return self._held.startswith(_START)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete, or known to stay incomplete, once `data` has come."""
        self._held += data
        frames: list[Frame] = []
        while self._held:
            if not self._held.startswith(_START):
                frames += self._skip()
                continue
            end = self._held.find(_END, 1)
            again = self._held.find(_START, 1, end if end >= 0 else len(self._held))
            if again >= 0:
                frames.append(Frame(self._held[1:again], "The message was cut off: another one begins inside it."))
                self._held = self._held[again:]
            elif end >= 0:
                frames.append(Frame(self._held[1:end]))
                self._held = self._held[end + len(_END) :]
            elif len(self._held) > LARGEST_MESSAGE:
                frames += self.end(f"The message is longer than {LARGEST_MESSAGE // 1024} KiB.")
            else:
                break
        return frames

    def end(self, why: str = "The message was cut off: its end never came.") -> list[Frame]:
        """What is left when nothing more comes."""
        left, self._held = self._held.removeprefix(_START), b""
        return [Frame(left, why)] if left else []

    def _skip(self) -> list[Frame]:
        """Take what stands before the next start; blank lines between messages are usual, all else is garbage."""
        start = self._held.find(_START)
        garbage = self._held if start < 0 else self._held[:start]
        self._held = self._held[len(garbage) :]
        return [Frame(garbage, "There are bytes outside of any message.")] if garbage.strip(b"\r\n\x1c \t") else []


def framed(message: bytes) -> bytes:
    """A message with the marks around it."""
    return _START + message + _END
