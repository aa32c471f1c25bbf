"""What the destinations said that they accept, for the command line, with names in place of UIDs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.bootstrap.people import clock_of, open_status
from gateway.codec.errors import CodecError
from gateway.codec.registry import lookup
from gateway.config.model import Configuration
from gateway.domain.views import AcceptedView
from gateway.objects.iods import iod_of
from gateway.spool.accepted import AcceptedLedger
from gateway.spool.database import Database


@dataclass(frozen=True, slots=True)
class Accepting:
    """The answers, with names for the UIDs that have one, and for each destination the copies made and their cost."""

    answers: Sequence[AcceptedView]
    copies: Mapping[str, tuple[int, int]]


def accepted_by_destinations(settings: Configuration) -> Accepting:
    """What is known now; raises `ConfigurationError` when no role has ever made the ledger."""
    open_status(settings)
    database = Database(settings.spool.path, read_only=True)
    try:
        ledger = AcceptedLedger(database, clock_of(settings))
        answers = [
            replace(row, sop_class=_class_name(row.sop_class), transfer_syntax=_syntax_name(row.transfer_syntax))
            for row in ledger.shown()
        ]
        return Accepting(answers, ledger.copies())
    finally:
        database.close()


def _class_name(uid: str) -> str:
    iod = iod_of(uid)
    return uid if iod is None else iod.title


def _syntax_name(uid: str) -> str:
    try:
        return lookup(uid).name
    except CodecError:
        return uid
