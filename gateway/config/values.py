"""Small values that stand in the file as one text or list: addresses, references to secrets, compression choices."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, cast, get_args

import attrs

from gateway.config.faults import BadValue, did_you_mean

Policy = Literal["fastest", "smallest", "balanced", "none"]

_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:/\[\]]+)):(?P<port>[0-9]{1,5})")
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_HIGHEST_PORT = 65535


@attrs.frozen
class Address:
    """Host name or IP address with a port; written ``host:port``, an IPv6 address in brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """The address in `text`; raises `BadValue`."""
    found = _ADDRESS.fullmatch(text)
    if found is None:
        suggestion = f'write "{text}:104" with the right port' if re.fullmatch(r"[\w.-]+", text) else ""
        raise BadValue('must be "host:port"', suggestion=suggestion)
    port = int(found["port"])
    if not 1 <= port <= _HIGHEST_PORT:
        raise BadValue(f"a port is from 1 to 65535, this is {port}")
    return Address(found["six"] or found["host"], port)


@attrs.frozen
class SecretReference:
    """Where a secret is: a file, or a credential that systemd hands to the one role that needs it."""

    scheme: Literal["file", "credential"]
    place: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.place}"


def parse_secret(text: str, folder: Path) -> SecretReference:
    """The reference in `text`, a relative path taken from `folder`; raises `BadValue` that never repeats `text`."""
    scheme, _, place = text.partition(":")
    if not place or "\n" in text or "-----" in text or scheme not in {"file", "credential"}:
        rule = "a secret is given by reference, never in the file itself"
        raise BadValue(rule, suggestion='write "file:/path/to/key.pem" or "credential:NAME"', hidden=True)
    if scheme == "file":
        return SecretReference("file", str(folder / place))
    if "/" in place or place in {".", ".."}:
        raise BadValue("a credential is a plain name, without a folder", suggestion='for a path write "file:..."')
    return SecretReference("credential", place)


@attrs.frozen
class Compression:
    """How objects are compressed: by a policy, or (policy ``list``) by the first usable of `transfer_syntaxes`."""

    policy: Policy | Literal["list"] = "fastest"
    transfer_syntaxes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ", ".join(self.transfer_syntaxes) or self.policy


def parse_compression(value: object, known: Mapping[str, str] = MappingProxyType({})) -> Compression:
    """The choice in `value`: a policy, or a list of transfer syntaxes by UID or by a name in `known` (name to UID)."""
    policies = get_args(Policy)
    if isinstance(value, str):
        if value not in policies:
            rule = f"must be one of {', '.join(policies)}, or a list of transfer syntaxes"
            hint = f'a single one is a list too: ["{value}"]' if value in known else did_you_mean(value, policies)
            raise BadValue(rule, suggestion=hint)
        return Compression(cast("Policy", value))
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise BadValue(f"must be one of {', '.join(policies)}, or a list of transfer syntaxes")
    return Compression("list", tuple(_syntax(item, known) for item in value))


def _syntax(text: str, known: Mapping[str, str]) -> str:
    uid = known.get(text, text)
    usable = uid in known.values() if known else bool(_UID.fullmatch(uid))
    if not usable:
        names = ", ".join(known)
        suggestion = did_you_mean(text, (*known, *known.values())) or (f"known are {names}" if names else "")
        raise BadValue(f"{text!r} is not a transfer syntax that the gateway writes", suggestion=suggestion)
    return uid
