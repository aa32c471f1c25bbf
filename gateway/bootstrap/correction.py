"""What a role does about a fault that only a person can mend: say it where people look, and wait before it ends.

Service managers start a role again at once and for ever; without this a typing error would keep the processor busy.
Ending by itself when a file is changed, the role comes back with the correction and without a command.
"""

from collections.abc import Iterator
from pathlib import Path

from gateway.host.notify import Notifier
from gateway.host.signals import stop_on_signals

_LONGEST_S = 60
_GLANCE_S = 1.0


def wait_for_correction(config: Path, sentence: str) -> None:
    """Under a service manager, show `sentence` in its status until a configuration file changes, a signal or a minute.

    Without one it returns at once: the person who started the role is reading.
    """
    notifier = Notifier.of_this_process()
    if not notifier.is_heard:
        return
    stop, before = stop_on_signals(), dict(_files(config))
    notifier.status(sentence)  # not before that: who reads it may mend the file at once
    for _ in range(_LONGEST_S):
        if stop.wait(_GLANCE_S) or dict(_files(config)) != before:
            return


def _files(config: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    for path in (config, *(config.parent / "devices").glob("*.toml")):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        yield path, (found.st_mtime_ns, found.st_size)
