"""What a destination of kind stow needs beside its URL: credentials, and how large requests may be."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import attrs

from gateway.config import rules as allow
from gateway.config.faults import BadValue
from gateway.config.fields import setting
from gateway.config.values import SecretReference

_MIB = 1 << 20


def https_url(value: str) -> None:
    """The base URL of a service: https, a host, perhaps a path; nothing that a request target adds itself."""
    if "@" in value:
        raise BadValue("credentials do not stand in the URL", suggestion="see the keys of http", hidden=True)
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as bad:
        raise BadValue("is not a URL", suggestion='for example "https://pacs.example/dicom-web"') from bad
    if parts.scheme != "https":
        secure = f'write "https://{value.partition("://")[2]}"' if parts.scheme == "http" else ""
        rule = "must begin with https://, because patient data and credentials do not travel in clear"
        raise BadValue(rule, suggestion=secure)
    if not parts.hostname or port == 0 or not value.isascii() or not value.isprintable() or " " in value:
        raise BadValue("is not a URL", suggestion='for example "https://pacs.example/dicom-web"')
    if parts.query or parts.fragment:
        raise BadValue("the base of a service has no '?' and no '#'")
    if parts.path.rstrip("/").endswith("/studies"):
        raise BadValue("the gateway adds /studies itself", suggestion="leave it out")


@attrs.frozen
class Http:
    """Credentials of a DICOMweb service, and how large requests may be."""

    user: str = setting("User name, for basic credentials.", default="", rule=allow.optional(allow.filled))
    password: SecretReference | None = setting(
        "Its password, by reference: file:PATH or credential:NAME.", default=None
    )
    token: SecretReference | None = setting(
        "A bearer token, by reference; the file is read for each request, so that it may be replaced.", default=None
    )
    max_request_mib: float = setting(
        "MiB of instances in one request; a larger one travels by itself.", default=48.0, rule=allow.within(0.01, 4096)
    )
    max_request_instances: int = setting("Instances in one request.", default=100, rule=allow.within(1, 1000))

    def problems(self) -> Iterator[tuple[str, BadValue]]:
        """User and password come together, and not beside a token."""
        if self.user and self.password is None:
            yield "password", BadValue("a user needs a password", suggestion='for example "file:pacs-password"')
        if self.password is not None and not self.user:
            yield "user", BadValue("a password needs its user")
        if self.token is not None and self.user:
            yield "token", BadValue("either a user with a password or a token")
        if ":" in self.user:
            yield "user", BadValue("a user name for HTTP has no colon")

    @property
    def max_request_bytes(self) -> int:
        """Bytes of instances in one request."""
        return int(self.max_request_mib * _MIB)
