"""How ids of this box are made and what archives get when an order turns up, as it is configured."""

from gateway.config.model import Configuration
from gateway.domain.local_identity import LocalIdentities


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


def replacing_destinations(settings: Configuration) -> frozenset[str]:
    """The destinations that get new objects when an order turns up; the others get a notice."""
    return frozenset(one.name for one in settings.destination if one.reconciliation == "replace")
