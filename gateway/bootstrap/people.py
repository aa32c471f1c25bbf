"""What page and command line do for people: read the ledger, file requests, wait for their outcome."""

import getpass
import time
from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

from gateway.bootstrap.parts import Parts, no_beat
from gateway.config.model import Configuration
from gateway.domain.errors import ConfigurationError, Disposition, GatewayError, Phase
from gateway.domain.ports import Clock
from gateway.domain.requests import RequestKind
from gateway.domain.sent import MessageView
from gateway.domain.views import RequestView
from gateway.host.clock import SystemClock
from gateway.host.credentials import Credentials
from gateway.host.owner import as_owner_of
from gateway.spool.database import Database, is_ready
from gateway.spool.heard import HeardLedger
from gateway.spool.performed_view import PerformedView
from gateway.spool.queue_view import QueueView
from gateway.spool.requests import SpoolRequestDesk, role_of
from gateway.spool.runs import RoleLock, begin_run
from gateway.spool.sent_view import SentView
from gateway.spool.status import LedgerStatus
from gateway.stages.beat import Beat
from gateway.stages.loop import Work

_PATIENCE_S = 60.0
_GLANCE_S = 0.1


def user_name() -> str:
    """Who sits at the console."""
    return getpass.getuser()


def clock_of(settings: Configuration) -> Clock:
    """The clock in the station's zone."""
    return SystemClock(ZoneInfo(settings.station.time_zone))


def has_ledger(settings: Configuration) -> bool:
    """Whether a role has ever made the ledger."""
    return is_ready(settings.spool.path)


def open_status(settings: Configuration) -> LedgerStatus:
    """The ledger for reading; raises `ConfigurationError` when no role has ever made it."""
    if not has_ledger(settings):
        raise ConfigurationError(
            f"There is no ledger in {settings.spool.path}.", remedy="Start the gateway once, or correct spool.path."
        )
    limits_s = {device.name: device.settings.match.active_step_limit_min * 60 for device in settings.devices}
    return LedgerStatus(settings.spool.path, clock_of(settings), list(limits_s), limits_s, _rules_of_devices(settings))


def _rules_of_devices(settings: Configuration) -> Mapping[str, tuple[str, ...]]:
    """By which rules the pictures of each device find their patient."""
    return {device.name: device.settings.match.rules for device in settings.devices}


def open_queue(settings: Configuration) -> QueueView:
    """The deliveries for reading; raises `ConfigurationError` when no role has ever made the ledger."""
    open_status(settings)
    return QueueView(settings.spool.path, clock_of(settings))


def open_performed(settings: Configuration) -> PerformedView:
    """The performed steps for reading; raises `ConfigurationError` when no role has ever made the ledger."""
    open_status(settings)
    return PerformedView(settings.spool.path, clock_of(settings))


def open_sent(settings: Configuration) -> SentView:
    """What peers sent, for reading; raises `ConfigurationError` when no role has ever made the ledger."""
    open_status(settings)
    return SentView(settings.spool.path, clock_of(settings))


def heard_messages(settings: Configuration, feed: str, limit: int) -> list[MessageView]:
    """The last HL7 messages of a feed, or of all, newest first."""
    open_status(settings)
    database = Database(settings.spool.path, read_only=True)
    try:
        return HeardLedger(database, clock_of(settings)).messages(feed, limit=limit)
    finally:
        database.close()


def ask(settings: Configuration, kind: RequestKind, payload: Mapping[str, str], *, by: str) -> RequestView:
    """File a request and return its outcome.

    While the role that carries it out does not run, this process takes the role's place for that one request. What
    root asks is written as the spool's owner, for the roles must be able to take it away.
    """
    reader = open_status(settings)
    with as_owner_of(settings.spool.path):
        return _ask(settings, reader, kind, payload, by)


def _ask(
    settings: Configuration, reader: LedgerStatus, kind: RequestKind, payload: Mapping[str, str], by: str
) -> RequestView:
    number = SpoolRequestDesk(settings.spool.path, clock_of(settings)).file(kind, payload, by=by)
    deadline = time.monotonic() + _PATIENCE_S
    while (view := reader.request(number)) is None:
        if not _stand_in(settings, role_of(kind)):
            time.sleep(_GLANCE_S)
        if time.monotonic() > deadline:
            raise GatewayError(
                f"The role {role_of(kind)} has not answered for {_PATIENCE_S:.0f} s.",
                disposition=Disposition.RETRY,
                phase=Phase.COMMIT,
                remedy="The request stays filed. Look at the log of that role.",
            )
    return view


def _stand_in(settings: Configuration, role: str) -> bool:
    """Carry out what is filed for a role that does not run; whether that was possible."""
    try:
        lock = RoleLock(settings.spool.path, role)
    except ConfigurationError:
        return False
    try:
        clock = clock_of(settings)
        database = Database(settings.spool.path)
        run = begin_run(database, role, clock.now())
        parts = Parts.of(settings, run, Credentials.of_this_process())
        _requests_of(role)(parts, database, no_beat).round()
        database.close()
    finally:
        lock.release()
    return True


def _requests_of(role: str) -> Callable[[Parts, Database, Beat], Work]:
    """What makes the work of a role's request loop; loaded only here, because most commands do not need a role."""
    if role == "forward":
        from gateway.bootstrap import forward_role  # noqa: PLC0415 - as said above

        return forward_role.request_stage
    from gateway.bootstrap import assemble_role  # noqa: PLC0415 - as said above

    return assemble_role.request_stage


def test_destination(settings: Configuration, name: str) -> tuple[bool, str, str]:
    """Test a destination from this process, without a ledger: whether it answers, a sentence, its layers as JSON."""
    from gateway.bootstrap import destination_verbs  # noqa: PLC0415 - the protocols weigh more than most commands

    return destination_verbs.test_destination(settings, Credentials.of_this_process(), name)
