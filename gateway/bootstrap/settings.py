"""From what is configured to what each wing wants to know. Mapping only; a key's file is named, never read here."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from gateway.capture.folder_settings import FolderSettings
from gateway.capture.sidecar import SidecarSettings
from gateway.codec.options import EncodeOptions
from gateway.codec.registry import all_rows
from gateway.config.check import missing_references
from gateway.config.device import Device, Lossy, Object, Sidecar
from gateway.config.faults import InvalidConfiguration
from gateway.config.load import Vocabulary, load
from gateway.config.model import Configuration, Destination, MppsPeer, Tls, WorklistProvider
from gateway.config.show import show
from gateway.config.values import Compression
from gateway.dicomweb.peer import HttpTimeouts, StowPeer, basic, bearer
from gateway.dimse.peer import Peer, Timeouts
from gateway.dimse.tls import TlsFiles, client_context
from gateway.domain.identifiers import DestinationName
from gateway.domain.objects import Equipment, ObjectProfile, Station
from gateway.domain.procedure import MatchRule
from gateway.host.credentials import Credentials
from gateway.objects.iods import IODS
from gateway.objects.profile import profile_faults
from gateway.spool.performed_steps import ClosingRules
from gateway.stages.decide import DeviceRules, StepFilter
from gateway.stages.deliver import DestinationRules
from gateway.stages.encoding import EncodingPolicy, LossyChoice
from gateway.stages.hours import Hours, RateLimit
from gateway.stages.performing import PerformingRules
from gateway.stages.refresh import ProviderRules
from gateway.stages.report import ReportRules
from gateway.stages.retry import BackOff
from gateway.stages.routing import Route
from gateway.version import VERSION
from gateway.worklist.query import WorklistFilter

_MEGA = 1_000_000


def load_configuration(path: Path) -> Configuration:
    """The configuration of `path` and its devices, checked against the names that the other rooms define."""
    syntaxes = {row.name: row.uid for row in all_rows() if row.lossless}
    vocabulary = Vocabulary(
        sop_classes=frozenset(IODS),
        transfer_syntaxes=syntaxes,
        object_faults=lambda made: profile_faults(_profile_of(made)),
    )
    return load(path, vocabulary=vocabulary)


def checked_configuration(path: Path) -> Configuration:
    """The configuration of `path`, when everything that it refers to is there as well: certificates, keys, folders.

    Raises
    ------
    InvalidConfiguration
        With every fault found.
    """
    settings = load_configuration(path)
    if missing := missing_references(settings, credentials=Credentials.of_this_process().folder):
        raise InvalidConfiguration(missing)
    return settings


def shown_configuration(settings: Configuration) -> str:
    """Every setting in force as TOML, secrets masked."""
    return show(settings)


def station_of(settings: Configuration) -> Station:
    """The station as it is written into objects."""
    station = settings.station
    return Station(station.name, station.ae_title, station.institution, VERSION, station.serial_number)


def destination_names(settings: Configuration) -> tuple[DestinationName, ...]:
    """The configured destinations in their order."""
    return tuple(DestinationName(one.name) for one in settings.destination)


def fingerprints(settings: Configuration) -> Mapping[str, str]:
    """A short hash of each destination's settings: a change of it wakes what was parked."""
    return {one.name: hashlib.sha256(repr(one).encode()).hexdigest()[:16] for one in settings.destination}


def destination_peer(settings: Configuration, one: Destination, credentials: Credentials) -> Peer:
    """One destination as a DICOM peer."""
    return _peer(settings, one, credentials)


