"""TLS contexts per BCP 195 (RFC 8996, RFC 9325), made from files; a bad file is named in the operator's words."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.domain.errors import ConfigurationError

# RFC 9325 section 4.2: ephemeral elliptic curve key exchange with authenticated encryption; TLS 1.3 brings its own.
_TLS_1_2_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Which files a TLS link uses.

    `ca` holds the certificates that are trusted (PEM, one or more). `certificate` and `key` are what this side shows
    of itself; without them no mutual authentication is possible. `check_host_name` may be switched off for peers
    whose certificates carry no usable name: the chain is then still verified.
    """

    ca: Path
    certificate: Path | None = None
    key: Path | None = None
    key_password: bytes | None = field(default=None, repr=False)
    check_host_name: bool = True


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """Make the context for calling a peer.

    Returns
    -------
    ssl.SSLContext
        TLS 1.2 or newer (1.3 preferred by the protocol itself), peer certificate required, host name checked unless
        `files` says otherwise.

    Raises
    ------
    ConfigurationError
        If a file is missing, unreadable, not PEM, or key and certificate do not belong together.

    References
    ----------
    PS3.15 Annex B.12 (BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = files.check_host_name
    _harden(context)
    _load(context, files)
    return context


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """Make the context for being called: as `client_context`, with a client certificate of the `ca` required."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    _harden(context)
    if files.certificate is None:
        raise ConfigurationError(
            "A TLS listener needs a certificate of its own, and none is configured.",
            remedy="Set certificate and key.",
        )
    _load(context, files)
    return context


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_TLS_1_2_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION


def _load(context: ssl.SSLContext, files: TlsFiles) -> None:
    _read(files.ca, "trusted CA certificates", lambda: context.load_verify_locations(cafile=str(files.ca)))
    if files.certificate is None:
        return
    key = files.key or files.certificate
    # Every file is read by itself first, so that the one at fault can be named.
    scratch = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _read(files.certificate, "certificate", lambda: scratch.load_verify_locations(cafile=str(files.certificate)))
    _read(key, "private key", lambda: None)
    # Without a password OpenSSL would ask on the terminal and wait for ever; an empty one makes it fail at once.
    password = files.key_password or b""
    chain = str(files.certificate)
    _read(key, "private key", lambda: context.load_cert_chain(chain, str(key), password=lambda: password))


def _read(path: Path, what: str, load: Callable[[], None]) -> None:
    try:
        with path.open("rb"):
            pass
        load()
    except ssl.SSLError as fault:
        raise ConfigurationError(
            f"The {what} in {path} cannot be used: {_why(fault, path)}.",
            remedy="Replace the file or correct the setting.",
        ) from fault
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise ConfigurationError(
            f"The {what} file {path} cannot be read: {reason}.", remedy="Check the path and its permissions."
        ) from fault


def _why(fault: ssl.SSLError, path: Path) -> str:
    reason = fault.reason or ""
    if reason == "KEY_VALUES_MISMATCH":
        return "the key does not belong to the certificate"
    if not reason and b"ENCRYPTED" in path.read_bytes():  # OpenSSL's own reason does not reach Python here
        return "the key is encrypted and the password is missing or wrong"
    if reason in {"NO_START_LINE", "NO_CERTIFICATE_OR_CRL_FOUND"} or not reason:
        return "it holds no such thing in PEM form"
    return reason.lower().replace("_", " ")
