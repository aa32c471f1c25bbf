"""Local studies for reading, by page and command line, and how ids of this box are made."""

from gateway.bootstrap.people import clock_of, open_status
from gateway.config.model import Configuration
from gateway.domain.local_identity import LocalIdentities
from gateway.spool.local_view import LocalStudiesView


def open_local_studies(settings: Configuration) -> LocalStudiesView:
    """Local studies for reading; raises `ConfigurationError` when no role has ever made the ledger."""
    open_status(settings)
    return LocalStudiesView(settings.spool.path, clock_of(settings), local_identities(settings))


def local_identities(settings: Configuration) -> LocalIdentities:
    """How ids of this box are made."""
    made, station = settings.unscheduled, settings.station.ae_title
    return LocalIdentities(
        pattern=made.patient_id_pattern,
        check=made.check_digit,
        station=made.station or station,
        issuer=made.issuer or station,
        unknown_name=made.unknown_name,
        first_number=made.first_number,
    )
