"""Looks at what the configuration refers to: certificates, keys and folders that are not there.

Loading does not do this, because no single role may see everything; ``check-config`` runs as a person who may.
"""

from collections.abc import Iterator
from pathlib import Path

from gateway.config.destination import Destination
from gateway.config.faults import Fault
from gateway.config.model import Configuration, Listener
from gateway.config.ris import Hl7Feed, MppsPeer, WorklistProvider
from gateway.config.values import SecretReference


def missing_references(configuration: Configuration, *, credentials: Path | None = None) -> tuple[Fault, ...]:
    """Faults for files and folders that are not there; `credentials` is the folder of systemd credentials if known."""
    file = configuration.path.name
    faults: list[Fault] = []
    for index, provider in enumerate(configuration.worklist):
        faults += _peer(provider, file, f"worklist[{index}].tls", credentials)
    for index, destination in enumerate(configuration.destination):
        faults += _peer(destination, file, f"destination[{index}].tls", credentials)
        for key in ("password", "token"):
            reference: SecretReference | None = getattr(destination.http, key)
            faults += _secret(reference, file, f"destination[{index}].http.{key}", credentials)
    if configuration.listener is not None:
        faults += _peer(configuration.listener, file, "listener.tls", credentials)
    for index, feed in enumerate(configuration.hl7):
        faults += _peer(feed, file, f"hl7[{index}].tls", credentials)
    for index, mpps in enumerate(configuration.mpps):
        faults += _peer(mpps, file, f"mpps[{index}].tls", credentials)
    faults += _scanners(configuration, file)
    for device in configuration.devices:
        if not device.settings.source.path.is_dir():
            faults.append(
                Fault(
                    f"devices/{device.path.name}",
                    "source.path",
                    "no such folder",
                    repr(str(device.settings.source.path)),
                )
            )
    return tuple(faults)


def _scanners(configuration: Configuration, file: str) -> Iterator[Fault]:
    for index, scanner in enumerate(configuration.scanner):
        if not Path(scanner.port).exists():
            yield Fault(file, f"scanner[{index}].port", "no such serial port", repr(scanner.port))


def _peer(
    peer: WorklistProvider | Destination | Hl7Feed | Listener | MppsPeer, file: str, path: str, credentials: Path | None
) -> Iterator[Fault]:
    if peer.tls is None:
        return
    for key in ("ca", "certificate"):
        place: Path | None = getattr(peer.tls, key)
        if place is not None and not place.is_file():
            yield Fault(file, f"{path}.{key}", "no such file", repr(str(place)))
    for key in ("key", "key_password"):
        reference: SecretReference | None = getattr(peer.tls, key)
        yield from _secret(reference, file, f"{path}.{key}", credentials)


def _secret(reference: SecretReference | None, file: str, path: str, credentials: Path | None) -> Iterator[Fault]:
    if reference is None:
        return
    if reference.scheme == "file" and not Path(reference.place).is_file():
        yield Fault(file, path, "no such file", repr(reference.place))
    if reference.scheme == "credential" and credentials is not None and not (credentials / reference.place).is_file():
        yield Fault(file, path, "no such credential", repr(reference.place))
