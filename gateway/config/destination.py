"""The peers that receive instances."""

from collections.abc import Iterator, Mapping
from typing import Literal

import attrs

from gateway.config import rules as allow
from gateway.config.faults import BadValue
from gateway.config.fields import setting
from gateway.config.http import Http, https_url
from gateway.config.link import Retry, Timeouts, Tls
from gateway.config.proof import Commitment, Proof
from gateway.config.routes import NO_FALLBACK, Takes
from gateway.config.sending import Sending
from gateway.config.unscheduled import Reconciliation
from gateway.config.values import Address, Compression


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
    takes: Takes = setting("Which instances this destination is owed.", default=Takes())
    fallback: Mapping[str, str] = setting(
        "SOP classes, named as in a device file (sop_class), each with the class as which an object is made anew when"
        ' this destination refuses it, such as { ophthalmic-photography-8-bit = "vl-photographic" }; without an entry'
        " it is parked.",
        default=NO_FALLBACK,
    )

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
