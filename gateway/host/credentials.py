"""Finds secrets by their references: ``file:PATH`` and ``credential:NAME``, the latter as handed over by systemd.

A role that was not given a credential cannot name its path, which is the point: only the forward unit loads the key.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from gateway.domain.errors import ConfigurationError


class Credentials:
    """Resolves references; `folder` is the folder of systemd credentials, None if none was handed over."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    @classmethod
    def of_this_process(cls, environment: Mapping[str, str] = os.environ) -> "Credentials":
        """The credentials of this process (``CREDENTIALS_DIRECTORY``, systemd.exec(5))."""
        folder = environment.get("CREDENTIALS_DIRECTORY")
        return cls(Path(folder) if folder else None)

    def path(self, reference: str) -> Path:
        """The file that `reference` means; raises `ConfigurationError` if there is no way to it."""
        scheme, _, place = reference.partition(":")
        if scheme == "file" and place:
            return Path(place)
        if scheme != "credential" or not place or "/" in place or place in {".", ".."}:
            raise ConfigurationError(
                "A reference to a secret cannot be read.", remedy='Write "file:PATH" or "credential:NAME".'
            )
        if self.folder is None:
            raise ConfigurationError(
                f"The credential {place} was not handed to this process.",
                remedy=f"Add LoadCredential={place}:/path/to/file to the unit, or refer to a file instead.",
            )
        return self.folder / place

    def read(self, reference: str) -> bytes:
        """The secret itself, without a final line break; raises `ConfigurationError` if it cannot be read."""
        path = self.path(reference)
        try:
            return path.read_bytes().rstrip(b"\r\n")
        except OSError as error:
            raise ConfigurationError(
                f"The secret {reference} cannot be read: {error.strerror}.",
                remedy="Check that the file exists and that this role may read it.",
            ) from error
