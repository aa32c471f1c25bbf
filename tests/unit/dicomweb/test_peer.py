"""What a service's URL and credentials become on the wire."""

import ssl

import pytest

from gateway.dicomweb.peer import HttpTimeouts, StowPeer, basic, bearer
from gateway.domain.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "host", "port", "address", "target"),
    [
        ("https://pacs.example/dicom-web", "pacs.example", 443, "pacs.example", "/dicom-web/studies"),
        ("https://pacs.example:8443/", "pacs.example", 8443, "pacs.example:8443", "/studies"),
        ("https://[fe80::1]:8443/a/b/", "fe80::1", 8443, "[fe80::1]:8443", "/a/b/studies"),
        ("https://pacs.example", "pacs.example", 443, "pacs.example", "/studies"),
    ],
)
def test_the_parts_of_a_url(url: str, host: str, port: int, address: str, target: str) -> None:
    peer = StowPeer("archive", url, ssl.create_default_context)
    assert (peer.host, peer.port, peer.address, peer.target("/studies")) == (host, port, address, target)


def test_basic_credentials_are_those_of_rfc_7617() -> None:
    assert basic("Aladdin", b"open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert basic("test", "123£".encode()) == "Basic dGVzdDoxMjPCow=="


@pytest.mark.parametrize("user", ["", "a:b"])
def test_a_user_that_basic_cannot_carry_is_named(user: str) -> None:
    with pytest.raises(ConfigurationError, match="user name"):
        basic(user, b"x")


def test_a_bearer_token_is_taken_without_its_line_break() -> None:
    assert bearer(b"mF_9.B5f-4.1JqM\n") == "Bearer mF_9.B5f-4.1JqM"


@pytest.mark.parametrize("token", [b"", b" \n", b"two words", b"line\nbreak", "schlüssel".encode(), b"\xff"])
def test_what_is_no_token_is_named_and_never_repeated(token: bytes) -> None:
    with pytest.raises(ConfigurationError) as caught:
        bearer(token)
    assert token.decode(errors="replace").strip() not in caught.value.message or not token.strip()


def test_secrets_do_not_show_in_the_settings() -> None:
    peer = StowPeer("a", "https://h", ssl.create_default_context, lambda: "Basic c2VjcmV0")
    assert "Basic" not in repr(peer)
    assert "lambda" not in repr(peer)


def test_large_requests_are_given_more_time() -> None:
    assert HttpTimeouts(response_s=60, response_s_per_megabyte=2).for_response(50_000_000) == 160
