"""A destination of kind stow: what it needs, what it may not have, and how each fault is said."""

from pathlib import Path

import pytest

from gateway.config.check import missing_references
from gateway.config.faults import InvalidConfiguration
from gateway.config.load import load
from gateway.config.model import Configuration
from gateway.config.show import show
from gateway.config.values import SecretReference

_STATION = '[station]\nname = "Room"\nae_title = "BOX"\ntime_zone = "UTC"\n'
_DESTINATION = '[[destination]]\nname = "cloud"\n'
_TLS = 'tls = { ca = "ca.pem" }\n'
_URL = 'url = "https://pacs.example/dicom-web"\n'
_STOW = f'{_DESTINATION}kind = "stow"\n'
_HTTPS = "must begin with https://, because patient data and credentials do not travel in clear"

_NO_COMMITMENT = "proof: a destination of kind stow proves by status or query (given: 'commitment'); write \"query\""
_BY_REFERENCE = (
    "http.password: a secret is given by reference, never in the file itself; "
    'write "file:/path/to/key.pem" or "credential:NAME"'
)


def read(folder: Path, text: str) -> Configuration:
    path = folder / "gateway.toml"
    path.write_text(_STATION + text, encoding="utf-8")
    return load(path)


def test_the_keys_arrive_in_the_model(tmp_path: Path) -> None:
    http = 'http = { user = "box", password = "file:pw", max_request_mib = 2.5, max_request_instances = 7 }\n'
    (one,) = read(tmp_path, _STOW + _URL + _TLS + http).destination
    assert (one.kind, one.url, one.address) == ("stow", "https://pacs.example/dicom-web", None)
    assert (one.http.user, one.http.password) == ("box", SecretReference("file", str(tmp_path / "pw")))
    assert (one.http.max_request_bytes, one.http.max_request_instances) == (2_621_440, 7)
    (one,) = read(tmp_path, _STOW + _URL + _TLS + 'http = { token = "credential:pacs-token" }\n').destination
    assert one.http.token == SecretReference("credential", "pacs-token")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (_STOW + _TLS, "url: required key is missing"),
        (_STOW + _URL, "tls: a destination of kind stow needs TLS; say which ca is trusted"),
        (_STOW + _URL + _TLS + 'address = "h:1"\n',
         "address: a destination of kind stow has a url instead (given: 'h:1')"),
        (_STOW + _URL + _TLS + 'proof = "commitment"\n', _NO_COMMITMENT),
        (_DESTINATION + 'address = "h:1"\n', "ae_title: required key is missing"),
        (_DESTINATION + 'ae_title = "A"\n', "address: required key is missing"),
        (_DESTINATION + 'address = "h:1"\nae_title = "A"\n' + _URL,
         f"url: a destination of kind dimse has no URL (given: '{_URL[7:-2]}'); write kind = \"stow\""),
        (_DESTINATION + 'kind = "stov"\n', "kind: must be one of dimse, stow (given: 'stov'); did you mean stow?"),
        (_STOW + _TLS + 'url = "http://h/x"\n', f"url: {_HTTPS} (given: 'http://h/x'); write \"https://h/x\""),
        (_STOW + _TLS + 'url = "pacs.example"\n', f"url: {_HTTPS} (given: 'pacs.example')"),
        (_STOW + _TLS + 'url = "https://"\n',
         "url: is not a URL (given: 'https://'); for example \"https://pacs.example/dicom-web\""),
        (_STOW + _TLS + 'url = "https://h:99999/"\n',
         "url: is not a URL (given: 'https://h:99999/'); for example \"https://pacs.example/dicom-web\""),
        (_STOW + _TLS + 'url = "https://h/a b"\n',
         "url: is not a URL (given: 'https://h/a b'); for example \"https://pacs.example/dicom-web\""),
        (_STOW + _TLS + 'url = "https://u:geheim@h/"\n',
         "url: credentials do not stand in the URL; see the keys of http"),
        (_STOW + _TLS + 'url = "http://u:geheim@h/"\n',
         "url: credentials do not stand in the URL; see the keys of http"),
        (_STOW + _TLS + 'url = "https://h/?a=1"\n',
         "url: the base of a service has no '?' and no '#' (given: 'https://h/?a=1')"),
        (_STOW + _TLS + 'url = "https://h/web/studies"\n',
         "url: the gateway adds /studies itself (given: 'https://h/web/studies'); leave it out"),
        (_STOW + _URL + _TLS + 'http = { user = "box" }\n',
         'http.password: a user needs a password; for example "file:pacs-password"'),
        (_STOW + _URL + _TLS + 'http = { password = "file:pw" }\n', "http.user: a password needs its user"),
        (_STOW + _URL + _TLS + 'http = { user = "a:b", password = "file:pw" }\n',
         "http.user: a user name for HTTP has no colon (given: 'a:b')"),
        (_STOW + _URL + _TLS + 'http = { user = "a", password = "file:pw", token = "file:t" }\n',
         "http.token: either a user with a password or a token (given: 'file:t')"),
        (_STOW + _URL + _TLS + 'http = { user = "a", password = "hunter2" }\n',
         _BY_REFERENCE),
    ],
)  # fmt: skip
def test_each_fault_is_said(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        read(tmp_path, text)
    said = [str(one).partition("destination[0].")[2] for one in caught.value.faults]
    assert fault in said
    assert not any("geheim" in line or "hunter2" in line for line in said)


def test_what_is_referred_to_and_missing_is_named(tmp_path: Path) -> None:
    http = 'http = { user = "box", password = "file:pw" }\n'
    settings = read(tmp_path, _STOW + _URL + _TLS + http)
    said = [fault.path for fault in missing_references(settings)]
    assert said == ["destination[0].tls.ca", "destination[0].http.password"]
    token = read(tmp_path, _STOW + _URL + _TLS + 'http = { token = "credential:t" }\n')
    assert "destination[0].http.token" in [fault.path for fault in missing_references(token, credentials=tmp_path)]


def test_secrets_are_masked_when_shown(tmp_path: Path) -> None:
    http = 'http = { user = "box", password = "file:very/private" }\n'
    shown = show(read(tmp_path, _STOW + _URL + _TLS + http))
    assert "very/private" not in shown
    assert 'kind = "stow"' in shown
