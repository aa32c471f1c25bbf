"""Credentials of a service in their files: what is replaced counts at the next request, or the next connection."""

import shutil
from pathlib import Path

import pytest

from gateway.bootstrap.peer_settings import stow_peer
from gateway.config.load import load
from gateway.dicomweb.multipart import StowItem
from gateway.dicomweb.peer import StowPeer
from gateway.dicomweb.store import StowSession
from gateway.domain.errors import GatewayError, Phase
from gateway.domain.instance import StoreOutcome
from gateway.host.credentials import Credentials
from tests.integration.dicomweb.test_store import Archive, stores_all
from tests.support.pki import Pki

_CONFIG = """\
[station]
name = "Room"
ae_title = "BOX"
time_zone = "UTC"

[[destination]]
name = "cloud"
kind = "stow"
url = "{url}"
tls = {{ ca = "{ca}", certificate = "box.crt", key = "file:box.key" }}
timeouts = {{ response_s = 5, stall_s = 5 }}
http = {{ {http} }}
"""


def configured(folder: Path, pki: Pki, archive: Archive, http: str) -> StowPeer:
    """The service as the forwarding role knows it, from a configuration with files beside it."""
    for name in ("box.crt", "box.key"):
        shutil.copy(pki.folder / name, folder / name)
    config = folder / "gateway.toml"
    config.write_text(_CONFIG.format(url=archive.url, ca=pki.certificate("ca"), http=http))
    (one,) = load(config).destination
    return stow_peer(one, Credentials(folder / "credentials"))


def replaced(path: Path, content: bytes) -> None:
    """Put another file in the place of this one, as careful people do."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(path)


def store(session: StowSession, item: StowItem) -> None:
    ((_, outcome),) = session.store_batch([item])
    assert isinstance(outcome, StoreOutcome)


_BEARER = ["Bearer one", "Bearer two"]
_BASIC = ["Basic Ym94Om9uZQ==", "Basic Ym94OnR3bw=="]
"""``box:one`` and ``box:two`` (RFC 7617)."""


@pytest.mark.parametrize(
    ("http", "file", "shown"),
    [
        ('token = "file:token"', "token", _BEARER),
        ('token = "credential:token"', "credentials/token", _BEARER),
        ('user = "box", password = "file:pw"', "pw", _BASIC),
        ('user = "box", password = "credential:pw"', "credentials/pw", _BASIC),
    ],
)
def test_a_replaced_secret_counts_at_the_next_request_of_the_same_connection(  # noqa: PLR0917 - fixtures and a row
    pki: Pki, tmp_path: Path, items: list[StowItem], http: str, file: str, shown: list[str]
) -> None:
    (tmp_path / "credentials").mkdir()
    secret = tmp_path / file
    with Archive(pki, stores_all) as archive:
        replaced(secret, b"one\n")
        peer = configured(tmp_path, pki, archive, http)
        with StowSession.open(peer) as session:
            store(session, items[0])
            replaced(secret, b"two\n")
            store(session, items[1])
        assert [request.headers["authorization"] for request in archive.requests] == shown
        assert archive.connections == 1


def test_a_secret_that_is_gone_is_named_without_a_word_sent(pki: Pki, tmp_path: Path, items: list[StowItem]) -> None:
    with Archive(pki, stores_all) as archive:
        replaced(tmp_path / "token", b"one")
        with StowSession.open(configured(tmp_path, pki, archive, 'token = "file:token"')) as session:
            (tmp_path / "token").unlink()
            with pytest.raises(GatewayError) as caught:
                list(session.store_batch(items))
        assert caught.value.phase is Phase.CONFIGURE
        assert "token" in caught.value.message
        assert not archive.requests


def test_a_replaced_certificate_counts_at_the_next_connection(pki: Pki, tmp_path: Path, items: list[StowItem]) -> None:
    with Archive(pki, stores_all, ask_certificate=True) as archive:
        peer = configured(tmp_path, pki, archive, 'user = ""')
        for name in ("crt", "key"):
            replaced(tmp_path / f"box.{name}", (pki.folder / f"expired.{name}").read_bytes())
        with pytest.raises(GatewayError) as caught, StowSession.open(peer) as session:
            list(session.store_batch(items[:1]))
        assert (caught.value.phase, "expired" in caught.value.message) == (Phase.TLS, True)
        for name in ("crt", "key"):
            replaced(tmp_path / f"box.{name}", (pki.folder / f"box.{name}").read_bytes())
        with StowSession.open(peer) as session:
            store(session, items[0])
