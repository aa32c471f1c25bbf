"""Check characters at the end of an identifier, so that a digit misread or two exchanged do not name somebody else.

Lower-case letters count as capital ones, and what is neither letter nor digit does not count.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

_SYMBOLS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def significant(text: str) -> str:
    """The letters and digits of `text`, which are what a check character is computed from; letters as capitals."""
    return "".join(character for character in text.upper() if character in _SYMBOLS)


def luhn(text: str) -> str:
    """The Luhn digit (ISO/IEC 7812-1 annex B); letters count as two digits from 10 for A, as in ISO 6166."""
    digits = "".join(str(_SYMBOLS.index(character)) for character in significant(text))
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return str(-total % 10)


def mod_11_10(text: str) -> str:
    """The digit of ISO 7064 MOD 11,10, for digits only."""
    return _hybrid(text, 10)


def mod_37_36(text: str) -> str:
    """The character of ISO 7064 MOD 37,36, for letters and digits."""
    return _hybrid(text, 36)


def mod_11_2(text: str) -> str:
    """The digit or X of ISO 7064 MOD 11-2, for digits only."""
    rest = 0
    for character in significant(text):
        rest = (rest + _SYMBOLS.index(character)) * 2 % 11
    value = (12 - rest) % 11
    return "X" if value == len("0123456789") else str(value)


def mod_97_10(text: str) -> str:
    """The two digits of ISO 7064 MOD 97-10; letters count as two digits from 10 for A, as in ISO 13616."""
    number = int("".join(str(_SYMBOLS.index(character)) for character in significant(text)) or "0")
    return f"{98 - number * 100 % 97:02}"


def _hybrid(text: str, modulus: int) -> str:
    product = modulus
    for character in significant(text):
        total = (product + _SYMBOLS.index(character)) % modulus or modulus
        product = total * 2 % (modulus + 1)
    return _SYMBOLS[(modulus + 1 - product) % modulus]


CHECK_DIGITS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "luhn": luhn,
        "iso7064-mod11-2": mod_11_2,
        "iso7064-mod11-10": mod_11_10,
        "iso7064-mod37-36": mod_37_36,
        "iso7064-mod97-10": mod_97_10,
    }
)
"""The algorithms by the names that a configuration uses."""
FOR_DIGITS_ONLY = frozenset({"iso7064-mod11-2", "iso7064-mod11-10"})
