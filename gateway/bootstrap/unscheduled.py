"""What is configured for patients without an order, as the rooms that deal with them want to know it."""

from datetime import timedelta

from gateway.config.device import Device
from gateway.config.model import Configuration
from gateway.domain.local_identity import LocalIdentities
from gateway.objects.iods import iod_named
from gateway.spool.unscheduled_verbs import UnscheduledRules
from gateway.stages.reconcile import ReconcileRules, Whereabouts


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


def unscheduled_rules(settings: Configuration) -> UnscheduledRules:
    """How ids are given, and which destinations get new objects when an order turns up."""
    replacing = frozenset(one.name for one in settings.destination if one.reconciliation == "replace")
    return UnscheduledRules(local_identities(settings), replacing)


def reconcile_rules(settings: Configuration) -> ReconcileRules:
    """For how long and how near orders are looked for."""
    made = settings.unscheduled
    return ReconcileRules(
        unknown_name=made.unknown_name,
        look_for=timedelta(days=made.reconcile_days),
        order_within=timedelta(hours=made.order_within_h),
        devices={device.name: _whereabouts(device) for device in settings.devices},
    )


def _whereabouts(device: Device) -> Whereabouts:
    made, matching = device.settings.object, device.settings.match
    modality = made.modality or iod_named(made.sop_class).modalities[0]
    return Whereabouts(modality, frozenset(matching.station_ae_titles))
