"""TLS contexts: as strict as BCP 195 wants, and a bad file is named."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.dimse.tls import TlsFiles, client_context, server_context
from gateway.domain.errors import ConfigurationError, Disposition
from tests.support.pki import Pki, make_pki


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


def with_part(files: TlsFiles, part: str, path: Path) -> TlsFiles:
    parts = {"ca": files.ca, "certificate": files.certificate, "key": files.key, part: path}
    assert parts["ca"] is not None
    return TlsFiles(parts["ca"], parts["certificate"], parts["key"])


@pytest.mark.parametrize("make", [client_context, server_context])
def test_contexts_follow_bcp_195(pki: Pki, make: object) -> None:
    assert callable(make)
    context = make(pki.files())
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.maximum_version is ssl.TLSVersion.MAXIMUM_SUPPORTED
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION
    for cipher in context.get_ciphers():
        name = cipher["name"]
        assert name.startswith(("TLS_", "ECDHE-")), name
        assert "GCM" in name or "CHACHA20" in name, name


def test_the_host_name_is_checked_unless_switched_off(pki: Pki) -> None:
    assert client_context(pki.files()).check_hostname
    loose = client_context(pki.files(check_host_name=False))
    assert not loose.check_hostname
    assert loose.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("part", ["ca", "certificate", "key"])
def test_a_missing_file_is_named(pki: Pki, part: str) -> None:
    files = with_part(pki.files(), part, Path("/nowhere/missing.pem"))
    with pytest.raises(ConfigurationError, match=r"/nowhere/missing\.pem") as caught:
        client_context(files)
    assert caught.value.disposition is Disposition.HALT
    assert caught.value.remedy


@pytest.mark.parametrize("part", ["ca", "certificate", "key"])
def test_a_file_that_is_no_pem_is_named(pki: Pki, tmp_path: Path, part: str) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("no such thing")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        client_context(with_part(pki.files(), part, junk))


def test_a_key_of_another_certificate_is_named(pki: Pki) -> None:
    with pytest.raises(ConfigurationError, match="does not belong"):
        client_context(replace(pki.files(), key=pki.key("pacs")))


def test_an_encrypted_key_needs_its_password(pki: Pki) -> None:
    sealed = pki.files("sealed")
    with pytest.raises(ConfigurationError, match="password"):
        client_context(sealed)
    with pytest.raises(ConfigurationError, match="password"):
        client_context(replace(sealed, key_password=b"wrong"))
    client_context(replace(sealed, key_password=b"secret"))
    assert "secret" not in repr(replace(sealed, key_password=b"secret"))


def test_a_listener_needs_a_certificate(pki: Pki) -> None:
    with pytest.raises(ConfigurationError, match="certificate of its own"):
        server_context(TlsFiles(pki.certificate("ca")))


def test_without_a_certificate_a_client_can_still_verify_its_peer(pki: Pki) -> None:
    assert client_context(pki.files("")).verify_mode is ssl.CERT_REQUIRED
