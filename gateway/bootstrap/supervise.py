"""All roles on one machine without a service manager: child processes of one small supervisor."""

import sys
from pathlib import Path

from gateway.bootstrap import settings as mapped
from gateway.host.logs import set_up_logs
from gateway.host.supervisor import Supervisor


def supervise(path: Path) -> int:
    """Run every role of the configuration until a signal ends it; returns the exit code."""
    settings = mapped.load_configuration(path)
    set_up_logs(settings.logging.level)
    command = [sys.executable, "-m", "gateway", "--config", str(path), "run"]
    children = {f"capture/{device.name}": [*command, "capture", "--device", device.name] for device in settings.devices}
    children |= {role: [*command, role] for role in ("assemble", "forward", "web")}
    return Supervisor(children).run()
