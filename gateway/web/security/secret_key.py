"""The key that signs session cookies: made once, so that a restart of the page signs nobody out."""

import secrets
from pathlib import Path

from gateway.web.security.private_file import create_private, private_directory

_KEY_BYTES = 32


def secret_key(state_dir: Path) -> bytes:
    """The key under `state_dir`, made at first use."""
    path = private_directory(state_dir / "web") / "session.key"
    create_private(path, secrets.token_bytes(_KEY_BYTES))
    return path.read_bytes()