def stow_peer(one: Destination, credentials: Credentials) -> StowPeer:
    """One destination as a DICOMweb service; certificates, passwords and tokens are read at each connection."""
    waits, tls, http = one.timeouts, one.tls, one.http
    if tls is None:
        raise ValueError(f"{one.name} has no TLS")

    def authorization() -> str:
        if http.token is not None:
            return bearer(credentials.read(str(http.token)))
        return "" if http.password is None else basic(http.user, credentials.read(str(http.password)))

    return StowPeer(
        name=one.name,
        url=one.url,
        tls_context=lambda: client_context(tls_files(tls, credentials)),
        authorization=authorization,
        timeouts=HttpTimeouts(
            connect_s=waits.connect_s,
            tls_s=waits.tls_s,
            response_s=waits.response_s,
            response_s_per_megabyte=waits.response_s_per_megabyte,
            stall_s=waits.stall_s,
        ),
        max_batch_bytes=http.max_request_bytes,
        max_batch_instances=http.max_request_instances,
    )


def destination_rules(one: Destination) -> DestinationRules:
    """One destination for the delivering stage."""
    return DestinationRules(
        name=one.name,
        back_off=BackOff(one.retry.base_s, one.retry.cap_s),
        linger_s=one.linger_s,
        windows=tuple(Hours.parse(text) for text in one.sending.hours),
        stat_any_time=one.sending.stat_any_time,
        clip_bytes=one.sending.clip_bytes,
    )


def offered_syntaxes(settings: Configuration, one: Destination) -> tuple[str, ...]:
    """The transfer syntaxes that objects for a destination may come to have, offered to learn what it takes."""
    asked = [one.compression, *(d.settings.compression for d in settings.devices if d.settings.compression is not None)]
    return tuple(dict.fromkeys(uid for choice in asked for uid in _encoding(choice).candidates))


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


def rate_limits(one: Destination) -> tuple[RateLimit, ...]:
    """The bandwidth caps of a destination in their order."""
    written = (text.split() for text in one.sending.rate_limits)
    return tuple(RateLimit(Hours.parse(hours), float(rate)) for hours, rate in written)


def provider_rules(settings: Configuration, one: WorklistProvider, credentials: Credentials) -> ProviderRules:
    """One worklist provider for the refreshing stage."""
    return ProviderRules(
        peer=_peer(settings, one, credentials),
        refresh_s=one.refresh_s,
        wanted=WorklistFilter(
            station_ae_titles=one.station_ae_titles,
            modalities=one.modalities,
            days_back=one.days_back,
            days_ahead=one.days_ahead,
        ),
        assumed_character_set=one.assumed_character_set,
        max_answers=one.max_answers,
    )


def report_rules(settings: Configuration, one: MppsPeer, credentials: Credentials) -> ReportRules:
    """One peer of performed steps for the reporting stage."""
    return ReportRules(peer=_peer(settings, one, credentials), back_off=BackOff(one.retry.base_s, one.retry.cap_s))


def mpps_fingerprints(settings: Configuration) -> Mapping[str, str]:
    """A short hash of the settings of each peer of performed steps."""
    return {one.name: hashlib.sha256(repr(one).encode()).hexdigest()[:16] for one in settings.mpps}


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


def _peer(settings: Configuration, one: Destination | WorklistProvider | MppsPeer, credentials: Credentials) -> Peer:
    waits, address = one.timeouts, one.address
    if address is None:
        raise ValueError(f"{one.name} is not reached by associations")
    return Peer(
        name=one.name,
        host=address.host,
        port=address.port,
        called_ae_title=one.ae_title,
        calling_ae_title=one.calling_ae_title or settings.station.ae_title,
        tls=None if one.tls is None else tls_files(one.tls, credentials),
        timeouts=Timeouts(
            connect_s=waits.connect_s,
            tls_s=waits.tls_s,
            association_s=waits.association_s,
            response_s=waits.response_s,
            response_s_per_megabyte=waits.response_s_per_megabyte,
            stall_s=waits.stall_s,
        ),
        max_pdu_bytes=one.max_pdu_bytes,
    )


