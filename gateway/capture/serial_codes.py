"""A barcode scanner on a serial port: whole codes as text; a port that is lost is opened again."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import serial

from gateway.domain.errors import Disposition, GatewayError, Phase

TERMINATORS: Mapping[str, bytes] = MappingProxyType(
    {"cr": b"\r", "lf": b"\n", "crlf": b"\r\n", "tab": b"\t", "etx": b"\x03"}
)
_PARITIES: Mapping[str, str] = MappingProxyType(
    {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}
)
_LONGEST = 256
_REST_S = 1.0
_REOPEN_S = 3.0
_LINE_ENDS = b"\r\n\t\x02\x03\x00 "


@dataclass(frozen=True, slots=True)
class CodeLine:
    """The settings of a scanner's serial line; `terminator` is a key of `TERMINATORS`."""

    name: str
    port: str
    baud: int = 9600
    data_bits: int = 8
    parity: str = "none"
    stop_bits: int = 1
    terminator: str = "cr"


class SerialCodes:
    """Reads codes from one scanner, for one thread."""

    def __init__(self, line: CodeLine, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._line = line
        self._end = TERMINATORS[line.terminator]
        self._monotonic = monotonic
        self._port: serial.Serial | None = None
        self._held = b""
        self._held_at = 0.0
        self._reopen_at = float("-inf")
        self.trouble: GatewayError | None = None
        """What is wrong with the scanner now; None if nothing is."""

    def read(self, wait_s: float) -> list[str]:
        """The codes that have come whole, after waiting up to `wait_s` seconds for one.

        What was sent while nobody read is thrown away: an old code must not open an old patient. A code whose end
        does not come is thrown away too, and named as trouble.
        """
        port = self._opened()
        if port is None:
            time.sleep(min(wait_s, max(0.0, self._reopen_at - self._monotonic())))
            return []
        try:
            port.timeout = wait_s
            data = port.read(1)
            data += port.read(port.in_waiting) if data else b""
        except (serial.SerialException, OSError) as fault:
            self._lost(fault)
            return []
        return self._codes(data)

    def close(self) -> None:
        """Release the port."""
        if self._port is not None:
            self._port.close()
            self._port = None

    def _opened(self) -> serial.Serial | None:
        if self._port is not None:
            return self._port
        if self._monotonic() < self._reopen_at:
            return None
        line = self._line
        try:
            port = serial.Serial(
                line.port,
                line.baud,
                bytesize=line.data_bits,
                parity=_PARITIES[line.parity],
                stopbits=line.stop_bits,
                exclusive=True,
            )
            port.reset_input_buffer()
        except (serial.SerialException, OSError, ValueError) as fault:
            self._lost(fault)
            return None
        self._port, self._held, self.trouble = port, b"", None
        return port

    def _lost(self, fault: Exception) -> None:
        self.close()
        self._held = b""
        self._reopen_at = self._monotonic() + _REOPEN_S
        number = getattr(fault, "errno", None)
        why = f" (error {number})" if number else ""
        self.trouble = self._named(
            f"The scanner {self._line.name} cannot be read at {self._line.port}{why}.",
            "Plug it in, or correct port and line settings in its table; it is tried again every few seconds.",
        )

    def _codes(self, data: bytes) -> list[str]:
        now = self._monotonic()
        if self._held and not data and now - self._held_at > _REST_S:
            self._held = b""
            self.trouble = self._unended()
        if data:
            # a scanner that is set to LF or CR LF ends its codes as plainly as one that is set to CR
            self._held += data.replace(b"\n", b"\r") if self._end == b"\r" else data
            self._held_at = now
        *whole, self._held = self._held.split(self._end)
        if len(self._held) > _LONGEST:
            self._held = b""
            self.trouble = self._unended()
        codes = [_text(code) for code in whole]
        if any(codes):
            self.trouble = None
        return [code for code in codes if code]

    def _unended(self) -> GatewayError:
        return self._named(
            f"The scanner {self._line.name} sent a code that does not end with {self._line.terminator.upper()}.",
            "Set the scanner's suffix, or the key terminator of its table; check speed and parity too.",
        )

    @staticmethod
    def _named(message: str, remedy: str) -> GatewayError:
        return GatewayError(message, disposition=Disposition.RETRY, phase=Phase.CAPTURE, remedy=remedy)


def _text(code: bytes) -> str:
    """A code as text; bytes that are no ASCII become a sign that no number has, so that nothing fits by chance."""
    return code.strip(_LINE_ENDS).decode("ascii", errors="replace")
