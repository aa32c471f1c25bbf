"""Local studies for reading, by page and command line."""

from gateway.bootstrap.identities import local_identities, replacing_destinations
from gateway.bootstrap.people import clock_of, open_status
from gateway.config.model import Configuration
from gateway.spool.local_view import LocalStudiesView


def open_local_studies(settings: Configuration) -> LocalStudiesView:
    """Local studies for reading; raises `ConfigurationError` when no role has ever made the ledger."""
    open_status(settings)
    identities, replacing = local_identities(settings), replacing_destinations(settings)
    return LocalStudiesView(settings.spool.path, clock_of(settings), identities, replacing)
