"""Where the shipped device profiles are: installed beside the program, or in the source tree it runs from."""

import sys
from pathlib import Path


def shipped_profiles() -> Path:
    """The folder of the shipped profiles: of the source tree if the program runs from one, else the installed one."""
    tree = Path(__file__).parents[2] / "firmware_config" / "devices"
    return tree if tree.is_dir() else Path(sys.prefix) / "share" / "gateway" / "devices"
