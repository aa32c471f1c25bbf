"""Faults of captured files: what Pillow and the operating system raise becomes a `GatewayError` here."""

import errno
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from gateway.domain.errors import Disposition, GatewayError, Phase, UnreadableInput


class TruncatedInput(UnreadableInput):
    """Bytes that end, or are not yet written, before their own format says they should: more may come."""


_DAMAGE = (
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow's parsers raise when damaged bytes lead them astray, besides `OSError`."""


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """Turn what a decoder raises about `what` into a fault; faults of the disk stay temporary."""
    try:
        yield
    except Image.DecompressionBombError as error:
        raise UnreadableInput(f"{what} has too many pixels.", remedy="Check the device's export settings.") from error
    except MemoryError as error:
        raise UnreadableInput(f"{what} needs more memory than this box has.") from error
    except OSError as error:
        if error.errno is not None:
            raise input_fault(f"{what} cannot be read", error) from error
        raise UnreadableInput(
            f"{what} cannot be decoded: {error}.", remedy="Export it again from the device."
        ) from error
    except _DAMAGE as error:
        raise UnreadableInput(f"{what} is damaged: {error}.", remedy="Export it again from the device.") from error


def input_fault(message: str, error: OSError, *, remedy: str = "") -> GatewayError:
    """The temporary fault behind an operating system error while reading a device's file."""
    code = errno.errorcode.get(error.errno or 0, "")
    return GatewayError(
        f"{message}: {error.strerror or error}.",
        disposition=Disposition.RETRY,
        phase=Phase.CAPTURE,
        remedy=remedy or "Check the folder, its share and its rights; the gateway keeps trying.",
        code=code,
    )


def source_trouble(message: str, *, remedy: str, code: str = "") -> GatewayError:
    """A standing trouble of a source that the gateway keeps trying to get over."""
    return GatewayError(message, disposition=Disposition.RETRY, phase=Phase.CAPTURE, remedy=remedy, code=code)
