"""From what is configured to what matching, building and routing want to know. Mapping only."""

from collections.abc import Mapping
from datetime import timedelta

from gateway.codec.options import EncodeOptions
from gateway.config.device import Device, Lossy, Object
from gateway.config.model import Configuration
from gateway.config.values import Compression
from gateway.domain.objects import Equipment, ObjectProfile
from gateway.domain.procedure import MatchRule
from gateway.objects.iods import IODS
from gateway.spool.performed_steps import ClosingRules
from gateway.stages.decide import DeviceRules, StepFilter
from gateway.stages.encoding import EncodingPolicy, LossyChoice
from gateway.stages.hours import Hours
from gateway.stages.performing import PerformingRules
from gateway.stages.routing import Route

_MEGA = 1_000_000


def device_rules(settings: Configuration, device: Device) -> DeviceRules:
    """One device for the assembling stage. Its own compression wins over those of the destinations."""
    first = settings.destination[0].compression if settings.destination else Compression("none")
    own, matching = device.settings.compression, device.settings.match
    return DeviceRules(
        profile=object_profile(device),
        rules=tuple(MatchRule(rule) for rule in matching.rules),
        window_before=timedelta(minutes=matching.window_before_min),
        window_after=timedelta(minutes=matching.window_after_min),
        steps=StepFilter(
            frozenset(matching.providers), frozenset(matching.station_ae_titles), frozenset(matching.modalities)
        ),
        encoding=encoding_policy(own or first),
        encoding_for={} if own else {one.name: encoding_policy(one.compression) for one in settings.destination},
        lossy=None if device.settings.lossy is None else _lossy(device.settings.lossy),
        max_pixels=device.settings.source.max_megapixels * _MEGA,
        performed_step_peers=_performed_step_peers(settings, device),
        clock_tolerance=timedelta(minutes=matching.clock_tolerance_min),
    )


def routes(settings: Configuration) -> tuple[Route, ...]:
    """What each destination takes, in configured order."""
    return tuple(
        Route(
            destination=one.name,
            devices=frozenset(one.takes.devices),
            modalities=frozenset(one.takes.modalities),
            sop_class_uids=frozenset(IODS[name].sop_class_uid for name in one.takes.sop_classes),
            hours=tuple(Hours.parse(text) for text in one.takes.hours),
            stands_in_for=one.takes.stands_in_for,
            clip_bytes=one.sending.clip_bytes,
        )
        for one in settings.destination
    )


def fallback_classes(settings: Configuration) -> Mapping[str, Mapping[str, str]]:
    """By destination, which SOP Class UID stands in for which refused one."""
    return {
        one.name: {IODS[name].sop_class_uid: IODS[instead].sop_class_uid for name, instead in one.fallback.items()}
        for one in settings.destination
    }


def performing_rules(settings: Configuration) -> PerformingRules:
    """When performed steps end, for all devices: one may have begun before its device stopped to report."""
    return PerformingRules(
        devices={
            device.name: ClosingRules(
                complete_after=timedelta(minutes=device.settings.performed_step.complete_after_min),
                settle=timedelta(seconds=device.settings.performed_step.settle_s),
            )
            for device in settings.devices
        },
        peers=tuple(one.name for one in settings.mpps),
    )


def _performed_step_peers(settings: Configuration, device: Device) -> tuple[str, ...]:
    """Whom performed steps of a device are reported to."""
    reporting = device.settings.performed_step
    if not reporting.report:
        return ()
    return reporting.peers or tuple(one.name for one in settings.mpps)


def _lossy(lossy: Lossy) -> LossyChoice:
    uid = "1.2.840.10008.1.2.4.50" if lossy.kind == "jpeg-baseline" else "1.2.840.10008.1.2.4.51"
    return LossyChoice(uid, EncodeOptions(lossy.quality, lossy.target_ratio or None, lossy.subsampling))


def encoding_policy(compression: Compression) -> EncodingPolicy:
    """A compression setting as the policy that assembling follows."""
    return EncodingPolicy(compression.policy, compression.transfer_syntaxes)


def object_profile(device: Device) -> ObjectProfile:
    """What the device profile says about the objects to make."""
    return profile_of(device.settings.object)


def profile_of(made: Object) -> ObjectProfile:
    """A table object as what objects are made by."""
    return ObjectProfile(
        sop_class=made.sop_class,
        modality=made.modality,
        equipment=Equipment(made.manufacturer, made.model_name, made.serial_number, made.software_versions),
        burned_in_annotation=made.burned_in_annotation,
        laterality=made.laterality,
        body_part=made.body_part,
        frame_time_ms=made.frame_time_ms,
        series_description=made.series_description,
        conversion_type=made.conversion_type,
        defaults=made.defaults,
        codes=made.codes,
    )
