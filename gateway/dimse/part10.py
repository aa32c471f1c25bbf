"""The data set inside a Part 10 file, found and read as bytes, never decoded: what was spooled is what is sent."""

import struct
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from pydicom.filereader import read_file_meta_info

from gateway.dimse.messages import DECODE_FAULTS
from gateway.domain.errors import HALF_SENT, Disposition, GatewayError, Phase

_GROUP_LENGTH_END = 144
_UNREAD = "spool"
_GROUP_LENGTH = struct.Struct("<HH2sHL")


class Part10File:
    """An open Part 10 file, positioned at its data set of `data_bytes` bytes."""

    def __init__(self, path: Path, file: BinaryIO, data_bytes: int) -> None:
        self._path = path
        self._file = file
        self.data_bytes = data_bytes
        self._begun = False

    @classmethod
    def open(cls, path: Path, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> Self:
        """Open `path` and check that its meta information names this class, instance and transfer syntax.

        Raises
        ------
        GatewayError
            RETRY, SPOOL: the file cannot be read now. QUARANTINE, SPOOL: it is not that instance.

        References
        ----------
        PS3.10 section 7.1 (File Meta Information).
        """
        try:
            offset, size = _data_set_range(path)
            _check_meta(path, sop_class_uid, sop_instance_uid, transfer_syntax_uid)
            file = path.open("rb")
            file.seek(offset)
        except OSError as fault:
            raise _unreadable(path, fault) from fault
        return cls(path, file, size - offset)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self, count: int) -> bytes:
        """The next `count` bytes; a file that ends before, or cannot be read, is a `GatewayError`."""
        code = HALF_SENT if self._begun else _UNREAD
        try:
            block = self._file.read(count)
        except OSError as fault:
            raise _unreadable(self._path, fault, code) from fault
        if len(block) != count:
            raise _not_that(self._path, "it became shorter while it was sent", code)
        self._begun = True
        return block


def _data_set_range(path: Path) -> tuple[int, int]:
    with path.open("rb") as file:
        head = file.read(_GROUP_LENGTH_END)
        size = file.seek(0, 2)
    if len(head) < _GROUP_LENGTH_END or head[128:132] != b"DICM":
        raise _not_that(path, "it is no DICOM file")
    group, element, vr, length, value = _GROUP_LENGTH.unpack_from(head, 132)
    if (group, element, vr, length) != (2, 0, b"UL", 4) or _GROUP_LENGTH_END + value >= size:
        raise _not_that(path, "its File Meta Information has no usable group length")
    return _GROUP_LENGTH_END + value, size


def _check_meta(path: Path, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> None:
    try:
        meta = read_file_meta_info(path)
        found = (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID)
    except OSError:
        raise
    except DECODE_FAULTS as fault:
        raise _not_that(path, "its File Meta Information cannot be read") from fault
    if found != (sop_class_uid, sop_instance_uid, transfer_syntax_uid):
        raise _not_that(path, "its File Meta Information names another class, instance or transfer syntax")


def _unreadable(path: Path, fault: OSError, code: str = _UNREAD) -> GatewayError:
    return GatewayError(
        f"The spooled file {path.name} cannot be read: {fault.strerror or 'no reason'}.",
        disposition=Disposition.RETRY,
        phase=Phase.SPOOL,
        remedy="Check the disk of this box.",
        code=code,
    )


def _not_that(path: Path, why: str, code: str = _UNREAD) -> GatewayError:
    return GatewayError(
        f"The spooled file {path.name} is not the object that is owed: {why}.",
        disposition=Disposition.QUARANTINE,
        phase=Phase.SPOOL,
        remedy="The file was damaged on the disk of this box; check the disk.",
        code=code,
    )
