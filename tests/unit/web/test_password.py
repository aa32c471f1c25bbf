"""The password of the page: made once, never kept in clear, readable by one account."""

import stat
from pathlib import Path

import pytest

from gateway.domain.errors import ConfigurationError
from gateway.web.security.password import Password, ensure_password, password_faults, reset_password
from gateway.web.security.secret_key import secret_key


def test_first_start_makes_a_password_and_tells_it_once(tmp_path: Path) -> None:
    first = ensure_password(tmp_path)
    assert first is not None
    assert ensure_password(tmp_path) is None
    assert Password(tmp_path).matches(first)


def test_it_is_stored_hashed_and_private(tmp_path: Path) -> None:
    text = ensure_password(tmp_path)
    secret_key(tmp_path)
    assert text is not None
    files = sorted((tmp_path / "web").iterdir())
    assert [file.name for file in files] == ["password.json", "session.key"]
    assert stat.S_IMODE((tmp_path / "web").stat().st_mode) == 0o700
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert text.encode() not in file.read_bytes()


def test_a_changed_password_ends_the_old_one(tmp_path: Path) -> None:
    old = ensure_password(tmp_path)
    password = Password(tmp_path)
    before = password.generation
    password.change("correct horse battery")
    assert password.matches("correct horse battery")
    assert not password.matches(old or "")
    assert password.generation != before
    assert not password.is_initial


def test_a_lost_password_is_replaced(tmp_path: Path) -> None:
    ensure_password(tmp_path)
    new = reset_password(tmp_path)
    assert Password(tmp_path).matches(new)
    assert Password(tmp_path).is_initial


def test_the_same_letters_typed_on_another_keyboard_match(tmp_path: Path) -> None:
    ensure_password(tmp_path)
    password = Password(tmp_path)
    password.change("caf\u00e9 au lait")
    assert password.matches("cafe\u0301 au lait")


def test_a_very_long_guess_costs_no_hash(tmp_path: Path) -> None:
    ensure_password(tmp_path)
    assert not Password(tmp_path).matches("x" * 100_000)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"{'", b'{"n": 1}'])
def test_a_damaged_file_is_a_configuration_error(tmp_path: Path, content: bytes) -> None:
    ensure_password(tmp_path)
    (tmp_path / "web" / "password.json").write_bytes(content)
    with pytest.raises(ConfigurationError):
        Password(tmp_path)


def test_without_a_password_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        Password(tmp_path)


def test_the_session_key_survives_a_restart(tmp_path: Path) -> None:
    key = secret_key(tmp_path)
    assert len(key) == 32
    assert secret_key(tmp_path) == key


@pytest.mark.parametrize(
    ("new", "again", "word"),
    [("short", "short", "short"), ("long enough 1", "long enough 2", "differ"), ("x" * 201, "x" * 201, "long")],
)
def test_faults_of_a_new_password_are_said(new: str, again: str, word: str) -> None:
    assert word in password_faults(new, again)


def test_a_good_new_password_has_no_fault() -> None:
    assert password_faults("four words are fine", "four words are fine") == ""
