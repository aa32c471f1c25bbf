"""One role as a process: take its lock, bring the ledger up to date, start its loops, tell the service manager."""

import logging
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.bootstrap import settings as mapped
from gateway.bootstrap.feeds import order_stage
from gateway.bootstrap.parts import (
    Lot,
    Parts,
    assemble_stage,
    capture_stage,
    close_steps_stage,
    deliver_stage,
    housekeep_stage,
    refresh_stage,
    report_stage,
    request_stage,
)
from gateway.bootstrap.people import open_status
from gateway.bootstrap.proof import confirm_stage, listen_stage, unproven_by_status
from gateway.bootstrap.rebuild import rebuild_stage
from gateway.bootstrap.watching import link_watch
from gateway.config.model import Configuration, Destination
from gateway.domain.checkpoints import Passage, pass_by
from gateway.domain.errors import ConfigurationError
from gateway.host.clock import SystemClock
from gateway.host.credentials import Credentials
from gateway.host.disk import make_private_folder
from gateway.host.logs import set_up_logs
from gateway.host.notify import Notifier
from gateway.host.signals import stop_on_signals
from gateway.spool.database import Database, is_ready, migrate
from gateway.spool.deliveries import DeliveryLedger
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.spool.performed_reports import PerformedReportLedger
from gateway.spool.requests import SpoolRequestDesk
from gateway.spool.runs import RoleLock, begin_run
from gateway.spool.steps import StepLedger
from gateway.spool.upkeep import Upkeep
from gateway.stages.loop import Beat, Loop, Work

_log = logging.getLogger(__name__)
_JOIN_S = 20.0
_WATCH_EVERY_S = 1.0
_BOUND_S = 120.0
_LONG_BOUND_S = 1800.0
"""Decoding or sending a single large object may take this long between two beats."""

Build = Callable[[Database, Beat], Work]


def run_role(path: Path, role: str, device: str | None = None, *, passage: Passage = pass_by) -> int:
    """Run one role until a signal ends it; returns the exit code.

    Raises
    ------
    ConfigurationError
        The configuration is faulty, the role already runs on this spool, or a newer release wrote the ledger.
    """
    settings = mapped.load_configuration(path)
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
            name=name,
            build=build,
            open_database=parts.open_database,
            clock=parts.clock,
            stop=stop,
            bound_s=bound_s,
        )
        for name, build, bound_s in _works(parts)
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
        deliveries = DeliveryLedger(database, parts.clock)
        deliveries.configure(mapped.fingerprints(settings))
        for name in mapped.destination_names(settings):
            deliveries.wake(name)
        PerformedReportLedger(database, parts.clock).configure(mapped.mpps_fingerprints(settings))
        StepLedger(database, parts.clock).configure(
            [one.name for one in settings.worklist], feeds=[one.name for one in settings.hl7]
        )
        return
    folder = "instances" if role == "assemble" else f"acquisitions/{role.removeprefix('capture/')}"
    found = Upkeep(database, parts.files, parts.clock).reconcile(folder)
    prefix = f"spool.{role}."
    issue = StandingIssue(
        "danger",
        f"{len(found.missing_files)} file(s) that the ledger names are not in the spool.",
        "The journal names them. Check the disk; restore the spool from its backup.",
    )
    standing = {f"{prefix}missing": issue} if found.missing_files else {}
    HealthLedger(database, parts.clock).settle(prefix, standing)


def _works(parts: Parts) -> list[tuple[str, Build, float]]:
    """Name, builder and bound of each loop of a role."""
    role, settings = parts.run.role, parts.settings
    if role == "assemble":
        return [
            ("assemble", partial(assemble_stage, parts), _LONG_BOUND_S),
            ("housekeep", partial(housekeep_stage, parts), _BOUND_S),
            ("rebuild", partial(rebuild_stage, parts), _LONG_BOUND_S),
            ("close steps", partial(close_steps_stage, parts), _BOUND_S),
            ("requests", partial(request_stage, parts), _BOUND_S),
        ]
    if role == "forward":
        delivers = [work for one in settings.destination for work in _delivers(parts, one)]
        refreshes: list[tuple[str, Build, float]] = [
            (f"refresh {one.name}", partial(refresh_stage, parts, one), _LONG_BOUND_S) for one in settings.worklist
        ]
        reports: list[tuple[str, Build, float]] = [
            (f"report {one.name}", partial(report_stage, parts, one), _LONG_BOUND_S) for one in settings.mpps
        ]
        others: list[tuple[str, Build, float]] = [
            ("watch links", partial(link_watch, parts), _BOUND_S),
            ("requests", partial(request_stage, parts), _BOUND_S),
            *((f"hear {one.name}", partial(order_stage, parts, one), _BOUND_S) for one in settings.hl7),
        ]
        return [*delivers, *_proves(parts), *refreshes, *reports, *others]
    device = settings.device(role.removeprefix("capture/"))
    return [("capture", partial(capture_stage, parts, device), _LONG_BOUND_S)]


def _delivers(parts: Parts, destination: Destination) -> list[tuple[str, Build, float]]:
    """The workers of a destination: the first bears its name, the others wait until they are needed."""
    lot = Lot.of(destination, parts.clock)
    return [
        (
            f"deliver {destination.name}" + (f" {worker + 1}" if worker else ""),
            partial(deliver_stage, parts, destination, lot=lot, worker=worker),
            _LONG_BOUND_S,
        )
        for worker in range(destination.sending.max_associations)
    ]


def _proves(parts: Parts) -> list[tuple[str, Build, float]]:
    """The loops that ask destinations for proof, and the one that hears their reports."""
    asks: list[tuple[str, Build, float]] = [
        (f"confirm {one.name}", partial(confirm_stage, parts, one), _LONG_BOUND_S)
        for one in unproven_by_status(parts.settings)
    ]
    if parts.settings.listener is None:
        return asks
    return [*asks, ("listen", partial(listen_stage, parts), _BOUND_S)]


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
    )
    notifier = Notifier.of_this_process()
    notifier.ready()
    serve(app, settings.web.host, settings.web.port, stop, notifier.watchdog)
    notifier.stopping()
    return 0
