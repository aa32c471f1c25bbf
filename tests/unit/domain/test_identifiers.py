"""UIDs that are unique and well formed, and names that are printable whatever their bytes."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.identifiers import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    display_name,
    is_valid_uid,
    mint_uid,
)


def test_minted_uids_are_valid_version_4_uuids_and_differ() -> None:
    minted = [mint_uid() for _ in range(2000)]
    assert len(set(minted)) == len(minted)
    for uid in minted:
        assert is_valid_uid(uid)
        number = uuid.UUID(int=int(uid.removeprefix("2.25.")))
        assert number.version == 4
        assert number.variant == uuid.RFC_4122


@pytest.mark.parametrize("text", ["1.2", "0.0", "1.2.840.10008.1.2", "2.25.0", "1." + "9" * 62])
def test_well_formed(text: str) -> None:
    assert is_valid_uid(text)


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.", ".1", "1..2", "1.02", "01.2", "1.2 ", " 1.2", "1.2\n", "1.2\0", "1.a", "1.२", "1." + "9" * 63],
)
def test_malformed(text: str) -> None:
    assert not is_valid_uid(text)


@given(st.lists(st.integers(min_value=0), min_size=2, max_size=12))
def test_any_components_without_leading_zeros_are_valid_up_to_64_characters(components: list[int]) -> None:
    text = ".".join(map(str, components))
    assert is_valid_uid(text) == (len(text) <= 64)


@given(st.text(max_size=70))
def test_validity_agrees_with_a_reading_by_hand(text: str) -> None:
    parts = text.split(".")
    by_hand = (
        len(text) <= 64
        and len(parts) > 1
        and all(part and set(part) <= set("0123456789") and (part == "0" or part[0] != "0") for part in parts)
    )
    assert is_valid_uid(text) == by_hand


@given(st.binary(max_size=300))
def test_a_display_name_is_always_printable_text(raw: bytes) -> None:
    shown = display_name(raw)
    assert shown.isprintable()
    shown.encode()


@given(st.text(alphabet=st.characters(categories=["L", "N", "P"]), max_size=80))
def test_a_printable_name_is_shown_as_it_is(name: str) -> None:
    assert display_name(name.encode()) == name


def test_what_could_mislead_the_eye_is_escaped() -> None:
    assert display_name(b"a\nb\x1b[31m\xff") == r"a\nb\x1b[31m\xff"
    assert display_name("scan\u202egpj.exe".encode()) == r"scan\u202egpj.exe"


def test_the_gateways_own_names_are_legal() -> None:
    assert is_valid_uid(IMPLEMENTATION_CLASS_UID)
    assert 1 <= len(IMPLEMENTATION_VERSION_NAME) <= 16  # VR SH
