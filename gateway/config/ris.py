"""The peers on the side of the orders: worklists, HL7 feeds, and who is told of performed steps."""

from collections.abc import Iterator
from typing import Literal

import attrs

from gateway.config import rules as allow
from gateway.config.faults import BadValue
from gateway.config.fields import setting
from gateway.config.link import Retry, Timeouts, Tls
from gateway.config.values import Address

_DAY_S = 86_400


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
