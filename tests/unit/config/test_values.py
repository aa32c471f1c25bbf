"""Addresses, references to secrets and compression choices: what is read and what is refused."""

from pathlib import Path

import pytest

from gateway.config.faults import BadValue
from gateway.config.values import Address, Compression, parse_address, parse_compression, parse_secret


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("pacs.example:104", Address("pacs.example", 104)),
        ("192.0.2.1:11112", Address("192.0.2.1", 11112)),
        ("[2001:db8::1]:104", Address("2001:db8::1", 104)),
    ],
)
def test_an_address_is_read_and_written_alike(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", ":104", "host", "host:", "host:0", "host:65536", "2001:db8::1:104", "a b:1", "h:1x"]
)
def test_a_bad_address_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        parse_address(text)


def test_a_relative_secret_is_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    assert str(parse_secret("file:box.key", tmp_path)) == f"file:{tmp_path}/box.key"
    assert str(parse_secret("file:/etc/box.key", tmp_path)) == "file:/etc/box.key"
    assert str(parse_secret("credential:box-key", tmp_path)) == "credential:box-key"


@pytest.mark.parametrize("text", ["credential:../shadow", "credential:.."])
def test_a_credential_cannot_lead_out_of_its_folder(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="plain name"):
        parse_secret(text, tmp_path)


@pytest.mark.parametrize("policy", ["fastest", "smallest", "balanced", "none"])
def test_a_policy_is_taken(policy: str) -> None:
    assert parse_compression(policy).policy == policy


@pytest.mark.parametrize("value", ["list", "", [], [1], 3, ["not.a.uid"], {"a": 1}])
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(BadValue):
        parse_compression(value)


def test_without_vocabulary_uids_are_taken_as_they_are() -> None:
    assert parse_compression(["1.2.840.10008.1.2.5"]) == Compression("list", ("1.2.840.10008.1.2.5",))
