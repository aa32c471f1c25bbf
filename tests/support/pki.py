"""Throw-away certificates: a CA, a rogue CA and leaves for a PACS, a box and an impostor, made at test time."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.dimse.tls import TlsFiles


@dataclass(frozen=True, slots=True)
class Pki:
    """A folder of PEM files: ``ca``, ``rogueca`` and leaves, each as NAME.crt and NAME.key."""

    folder: Path

    def certificate(self, name: str) -> Path:
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def files(self, name: str = "box", *, ca: str = "ca", check_host_name: bool = True) -> TlsFiles:
        """TLS files as the gateway uses them: identity `name`, trust `ca`; no identity when `name` is empty."""
        if not name:
            return TlsFiles(self.certificate(ca), check_host_name=check_host_name)
        return TlsFiles(self.certificate(ca), self.certificate(name), self.key(name), check_host_name=check_host_name)


def make_pki(folder: Path) -> Pki:
    """Make all certificates in `folder`: ``pacs`` and ``box`` by ``ca``, ``rogue`` by ``rogueca``, ``expired``,
    ``elsewhere`` (a valid one for another host), and ``sealed`` (as ``box``, key encrypted with ``secret``).
    """
    folder.mkdir(parents=True, exist_ok=True)
    pki = Pki(folder)
    now = datetime.now(UTC)
    span = (now - timedelta(days=1), now + timedelta(days=30))
    authorities = {name: _authority(pki, name, span) for name in ("ca", "rogueca")}
    for name, issuer in (("pacs", "ca"), ("box", "ca"), ("rogue", "rogueca"), ("sealed", "ca")):
        _leaf(pki, name, authorities[issuer], span, ["localhost", name], password=name == "sealed")
    _leaf(pki, "elsewhere", authorities["ca"], span, ["elsewhere.example"], loopback=False)
    past = (now - timedelta(days=60), now - timedelta(days=30))
    _leaf(pki, "expired", authorities["ca"], past, ["localhost", "expired"])
    return pki


def make_revocation_list(pki: Pki, name: str, target: Path) -> Path:
    """Write the list with which ``ca`` revokes the certificate `name`."""
    issuer = x509.load_pem_x509_certificate(pki.certificate("ca").read_bytes())
    key = serialization.load_pem_private_key(pki.key("ca").read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the authority has an RSA key")
    leaf = x509.load_pem_x509_certificate(pki.certificate(name).read_bytes())
    now = datetime.now(UTC)
    entry = x509.RevokedCertificateBuilder().serial_number(leaf.serial_number).revocation_date(now - timedelta(hours=1))
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
    builder = builder.last_update(now - timedelta(hours=1)).next_update(now + timedelta(days=1))
    signed = builder.add_revoked_certificate(entry.build()).sign(key, hashes.SHA256())
    target.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return target


_Authority = tuple[rsa.RSAPrivateKey, x509.Name]
_Span = tuple[datetime, datetime]


def _authority(pki: Pki, name: str, span: _Span) -> _Authority:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = _name(name)
    builder = _builder(subject, subject, key, span).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    _write(pki, name, builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()), key)
    return key, subject


def _leaf(
    pki: Pki,
    name: str,
    issuer: _Authority,
    span: _Span,
    hosts: list[str],
    *,
    loopback: bool = True,
    password: bool = False,
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    if loopback:
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    builder = (
        _builder(_name(name), issuer[1], key, span)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=False)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    _write(pki, name, builder.sign(issuer[0], hashes.SHA256()), key, sealed=password)


def _builder(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, span: _Span) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(span[0])
        .not_valid_after(span[1])
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _write(pki: Pki, name: str, certificate: x509.Certificate, key: rsa.RSAPrivateKey, *, sealed: bool = False) -> None:
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if sealed:
        protection = serialization.BestAvailableEncryption(b"secret")
    pki.certificate(name).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pki.key(name).write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, protection)
    )
