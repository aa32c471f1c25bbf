"""Check characters: published examples of each algorithm, and what they are there to notice."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.domain.check_digits import CHECK_DIGITS, FOR_DIGITS_ONLY

DIGITS = st.text("0123456789", min_size=2, max_size=20)
LETTERS = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=20)


@pytest.mark.parametrize(
    ("name", "text", "check"),
    [
        ("luhn", "7992739871", "3"),  # the usual example of ISO/IEC 7812-1
        ("luhn", "US037833100", "5"),  # ISO 6166: an ISIN
        ("luhn", "AU0000XVGZA", "3"),
        ("luhn", "au-0000.xvgza", "3"),
        ("iso7064-mod11-10", "0794", "5"),  # ISO 7064
        ("iso7064-mod11-10", "8609574271", "9"),  # the sample number of the German tax identification number
        ("iso7064-mod11-10", "13669597", "6"),  # a VAT number
        ("iso7064-mod11-2", "0794", "0"),  # ISO 7064
        ("iso7064-mod11-2", "079", "X"),
        ("iso7064-mod11-2", "000000021825009", "7"),  # ISO 27729: the sample of ORCID
        ("iso7064-mod11-2", "000000021694233", "X"),
        ("iso7064-mod97-10", "0794", "44"),  # ISO 7064
        ("iso7064-mod97-10", "WEST12345698765432GB", "82"),  # ISO 13616: the sample IBAN
        ("iso7064-mod97-10", "5493001KJTIIGC8Y1R", "12"),  # ISO 17442: a legal entity identifier
        ("iso7064-mod37-36", "A12425GABC1234002", "M"),  # the sample of the Global Release Identifier
        ("iso7064-mod37-36", "A1-2425G-ABC1234002-", "M"),
    ],
)
def test_published_examples(name: str, text: str, check: str) -> None:
    assert CHECK_DIGITS[name](text) == check


@pytest.mark.parametrize("name", sorted(CHECK_DIGITS))
@given(data=st.data())
def test_one_wrong_digit_is_always_noticed(name: str, data: st.DataObject) -> None:
    text = data.draw(DIGITS)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("0123456789"))
    assume(other != text[place])
    assert CHECK_DIGITS[name](text) != CHECK_DIGITS[name](text[:place] + other + text[place + 1 :])


@given(data=st.data())
def test_one_wrong_letter_is_always_noticed_where_letters_count_as_one_sign(data: st.DataObject) -> None:
    text = data.draw(LETTERS)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    assume(other != text[place])
    check = CHECK_DIGITS["iso7064-mod37-36"]
    assert check(text) != check(text[:place] + other + text[place + 1 :])


@pytest.mark.parametrize("name", ["iso7064-mod11-2", "iso7064-mod97-10"])
@given(data=st.data())
def test_two_exchanged_digits_are_always_noticed_by_pure_systems(name: str, data: st.DataObject) -> None:
    text = data.draw(DIGITS)
    place = data.draw(st.integers(0, len(text) - 2))
    assume(text[place] != text[place + 1])
    exchanged = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    assert CHECK_DIGITS[name](text) != CHECK_DIGITS[name](exchanged)


def test_those_for_digits_are_named() -> None:
    assert set(CHECK_DIGITS) > FOR_DIGITS_ONLY
