"""From what is configured to what the network wings want to know. A key's file is named, never read here."""

import socket
from zoneinfo import ZoneInfo

from gateway.bootstrap.object_settings import encoding_policy
from gateway.config.destination import Destination
from gateway.config.link import Tls
from gateway.config.model import Configuration
from gateway.config.ris import MppsPeer, WorklistProvider
from gateway.dicomweb.peer import HttpTimeouts, StowPeer, basic, bearer
from gateway.dimse.congestion import Losses, Way
from gateway.dimse.peer import Peer, Timeouts
from gateway.dimse.tls import TlsFiles, client_context
from gateway.host.credentials import Credentials
from gateway.stages.deliver import DestinationRules
from gateway.stages.hours import Hours, RateLimit
from gateway.stages.refresh import ProviderRules
from gateway.stages.report import ReportRules
from gateway.stages.retry import BackOff
from gateway.worklist.query import WorklistFilter


def destination_peer(settings: Configuration, one: Destination, credentials: Credentials) -> Peer:
    """One destination as a DICOM peer."""
    return _peer(settings, one, credentials)


def ris_peers(settings: Configuration, name: str, credentials: Credentials) -> list[Peer]:
    """The worklist provider and the peer of performed steps of that name; one where both are the same application."""
    peers: tuple[WorklistProvider | MppsPeer, ...] = (*settings.worklist, *settings.mpps)
    named = [one for one in peers if one.name == name]
    found = {(str(one.address), one.ae_title): one for one in named}
    return [_peer(settings, one, credentials) for one in found.values()]


def stow_peer(one: Destination, credentials: Credentials, losses: Losses | None = None) -> StowPeer:
    """One destination as a DICOMweb service; certificates, passwords and tokens are read at each connection.

    What its connections meet on their way is added to `losses`.
    """
    met = losses or Losses()
    waits, tls, http = one.timeouts, one.tls, one.http
    if tls is None:
        raise ValueError(f"{one.name} has no TLS")

    def authorization() -> str:
        if http.token is not None:
            return bearer(credentials.read(str(http.token)))
        return "" if http.password is None else basic(http.user, credentials.read(str(http.password)))

    def way(sock: socket.socket) -> Way:
        made = Way(sock)
        made.share(met)
        return made

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
        way=way,
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
    return tuple(dict.fromkeys(uid for choice in asked for uid in encoding_policy(choice).candidates))


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
        within_s=one.max_answer_s,
        keep_days=one.keep_days,
        zone=ZoneInfo(one.time_zone) if one.time_zone else None,
    )


def report_rules(settings: Configuration, one: MppsPeer, credentials: Credentials) -> ReportRules:
    """One peer of performed steps for the reporting stage."""
    return ReportRules(peer=_peer(settings, one, credentials), back_off=BackOff(one.retry.base_s, one.retry.cap_s))


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
