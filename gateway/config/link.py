"""How any peer is talked to: TLS, how long each phase may take, and when it is tried again."""

from collections.abc import Iterator
from pathlib import Path

import attrs

from gateway.config import rules as allow
from gateway.config.faults import BadValue
from gateway.config.fields import setting
from gateway.config.values import SecretReference

_DAY_S = 86_400


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
