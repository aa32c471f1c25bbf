"""The command line: what a field engineer types. Parses, asks the composition root, prints; decides nothing."""

from gateway.cli.main import main

__all__ = ["main"]
