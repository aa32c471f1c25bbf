"""The one password of the page: made at first start, kept only as a scrypt hash, changed by whoever knows it."""

import hashlib
import hmac
import json
import secrets
import threading
import unicodedata
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.domain.errors import ConfigurationError
from gateway.web.security.private_file import create_private, private_directory, replace_private

MINIMUM_LENGTH = 10
MAXIMUM_LENGTH = 200

# Without letters and digits that are mistaken for one another when read from a terminal or a label.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP_LENGTH = 4, 4
_FILE = "password.json"
_N, _R, _P = 2**15, 8, 1
_MAXIMUM_MEMORY_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Record:
    n: int
    r: int
    p: int
    salt: str
    hash: str
    initial: bool


class Password:
    """The stored password under `state_dir`; raises `ConfigurationError` when it is missing or unreadable."""

    def __init__(self, state_dir: Path) -> None:
        self._path = _directory(state_dir) / _FILE
        # One hash at a time: each takes 32 MiB, and a crowd of guesses must not take the box's memory.
        self._one_at_a_time = threading.Lock()
        self._read()

    def matches(self, text: str) -> bool:
        """Whether `text` is the password."""
        if len(text) > MAXIMUM_LENGTH:
            return False
        record = self._read()
        with self._one_at_a_time:
            return hmac.compare_digest(_hash(text, record), bytes.fromhex(record.hash))

    def change(self, text: str) -> None:
        """Replace the password; every session that knew the old one ends."""
        replace_private(self._path, _encode(text, initial=False))

    @property
    def generation(self) -> str:
        """A mark of the present password that says nothing about it; changes when the password does."""
        return hashlib.sha256(self._read().hash.encode()).hexdigest()[:16]

    @property
    def is_initial(self) -> bool:
        """Whether it is still the one made at first start."""
        return self._read().initial

    def _read(self) -> _Record:
        try:
            return _Record(**json.loads(self._path.read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            raise ConfigurationError(
                f"The password file of the status page cannot be read ({type(error).__name__}).",
                remedy="Make a new password with the command line, on the box.",
            ) from error


def ensure_password(state_dir: Path) -> str | None:
    """Make the set-up password if there is none yet; return its clear text then, and only then."""
    text = _generate()
    path = _directory(state_dir) / _FILE
    if path.exists():
        return None
    return text if create_private(path, _encode(text, initial=True)) else None


def reset_password(state_dir: Path) -> str:
    """Replace a lost password by a new set-up password and return its clear text; all sessions end."""
    text = _generate()
    replace_private(_directory(state_dir) / _FILE, _encode(text, initial=True))
    return text


def password_faults(text: str, repeated: str) -> str:
    """What is wrong with a chosen password, as a sentence; empty when nothing is."""
    if text != repeated:
        return "The two new passwords differ. Type the same one twice."
    if len(text) < MINIMUM_LENGTH:
        return f"The new password is too short. Use at least {MINIMUM_LENGTH} characters; a short sentence is good."
    if len(text) > MAXIMUM_LENGTH:
        return f"The new password is too long. Use at most {MAXIMUM_LENGTH} characters."
    return ""


def _directory(state_dir: Path) -> Path:
    return private_directory(state_dir / "web")


def _generate() -> str:
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
    return "-".join(groups)


def _encode(text: str, *, initial: bool) -> bytes:
    empty = _Record(n=_N, r=_R, p=_P, salt=secrets.token_hex(16), hash="", initial=initial)
    return json.dumps(asdict(empty) | {"hash": _hash(text, empty).hex()}).encode()


def _hash(text: str, record: _Record) -> bytes:
    # One keyboard composes an accented letter where another sends it whole; both must open the same door.
    normal = unicodedata.normalize("NFC", text).encode()
    return hashlib.scrypt(
        normal,
        salt=bytes.fromhex(record.salt),
        n=record.n,
        r=record.r,
        p=record.p,
        maxmem=_MAXIMUM_MEMORY_BYTES,
        dklen=32,
    )
