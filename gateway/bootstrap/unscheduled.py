"""What is configured for patients without an order, as the rooms that deal with them want to know it."""

from datetime import timedelta

from gateway.bootstrap.identities import local_identities, replacing_destinations
from gateway.config.device import Device
from gateway.config.model import Configuration
from gateway.objects.iods import iod_named
from gateway.spool.unscheduled_verbs import UnscheduledRules
from gateway.stages.reconcile import ReconcileRules, Whereabouts


def unscheduled_rules(settings: Configuration) -> UnscheduledRules:
    """How ids are given, and which destinations get new objects when an order turns up."""
    return UnscheduledRules(local_identities(settings), replacing_destinations(settings))


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
