"""The composition root: configuration and role in, running loops out. The only room that sees every wing."""

from gateway.bootstrap.accepting import accepted_by_destinations
from gateway.bootstrap.correction import wait_for_correction
from gateway.bootstrap.media import export_queue, import_receipt
from gateway.bootstrap.people import (
    ask,
    clock_of,
    heard_messages,
    open_performed,
    open_queue,
    open_status,
    user_name,
)
from gateway.bootstrap.roles import run_role
from gateway.bootstrap.settings import checked_configuration, load_configuration, shown_configuration
from gateway.bootstrap.supervise import supervise
from gateway.bootstrap.tryout import TryResult, try_file
from gateway.spool.queue_view import QueueFilter
from gateway.stages.export import Progress

__all__ = [
    "Progress",
    "QueueFilter",
    "TryResult",
    "accepted_by_destinations",
    "ask",
    "checked_configuration",
    "clock_of",
    "export_queue",
    "heard_messages",
    "import_receipt",
    "load_configuration",
    "open_performed",
    "open_queue",
    "open_status",
    "run_role",
    "shown_configuration",
    "supervise",
    "try_file",
    "user_name",
    "wait_for_correction",
]
