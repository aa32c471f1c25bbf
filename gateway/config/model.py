"""The settings of the gateway itself: station, spool, worklists, destinations, page and log.

Units stand in names. Defaults stand here and nowhere else. What a value may be is said by its type and its rule; what
only makes sense together is checked by `problems`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import attrs

from gateway.config import rules as allow
from gateway.config.device import Device
from gateway.config.faults import BadValue
from gateway.config.fields import setting
from gateway.config.http import Http, https_url
from gateway.config.proof import Commitment, Proof
from gateway.config.routes import NO_FALLBACK, Takes
from gateway.config.scanner import Scanner
from gateway.config.sending import Sending
from gateway.config.unscheduled import Reconciliation, Unscheduled
from gateway.config.values import Address, Compression, SecretReference

_MIB = 1 << 20
_DAY_S = 86_400


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
class Tls:
    """TLS towards one peer: whom to trust and what to show of ourselves."""

    ca: Path = setting("PEM file of the certificates that are trusted.", example="hospital-ca.pem")
    certificate: Path | None = setting(
        "PEM file of the certificate of this box, for mutual authentication.", default=None, example="box.pem"
    )
    key: SecretReference | None = setting(
        "Its key, by reference: file:PATH or credential:NAME (a systemd credential).",
        default=None,
        example="credential:box-key",
    )
    key_password: SecretReference | None = setting("The password of the key, by reference like the key.", default=None)
    check_host_name: bool = setting(
        "Whether the name in the peer's certificate must be the host name of its address.", default=True
    )

    def problems(self) -> Iterator[tuple[str, BadValue]]:
        """A certificate and its key come together."""
        if self.certificate is not None and self.key is None:
            yield "key", BadValue("a certificate needs its key", suggestion='for example "file:box.key"')
        if self.key is not None and self.certificate is None:
            yield "certificate", BadValue("a key needs its certificate")
        if self.key_password is not None and self.key is None:
            yield "key_password", BadValue("a password needs the key that it opens")


@attrs.frozen
class Timeouts:
    """How long each phase of talking to a peer may take."""

    connect_s: float = setting("Seconds for the TCP connection.", default=10.0, rule=allow.within(0.1, 600))
    tls_s: float = setting("Seconds for the TLS handshake.", default=15.0, rule=allow.within(0.1, 600))
    association_s: float = setting(
        "Seconds for the answer to A-ASSOCIATE-RQ.", default=30.0, rule=allow.within(0.1, 600)
    )
    response_s: float = setting("Seconds for the answer to a request.", default=60.0, rule=allow.within(0.1, 3600))
    response_s_per_megabyte: float = setting(
        "Seconds added to response_s for every 10^6 bytes of a stored object.", default=2.0, rule=allow.within(0, 600)
    )
    stall_s: float = setting(
        "Seconds for which bytes that were sent may wait to be taken.", default=60.0, rule=allow.within(0.1, 3600)
    )


@attrs.frozen
class WorklistProvider:
    """One Modality Worklist SCP."""

    name: str = setting("Name of this provider here.", rule=allow.provider_name, example="HIS")
    address: Address = setting('"host:port"; an IPv6 address stands in brackets.', example="ris.example:11112")
    ae_title: str = setting("AE title of the provider.", rule=allow.ae_title, example="RIS")
    calling_ae_title: str = setting(
        "AE title of this box towards it; empty: the station's.", default="", rule=allow.optional(allow.ae_title)
    )
    tls: Tls | None = setting("TLS; without this table the association is plain.", default=None)
    refresh_s: float = setting("Seconds between two queries.", default=120.0, rule=allow.within(5, _DAY_S))
    days_back: int = setting("Days before today that are asked for.", default=1, rule=allow.within(0, 365))
    days_ahead: int = setting("Days after today that are asked for.", default=1, rule=allow.within(0, 365))
    assumed_character_set: str = setting(
        "Specific Character Set taken for answers that name none; empty: plain ASCII.",
        default="",
        rule=allow.optional(allow.code_string),
        example="ISO_IR 192",
    )
    station_ae_titles: tuple[str, ...] = setting(
        "Scheduled Station AE Titles asked for; empty: steps of every station.",
        default=(),
        rule=allow.each(allow.ae_title),
    )
    modalities: tuple[str, ...] = setting(
        "Modalities asked for; empty: every modality.", default=(), rule=allow.each(allow.code_string)
    )
    max_answers: int = setting(
        "Answers after which a query is cancelled and reported as too wide.",
        default=2000,
        rule=allow.within(1, 10_000),
    )
    max_answer_s: float = setting(
        "Seconds after which a query whose answers still come is cancelled; what came until then is used.",
        default=120.0,
        rule=allow.within(1, 3600),
    )
    keep_days: int = setting(
        "Days for which a step stays after its scheduled day while the provider is silent; 0: to the end of that day.",
        default=7,
        rule=allow.within(0, 365),
    )
    time_zone: str = setting(
        "IANA time zone of the provider's dates and times where its answers name no offset; empty: the station's.",
        default="",
        rule=allow.optional(allow.time_zone),
        example="Asia/Kolkata",
    )
    max_pdu_bytes: int = setting(
        "Longest PDU that this box receives.", default=131_072, rule=allow.within(4096, 1 << 22)
    )
    timeouts: Timeouts = setting("How long each phase may take.", default=Timeouts())


@attrs.frozen
class Retry:
    """When a failed delivery is tried again; it is tried for ever."""

    base_s: float = setting(
        "Seconds before the second try; doubled for each further one.", default=2.0, rule=allow.within(0.1, 3600)
    )
    cap_s: float = setting("Longest wait in seconds.", default=300.0, rule=allow.within(1, _DAY_S))

    def problems(self) -> Iterator[tuple[str, BadValue]]:
        """The cap is not below the base."""
        if self.cap_s < self.base_s:
            yield "cap_s", BadValue(f"must not be below base_s ({self.base_s:g})")


@attrs.frozen
class Destination:
    """One peer that receives every instance: a Storage SCP, or a DICOMweb service."""

    name: str = setting("Name of this destination here.", rule=allow.name, example="main")
    kind: Literal["dimse", "stow"] = setting(
        "dimse: C-STORE to address and ae_title; stow: STOW-RS over HTTPS to url.", default="dimse"
    )
    address: Address | None = setting(
        'For dimse: "host:port"; an IPv6 address stands in brackets.', default=None, example="pacs.example:2762"
    )
    ae_title: str = setting(
        "For dimse: AE title of the destination.", default="", rule=allow.optional(allow.ae_title), example="MAIN"
    )
    calling_ae_title: str = setting(
        "AE title of this box towards it; empty: the station's.", default="", rule=allow.optional(allow.ae_title)
    )
    url: str = setting(
        'For stow: base of the service, such as "https://pacs.example/dicom-web".',
        default="",
        rule=allow.optional(https_url),
    )
    http: Http = setting("For stow: credentials, and how large requests may be.", default=Http())
    tls: Tls | None = setting("TLS; without this table the association is plain.", default=None)
    proof: Proof = setting(
        "What proves that an instance is kept: status (the answer when it was stored), commitment (Storage Commitment;"
        " needs the table listener) or query (C-FIND or QIDO-RS for the instance).",
        default="status",
    )
    commitment: Commitment = setting("How proof by commitment or query is asked for.", default=Commitment())
    compression: Compression = setting(
        "fastest, smallest, balanced, none, or a list of transfer syntaxes (names or UIDs), best first.",
        default=Compression(),
    )
    reconciliation: Reconciliation = setting(
        "When an order turns up for what was sent without one. notice: nothing is sent, its administrator is told what"
        " to change; replace: new objects with the order's identity, and a rejection note for the old ones.",
        default="notice",
    )
    linger_s: float = setting(
        "Seconds for which an association stays open for the next instance.", default=5.0, rule=allow.within(0, 600)
    )
    max_pdu_bytes: int = setting(
        "Longest PDU that this box receives and, if the peer takes it, sends.",
        default=131_072,
        rule=allow.within(4096, 1 << 22),
    )
    timeouts: Timeouts = setting("How long each phase may take.", default=Timeouts())
    retry: Retry = setting("When a failed delivery is tried again.", default=Retry())
    sending: Sending = setting("How much at once, when, and how fast.", default=Sending())

    def problems(self) -> Iterator[tuple[str, BadValue]]:
        """Each kind has the keys that it needs, and none of the other's."""
        missing = BadValue("required key is missing")
        if self.kind == "dimse":
            if self.address is None:
                yield "address", missing
            if not self.ae_title:
                yield "ae_title", missing
            if self.url:
                yield "url", BadValue("a destination of kind dimse has no URL", suggestion='write kind = "stow"')
            return
        if not self.url:
            yield "url", missing
        if self.tls is None:
            yield "tls", BadValue("a destination of kind stow needs TLS", suggestion="say which ca is trusted")
        if self.address is not None:
            yield "address", BadValue("a destination of kind stow has a url instead")
        if self.proof == "commitment":
            yield "proof", BadValue("a destination of kind stow proves by status or query", suggestion='write "query"')

    takes: Takes = setting("Which instances this destination is owed.", default=Takes())
    fallback: Mapping[str, str] = setting(
        "SOP classes, named as in a device file (sop_class), each with the class as which an object is made anew when"
        ' this destination refuses it, such as { ophthalmic-photography-8-bit = "vl-photographic" }; without an entry'
        " it is parked.",
        default=NO_FALLBACK,
    )


