"""One role as a process: take its lock, bring the ledger up to date, start its loops, tell the service manager."""

import logging
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.bootstrap import settings as mapped
from gateway.bootstrap.parts import LoopPlan, Parts
from gateway.bootstrap.people import open_sent, open_status
from gateway.bootstrap.scanning import code_reader
from gateway.config.model import Configuration
from gateway.domain.checkpoints import Passage, pass_by
from gateway.domain.errors import ConfigurationError
from gateway.host.clock import SystemClock
from gateway.host.credentials import Credentials
from gateway.host.disk import make_private_folder
from gateway.host.logs import set_up_logs
from gateway.host.notify import Notifier
from gateway.host.signals import stop_on_signals
from gateway.spool.database import Database, is_ready, migrate
from gateway.spool.destinations import DestinationLedger
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.spool.performed_reports import PerformedReportLedger
from gateway.spool.requests import SpoolRequestDesk
from gateway.spool.runs import RoleLock, begin_run
from gateway.spool.steps import StepLedger
from gateway.spool.successors import CORRECTIONS
from gateway.spool.upkeep import Upkeep
from gateway.stages.loop import Loop

_log = logging.getLogger(__name__)
_JOIN_S = 20.0
_WATCH_EVERY_S = 1.0


def run_role(path: Path, role: str, device: str | None = None, *, passage: Passage = pass_by) -> int:
    """Run one role until a signal ends it; returns the exit code.

    Raises
    ------
    ConfigurationError
        The configuration is faulty, the role already runs on this spool, or a newer release wrote the ledger.
    """
    settings = _configuration(path, role)
    set_up_logs(settings.logging.level)
    stop = stop_on_signals()
    if role == "web":
        return _run_web(settings, stop)
    make_private_folder(settings.spool.path)
    migrate(settings.spool.path)
    names = [role] if role != "capture" else [f"capture/{name}" for name in _devices(settings, device)]
    locks = [RoleLock(settings.spool.path, name) for name in names]
    loops = [loop for name in names for loop in _loops(settings, name, stop, passage)]
    code = _watch(loops, stop)
    for lock in locks:
        lock.release()
    return code


def _configuration(path: Path, role: str) -> Configuration:
    """What a role checks: a name that only assembling or forwarding understands must not stop a capture."""
    return mapped.load_configuration(path) if role in ("assemble", "forward") else mapped.read_configuration(path)


def _devices(settings: Configuration, wanted: str | None) -> Sequence[str]:
    """The devices that a capture process serves."""
    known = [device.name for device in settings.devices]
    if wanted is None:
        return known
    if wanted not in known:
        raise ConfigurationError(
            f"There is no device {wanted}.", remedy=f"Known are: {', '.join(known) or 'none'} (files under devices/)."
        )
    return [wanted]


def _loops(settings: Configuration, role: str, stop: threading.Event, passage: Passage) -> list[Loop]:
    """The loops of a role, after its part of the spool has been put in order."""
    parts = prepare(settings, role, passage)
    return [
        Loop(
            role=role,
            name=plan.name,
            build=plan.build,
            open_database=parts.open_database,
            clock=parts.clock,
            stop=stop,
            bound_s=plan.bound_s,
        )
        for plan in _works(parts)
    ]


def prepare(settings: Configuration, role: str, passage: Passage) -> Parts:
    """Begin a run of `role`, whose lock the caller holds: void old claims, sweep, reconcile."""
    database = Database(settings.spool.path)
    try:
        run = begin_run(database, role, SystemClock(ZoneInfo(settings.station.time_zone)).now())
        parts = Parts.of(settings, run, Credentials.of_this_process(), passage)
        parts.files.prepare()
        parts.files.sweep_temporary()
        _put_in_order(parts, database)
    finally:
        database.close()
    return parts


