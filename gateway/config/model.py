"""The settings of the gateway itself: station, spool, listener, page and log; and all that is configured together.

Units stand in names. Defaults stand with the settings and nowhere else. What a value may be is said by its type and
its rule; what only makes sense together is checked by `problems`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import attrs

from gateway.config import rules as allow
from gateway.config.destination import Destination
from gateway.config.device import Device
from gateway.config.faults import BadValue
from gateway.config.fields import setting
from gateway.config.link import Tls
from gateway.config.ris import Hl7Feed, MppsPeer, WorklistProvider
from gateway.config.scanner import Scanner
from gateway.config.unscheduled import Unscheduled

_MIB = 1 << 20


@attrs.frozen
class Station:
    """Where this box stands."""

    name: str = setting(
        "Name of this place, written into every object.", rule=allow.filled, example="Rampur fundus room"
    )
    ae_title: str = setting(
        "AE title of this box, which PACS and RIS must know.", rule=allow.ae_title, example="RAMPUR_FC1"
    )
    time_zone: str = setting(
        "IANA time zone of the wall clock in the room.", rule=allow.time_zone, example="Asia/Kolkata"
    )
    institution: str = setting(
        "Institution Name.", default="", rule=allow.long_string, example="District Hospital Rampur"
    )
    serial_number: str = setting("Serial number of this box.", default="", rule=allow.long_string)


@attrs.frozen
class Spool:
    """The folder that keeps ledger, acquisitions and instances."""

    path: Path = setting("Folder of ledger and bytes; it must be on a local disk.", default=Path("/var/lib/gateway"))
    floor_mib: int = setting(
        "MiB of free space that are never used; below it nothing more is captured.",
        default=1024,
        rule=allow.within(0, 1 << 24),
    )
    retention_days: float = setting(
        "Days for which bytes are kept after every destination has proven to hold them.",
        default=30.0,
        rule=allow.within(0, 3650),
    )
    high_water_percent: float = setting(
        "Used share of the disk above which bytes that every destination has proven to hold go before their time;"
        " 100: never.",
        default=85.0,
        rule=allow.within(1, 100),
    )
    low_water_percent: float = setting(
        "Used share of the disk at which they stop going.", default=75.0, rule=allow.within(1, 100)
    )
    journal_days: float = setting(
        "Days for which the journal of acquisitions is kept after their bytes were released; 0: for ever.",
        default=0.0,
        rule=allow.within(0, 36_500),
    )

    @property
    def floor_bytes(self) -> int:
        """The reserve in bytes."""
        return self.floor_mib * _MIB

    def problems(self) -> Iterator[tuple[str, BadValue]]:
        """The low mark is not above the high one."""
        if self.low_water_percent > self.high_water_percent:
            yield "low_water_percent", BadValue(f"must not be above high_water_percent ({self.high_water_percent:g})")


@attrs.frozen
class Listener:
    """Where peers report storage commitment over associations of their own; its AE title is the station's."""

    port: int = setting("TCP port, which the peers must know.", rule=allow.within(1, 65535), example=11112)
    host: str = setting("Address on which it listens.", default="0.0.0.0", rule=allow.filled)  # noqa: S104 - peers call
    tls: Tls | None = setting("TLS, with certificates on both sides; without this table calls are plain.", default=None)

    def problems(self) -> Iterator[tuple[str, BadValue]]:
        """Who is called over TLS must show a certificate."""
        if self.tls is not None and self.tls.certificate is None:
            yield "tls", BadValue("a listener needs a certificate of its own", suggestion="set certificate and key")


@attrs.frozen
class Web:
    """The status page."""

    host: str = setting("Address on which the page listens.", default="127.0.0.1", rule=allow.filled)
    port: int = setting("Its TCP port.", default=8080, rule=allow.within(1, 65535))


@attrs.frozen
class Logging:
    """The log on standard error."""

    level: Literal["debug", "info", "warning", "error"] = setting("Least severity that is logged.", default="info")


@attrs.frozen
class Configuration:
    """Everything that is configured: what ``gateway.toml`` says, and the devices of the folder beside it."""

    path: Path
    station: Station
    spool: Spool
    worklist: tuple[WorklistProvider, ...]
    destination: tuple[Destination, ...]
    listener: Listener | None
    web: Web
    logging: Logging
    devices: tuple[Device, ...]
    mpps: tuple[MppsPeer, ...] = ()
    hl7: tuple[Hl7Feed, ...] = ()
    unscheduled: Unscheduled = attrs.field(factory=Unscheduled)
    scanner: tuple[Scanner, ...] = ()

    def device(self, name: str) -> Device:
        """The device of that name; raises `KeyError` if there is none."""
        return {device.name: device for device in self.devices}[name]
