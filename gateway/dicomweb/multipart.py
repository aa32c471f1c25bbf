"""The body of a store request: Part 10 files in their parts, read block by block, with a length known beforehand."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.errors import HALF_SENT, Disposition, GatewayError, Phase

_BLOCK_BYTES = 262_144
_MAGIC_END = 132
_UNREAD = "spool"


@dataclass(frozen=True, slots=True)
class StowItem:
    """One instance to store: its Part 10 file, and whether it may have reached the service earlier."""

    path: Path
    sop_instance_uid: str
    transfer_syntax_uid: str
    sent_before: bool = True

    @property
    def size(self) -> int:
        """Bytes of its file; 0 if that is gone, which is told when it is to be sent."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0


class SpoolFault(GatewayError):  # noqa: N818 - the disk is at fault, not the program
    """The file of one item cannot be read or is not that instance; `item` says whose."""

    def __init__(self, item: StowItem, why: str, *, damaged: bool, code: str = _UNREAD) -> None:
        super().__init__(
            f"The spooled file {item.path.name} cannot be sent: {why}.",
            disposition=Disposition.QUARANTINE if damaged else Disposition.RETRY,
            phase=Phase.SPOOL,
            remedy="Check the disk of this box.",
            code=code,
        )
        self.item = item


class StoreBody:
    """A ``multipart/related`` body; iterating reads the files, as often as it is done.

    Parameters
    ----------
    boundary
        Delimits the parts; made of 128 random bits if not given, so that no file holds it.

    Raises
    ------
    SpoolFault
        When made or iterated: a file cannot be read, is no DICOM file, or became shorter.

    References
    ----------
    PS3.18 section 10.5.1, RFC 2387, RFC 2046 section 5.1.1.
    """

    def __init__(self, items: Sequence[StowItem], boundary: str = "") -> None:
        self.boundary = boundary or secrets.token_hex(16)
        self._head = f"--{self.boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode("ascii")
        self._tail = f"--{self.boundary}--\r\n".encode("ascii")
        self._parts = [(item, _size_of(item)) for item in items]

    @property
    def content_type(self) -> str:
        """The header that announces it."""
        return f'multipart/related; type="application/dicom"; boundary={self.boundary}'

    @property
    def size(self) -> int:
        """Bytes of the whole body."""
        return sum(len(self._head) + size + 2 for _, size in self._parts) + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        for item, size in self._parts:
            yield self._head
            yield from _blocks(item, size)
            yield b"\r\n"
        yield self._tail


def _size_of(item: StowItem) -> int:
    try:
        with item.path.open("rb") as file:
            head = file.read(_MAGIC_END)
            size = file.seek(0, 2)
    except OSError as fault:
        raise SpoolFault(item, fault.strerror or "it cannot be read", damaged=False) from fault
    if head[128:] != b"DICM":
        raise SpoolFault(item, "it is no DICOM file", damaged=True)
    return size


def _blocks(item: StowItem, size: int) -> Iterator[bytes]:
    left = size
    try:
        with item.path.open("rb") as file:
            while left:
                block = file.read(min(left, _BLOCK_BYTES))
                if not block:
                    raise SpoolFault(item, "it became shorter while it was sent", damaged=True, code=_code(left, size))
                left -= len(block)
                yield block
    except OSError as fault:
        code = _code(left, size)
        raise SpoolFault(item, fault.strerror or "it cannot be read", damaged=False, code=code) from fault


def _code(left: int, size: int) -> str:
    return _UNREAD if left == size else HALF_SENT