def _put_in_order(parts: Parts, database: Database) -> None:
    """Make the ledger agree with the configuration, and the folders this role writes with the ledger."""
    role, settings = parts.run.role, parts.settings
    if role == "forward":
        destinations = DestinationLedger(database, parts.clock)
        destinations.configure(mapped.fingerprints(settings))
        for name in mapped.destination_names(settings):
            destinations.wake(name)
        PerformedReportLedger(database, parts.clock).configure(mapped.mpps_fingerprints(settings))
        StepLedger(database, parts.clock).configure(
            [one.name for one in settings.worklist], feeds=[one.name for one in settings.hl7]
        )
        return
    own = ("instances", CORRECTIONS) if role == "assemble" else (f"acquisitions/{role.removeprefix('capture/')}",)
    upkeep = Upkeep(database, parts.files, parts.clock)
    missing = sum(len(upkeep.reconcile(folder).missing_files) for folder in own)
    prefix = f"spool.{role}."
    issue = StandingIssue(
        "danger",
        f"{missing} file(s) that the ledger names are not in the spool.",
        "The journal names them. Check the disk; restore the spool from its backup.",
    )
    standing = {f"{prefix}missing": issue} if missing else {}
    HealthLedger(database, parts.clock).settle(prefix, standing)


def _works(parts: Parts) -> list[LoopPlan]:
    """The loops of a role; of the wings only what it needs is loaded, because each role is a process of its own."""
    role = parts.run.role
    if role == "assemble":
        from gateway.bootstrap import assemble_role  # noqa: PLC0415 - as said above

        return assemble_role.works(parts)
    if role == "forward":
        from gateway.bootstrap import forward_role  # noqa: PLC0415 - as said above

        return forward_role.works(parts)
    from gateway.bootstrap import capture_role  # noqa: PLC0415 - as said above

    return capture_role.works(parts, role.removeprefix("capture/"))


def _watch(loops: Sequence[Loop], stop: threading.Event) -> int:
    """Start the loops and feed the watchdog for as long as every one of them makes progress."""
    notifier = Notifier.of_this_process()
    for loop in loops:
        loop.start()
    notifier.ready()
    while not stop.wait(_WATCH_EVERY_S):
        stuck = [loop.name for loop in loops if not loop.makes_progress()]
        if stuck:
            _log.error("stuck=%s watchdog=unfed", ",".join(stuck))
        else:
            notifier.watchdog()
    notifier.stopping()
    ended = [loop.join(_JOIN_S) for loop in loops]
    return 0 if all(ended) else 1


def _show_once(sentence: str) -> None:
    """Write to standard output, which a service manager sends to the console or the journal, and not to the log."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def _run_web(settings: Configuration, stop: threading.Event) -> int:
    """The page: it reads the ledger, files requests, and holds no key. Another role makes the ledger."""
    # nine megabytes that only this role needs: the others shall not carry a web server through the years
    from gateway.bootstrap.local_studies import open_local_studies  # noqa: PLC0415 - as said above
    from gateway.web.app import create_app  # noqa: PLC0415 - as said above
    from gateway.web.security.password import ensure_password  # noqa: PLC0415 - as said above
    from gateway.web.server import serve  # noqa: PLC0415 - as said above

    while not is_ready(settings.spool.path):
        if stop.wait(_WATCH_EVERY_S):
            return 0
    clock = SystemClock(ZoneInfo(settings.station.time_zone))
    if password := ensure_password(settings.spool.path):
        _show_once(f"The first password of the page is {password} - it is shown this once; change it on the page.")
    app = create_app(
        reader=open_status(settings),
        desk=SpoolRequestDesk(settings.spool.path, clock),
        clock=clock,
        state_dir=settings.spool.path,
        station_name=settings.station.name,
        peers=mapped.peers_in_words(settings),
        local_studies=open_local_studies(settings),
        sent=open_sent(settings),
        read_code=code_reader(settings),
    )
    notifier = Notifier.of_this_process()
    notifier.ready()
    serve(app, settings.web.host, settings.web.port, stop, notifier.watchdog)
    notifier.stopping()
    return 0
