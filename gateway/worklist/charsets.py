"""Specific Character Set: terms to codecs, and bytes to text with ISO 2022 code extensions (PS3.5 section 6.1.2)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

_ESC = 0x1B
_HIGH = 0x80
_FIRST_PRINTABLE_HIGH = 0xA0
UTF_8 = "ISO_IR 192"

SINGLE_BYTE_CODECS: Mapping[str, str] = MappingProxyType(
    {
        "ISO_IR 100": "latin_1",
        "ISO_IR 101": "iso8859_2",
        "ISO_IR 109": "iso8859_3",
        "ISO_IR 110": "iso8859_4",
        "ISO_IR 144": "iso8859_5",
        "ISO_IR 127": "iso8859_6",
        "ISO_IR 126": "iso8859_7",
        "ISO_IR 138": "iso8859_8",
        "ISO_IR 148": "iso8859_9",
        "ISO_IR 203": "iso8859_15",
        "ISO_IR 166": "tis_620",
        "ISO_IR 13": "shift_jis",
    }
)
"""Right-hand halves of the single-byte sets (PS3.3 table C.12-2); ISO_IR 13 is the half-width part of Shift JIS."""

WHOLE_CODECS: Mapping[str, str] = MappingProxyType({UTF_8: "utf-8", "GB18030": "gb18030", "GBK": "gbk"})
"""Sets without code extensions, which only stand alone (PS3.3 table C.12-5)."""

_MULTI_BYTE = frozenset({"ISO_IR 87", "ISO_IR 159", "ISO_IR 149", "ISO_IR 58"})
_LEFT_CODECS: Mapping[str, tuple[bytes, str]] = MappingProxyType(
    {"ISO_IR 87": (b"\x1b$B", "iso2022_jp"), "ISO_IR 159": (b"\x1b$(D", "iso2022_jp_2")}
)
_RIGHT_CODECS: Mapping[str, str] = MappingProxyType(
    {**SINGLE_BYTE_CODECS, "ISO_IR 149": "euc_kr", "ISO_IR 58": "gb2312"}
)
_ESCAPES: Mapping[bytes, tuple[str, str]] = MappingProxyType(
    {
        b"(B": ("left", ""),
        b"(J": ("left", "ISO_IR 13"),
        b"$B": ("left", "ISO_IR 87"),
        b"$(D": ("left", "ISO_IR 159"),
        b")I": ("right", "ISO_IR 13"),
        b"$)C": ("right", "ISO_IR 149"),
        b"$)A": ("right", "ISO_IR 58"),
        b"-A": ("right", "ISO_IR 100"),
        b"-B": ("right", "ISO_IR 101"),
        b"-C": ("right", "ISO_IR 109"),
        b"-D": ("right", "ISO_IR 110"),
        b"-L": ("right", "ISO_IR 144"),
        b"-G": ("right", "ISO_IR 127"),
        b"-F": ("right", "ISO_IR 126"),
        b"-H": ("right", "ISO_IR 138"),
        b"-M": ("right", "ISO_IR 148"),
        b"-b": ("right", "ISO_IR 203"),
        b"-T": ("right", "ISO_IR 166"),
    }
)
_CONTROLS = b"\t\n\f\r"
_ALIASES: Mapping[str, str] = MappingProxyType(
    {"ISO_IR 6": "", "UTF-8": UTF_8, "UTF8": UTF_8, "ISO 2022 GBK": "GBK", "ISO 2022 58": "ISO_IR 58"}
)


def normalised(term: str) -> str | None:
    """A defined term in one spelling (``ISO_IR n`` also for ``ISO 2022 IR n``), "" for ASCII, None if unknown."""
    text = " ".join(term.strip(" \0").upper().replace("_", " ").replace("-", " ").split())
    if not text:
        return ""
    number = text.removeprefix("ISO 2022 IR ").removeprefix("ISO IR ").removeprefix("ISO IR")
    found = f"ISO_IR {number}" if number.isdigit() else _ALIASES.get(term.strip(" \0").upper(), text)
    found = _ALIASES.get(found, found)
    known = found == "" or found in SINGLE_BYTE_CODECS or found in WHOLE_CODECS or found in _MULTI_BYTE
    return found if known else None


class TextDecoder:
    """Turns the bytes of one data set's text values into Unicode, by its Specific Character Set.

    Parameters
    ----------
    terms
        Normalised terms (see `normalised`) in order; empty means ASCII alone.
    """

    def __init__(self, terms: Sequence[str]) -> None:
        self.terms = tuple(terms) or ("",)

    @property
    def is_single_byte(self) -> bool:
        """Whether one single-byte set beyond ASCII is declared, and nothing else."""
        return len(self.terms) == 1 and self.terms[0] in SINGLE_BYTE_CODECS

    def decode(self, data: bytes, *, delimiters: bytes = b"\\") -> str:
        r"""The text of one value.

        Parameters
        ----------
        delimiters
            Bytes at which a designated set falls back to the first one: ``\`` and, for PN, ``^`` and ``=``.

        Raises
        ------
        UnicodeDecodeError
            If the bytes are not text in this character set.

        References
        ----------
        PS3.5 sections 6.1.2.4 and 6.1.2.5.
        """
        if data.isascii() and _ESC not in data:
            return data.decode("ascii")
        whole = WHOLE_CODECS.get(self.terms[0])
        if whole is not None:
            return data.decode(whole)
        return _Iso2022(self.terms[0], delimiters).decode(data)


class _Iso2022:
    """The code extension machine: which sets the low (G0) and high (G1) byte values stand for at the moment."""

    def __init__(self, first: str, delimiters: bytes) -> None:
        self._initial = ("", first if first in SINGLE_BYTE_CODECS else "")
        self._delimiters = delimiters
        self._left, self._right = self._initial

    def decode(self, data: bytes) -> str:
        parts: list[str] = []
        position = 0
        while position < len(data):
            if data[position] == _ESC:
                position = self._designate(data, position)
                continue
            end = self._run_end(data, position)
            parts.append(self._text(data, position, end))
            self._maybe_reset(data[end - 1])
            position = end
        return "".join(parts)

    def _designate(self, data: bytes, position: int) -> int:
        for length in (3, 2):
            found = _ESCAPES.get(data[position + 1 : position + 1 + length])
            if found is not None:
                side, term = found
                if side == "left":
                    self._left = term
                else:
                    self._right = term
                return position + 1 + length
        raise UnicodeDecodeError("iso2022", data, position, position + 1, "unknown escape sequence")

    def _run_end(self, data: bytes, start: int) -> int:
        """End of the run of bytes that one codec reads; a delimiter or control ends the run that it closes."""
        high = data[start] >= _HIGH
        end = start
        while end < len(data) and data[end] != _ESC and (data[end] >= _HIGH) == high:
            if end > start and data[end] in _CONTROLS:
                break
            end += 1
            if self._resets(data[end - 1]):
                break
        return end

    def _resets(self, byte: int) -> bool:
        if byte in _CONTROLS:
            return True
        return self._left not in _LEFT_CODECS and byte in self._delimiters

    def _maybe_reset(self, byte: int) -> None:
        if self._resets(byte):
            self._left, self._right = self._initial

    def _text(self, data: bytes, start: int, end: int) -> str:
        run = data[start:end]
        if run[0] >= _HIGH:
            codec = _RIGHT_CODECS.get(self._right)
            if codec is None:
                raise UnicodeDecodeError("iso2022", data, start, end, "no character set is designated for these bytes")
            if self._right in SINGLE_BYTE_CODECS and min(run) < _FIRST_PRINTABLE_HIGH:
                # No text has C1 control codes: these bytes belong to another set than the one declared.
                raise UnicodeDecodeError("iso2022", data, start, end, "control codes in text")
            return run.decode(codec)
        if self._left in _LEFT_CODECS and run[0] not in _CONTROLS:
            escape, codec = _LEFT_CODECS[self._left]
            return (escape + run).decode(codec)
        return run.decode("ascii")