def tls_files(tls: Tls, credentials: Credentials) -> TlsFiles:
    """The files of a table tls; a password is read now."""
    return TlsFiles(
        ca=tls.ca,
        certificate=tls.certificate,
        key=None if tls.key is None else credentials.path(str(tls.key)),
        key_password=None if tls.key_password is None else credentials.read(str(tls.key_password)),
        check_host_name=tls.check_host_name,
    )


def device_rules(settings: Configuration, device: Device) -> DeviceRules:
    """One device for the assembling stage. Its own compression wins over that of the first destination."""
    first = settings.destination[0].compression if settings.destination else Compression("none")
    matching = device.settings.match
    return DeviceRules(
        profile=object_profile(device),
        rules=tuple(MatchRule(rule) for rule in matching.rules),
        window_before=timedelta(minutes=matching.window_before_min),
        window_after=timedelta(minutes=matching.window_after_min),
        steps=StepFilter(
            frozenset(matching.providers), frozenset(matching.station_ae_titles), frozenset(matching.modalities)
        ),
        encoding=_encoding(device.settings.compression or first),
        lossy=None if device.settings.lossy is None else _lossy(device.settings.lossy),
        max_pixels=device.settings.source.max_megapixels * _MEGA,
        performed_step_peers=_performed_step_peers(settings, device),
    )


def _lossy(lossy: Lossy) -> LossyChoice:
    uid = "1.2.840.10008.1.2.4.50" if lossy.kind == "jpeg-baseline" else "1.2.840.10008.1.2.4.51"
    return LossyChoice(uid, EncodeOptions(lossy.quality, lossy.target_ratio or None, lossy.subsampling))


def _encoding(compression: Compression) -> EncodingPolicy:
    return EncodingPolicy(compression.policy, compression.transfer_syntaxes)


def source_settings(device: Device) -> FolderSettings:
    """The settings of a device's source, of the class that its kind wants."""
    source, exam, hints = device.settings.source, device.settings.exam, device.settings.hints
    return FolderSettings(
        path=source.path,
        patterns=source.patterns,
        ignore=source.ignore,
        recursive=source.recursive,
        settle_s=source.settle_s,
        poll_s=source.poll_s,
        incomplete_limit_s=source.incomplete_limit_s,
        after=source.after,
        move_to=source.move_to,
        file_name_hints=hints.file_name,
        folder_hints=hints.folder,
        date_formats=hints.date_formats,
        sidecar=None if hints.sidecar is None else _sidecar_settings(hints.sidecar, hints.date_formats),
        grouping=exam.grouping,
        marker=exam.marker,
        idle_s=exam.idle_s,
        max_file_bytes=source.max_file_bytes,
    )


def _sidecar_settings(sidecar: Sidecar, date_formats: tuple[str, ...]) -> SidecarSettings:
    return SidecarSettings(
        locators=sidecar.map,
        name=f"{{stem}}{sidecar.suffix}",
        format=sidecar.effective_format,
        encoding=sidecar.encoding,
        match_column=sidecar.match_column,
        date_formats=date_formats,
        required=sidecar.required,
        wait_s=sidecar.wait_s,
    )


def object_profile(device: Device) -> ObjectProfile:
    """What the device profile says about the objects to make."""
    return _profile_of(device.settings.object)


def _profile_of(made: Object) -> ObjectProfile:
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


def peers_in_words(settings: Configuration) -> Mapping[str, str]:
    """How each peer is reached, for the page."""
    peers: tuple[Destination | WorklistProvider | MppsPeer, ...] = (
        *settings.destination,
        *settings.worklist,
        *settings.mpps,
    )
    feeds = {one.name: f"HL7 on port {one.port}, {'TLS' if one.tls else 'plain'}" for one in settings.hl7}
    return feeds | {
        peer.name: f"{peer.address}, AE {peer.ae_title}, {'TLS' if peer.tls else 'plain'}"
        if peer.address is not None
        else f"{peer.url}, DICOMweb"
        for peer in peers
    }
