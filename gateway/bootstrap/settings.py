"""The configuration as the roles load it, and what every role wants to know of it.

The names that other rooms define (SOP Classes, transfer syntaxes) are checked by the roles that use them: the others
do not load those rooms for it.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from gateway.config.check import missing_references
from gateway.config.destination import Destination
from gateway.config.faults import InvalidConfiguration
from gateway.config.load import load
from gateway.config.model import Configuration
from gateway.config.ris import MppsPeer, WorklistProvider
from gateway.config.show import show
from gateway.domain.identifiers import DestinationName
from gateway.domain.objects import Station
from gateway.host.credentials import Credentials
from gateway.version import VERSION


def read_configuration(path: Path) -> Configuration:
    """The configuration of `path` and its devices; names that other rooms define are taken as they stand."""
    return load(path)


def load_configuration(path: Path) -> Configuration:
    """The configuration of `path` and its devices, checked against the names that the other rooms define."""
    from gateway.bootstrap.vocabulary import vocabulary  # noqa: PLC0415 - 60 MB that not every role needs

    return load(path, vocabulary=vocabulary())


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


def mpps_fingerprints(settings: Configuration) -> Mapping[str, str]:
    """A short hash of the settings of each peer of performed steps."""
    return {one.name: hashlib.sha256(repr(one).encode()).hexdigest()[:16] for one in settings.mpps}


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