@attrs.frozen
class MppsPeer:
    """One Modality Performed Procedure Step SCP, told when a step begins and ends. Without one, nothing is reported."""

    name: str = setting("Name of this peer here.", rule=allow.name, example="HIS")
    address: Address = setting('"host:port"; an IPv6 address stands in brackets.', example="ris.example:11112")
    ae_title: str = setting("AE title of the peer.", rule=allow.ae_title, example="RIS")
    calling_ae_title: str = setting(
        "AE title of this box towards it; empty: the station's.", default="", rule=allow.optional(allow.ae_title)
    )
    tls: Tls | None = setting("TLS; without this table the association is plain.", default=None)
    max_pdu_bytes: int = setting(
        "Longest PDU that this box receives.", default=131_072, rule=allow.within(4096, 1 << 22)
    )
    timeouts: Timeouts = setting("How long each phase may take.", default=Timeouts())
    retry: Retry = setting("When a failed report is tried again.", default=Retry())


@attrs.frozen
class Hl7Feed:
    """Where a HIS without a DICOM worklist sends its orders: HL7 v2 (ORM, OMI, ADT) over MLLP."""

    name: str = setting(
        "Name of this feed here, as a worklist provider.", rule=allow.provider_name, example="HIS-orders"
    )
    port: int = setting("TCP port, which the sender must know.", rule=allow.within(1, 65535), example=2575)
    host: str = setting("Address on which it listens.", default="0.0.0.0", rule=allow.filled)  # noqa: S104 - peers call
    senders: tuple[str, ...] = setting(
        "IP addresses or networks that may send; empty: everybody who reaches the port.",
        default=(),
        rule=allow.each(allow.network),
        example=("192.0.2.10",),
    )
    sending_application: str = setting("Sending Application (MSH-3) that is taken; empty: any.", default="")
    assumed_character_set: Literal["", "UNICODE UTF-8", "8859/1", "8859/2", "8859/5", "8859/6", "8859/7", "8859/9"] = (
        setting("Character set taken for messages that name none (MSH-18); empty: plain ASCII.", default="")
    )
    keep_days: int = setting(
        "Days for which an order stays after its scheduled day.", default=1, rule=allow.within(0, 365)
    )
    tls: Tls | None = setting("TLS, with certificates on both sides; without this table calls are plain.", default=None)

    def problems(self) -> Iterator[tuple[str, BadValue]]:
        """Who is called over TLS must show a certificate."""
        if self.tls is not None and self.tls.certificate is None:
            yield "tls", BadValue("a feed needs a certificate of its own", suggestion="set certificate and key")


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
