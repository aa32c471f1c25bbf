"""The folder that will hold patient data."""

import os
from pathlib import Path

from gateway.domain.errors import ConfigurationError


def make_private_folder(folder: Path) -> None:
    """Make `folder`, for its owner alone, unless it is there; it will hold patient data.

    Raises
    ------
    ConfigurationError
        If it cannot be made or written, with the reason.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.R_OK | os.W_OK | os.X_OK) else "permission denied"
    except OSError as error:
        reason = os.strerror(error.errno or 0)
    if reason:
        raise ConfigurationError(
            f"The spool folder {folder} cannot be made or written: {reason}.",
            remedy="Correct spool.path, or give the gateway the right to this folder.",
        )
