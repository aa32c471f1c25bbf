"""Text of every Specific Character Set; the long names are those of PS3.5 Annexes H to J."""

import pytest

from gateway.worklist.charsets import SINGLE_BYTE_CODECS, TextDecoder, normalised

PN = b"\\^="


@pytest.mark.parametrize(
    ("terms", "data", "text"),
    [
        (
            ["", "ISO_IR 87"],
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
        (
            ["ISO_IR 13", "ISO_IR 87"],
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
        ),
        (
            ["", "ISO_IR 149"],
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
            "Hong^Gildong=洪^吉洞=홍^길동",
        ),
        (["", "ISO_IR 58"], b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=", "Zhang^XiaoDong=张^小东="),
        (["GB18030"], b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="),
        (["ISO_IR 192"], "Wang^XiaoDong=王^小東".encode(), "Wang^XiaoDong=王^小東"),
        (["ISO_IR 144"], "Люкceмбypг".encode("iso8859_5"), "Люкceмбypг"),  # noqa: RUF001 - the standard's mixed spelling
        (["ISO_IR 100"], b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        (["ISO_IR 203"], b"Prix \xa4", "Prix €"),
        (["", "ISO_IR 144"], b"A\x1b-L\xb8\xd2\xd0^\x1b-L\xb8", "AИва^И"),  # noqa: RUF001 - Cyrillic is the point
    ],
)
def test_examples_of_the_standard(terms: list[str], data: bytes, text: str) -> None:
    assert TextDecoder(terms).decode(data, delimiters=PN) == text


@pytest.mark.parametrize("term", SINGLE_BYTE_CODECS)
def test_every_single_byte_set_has_a_working_codec(term: str) -> None:
    letter = b"\xe0" if term == "ISO_IR 138" else b"\xc7"
    assert TextDecoder([term]).decode(b"A" + letter) == "A" + letter.decode(SINGLE_BYTE_CODECS[term])


def test_a_designation_ends_at_a_delimiter_and_at_a_line_end() -> None:
    decoder = TextDecoder(["", "ISO_IR 100"])
    for between in (b"^", b"\\", b"\r\n"):
        with pytest.raises(UnicodeDecodeError):
            decoder.decode(b"\x1b-A\xe9" + between + b"\xe9", delimiters=PN)


@pytest.mark.parametrize(
    ("terms", "data"),
    [
        ([], b"\xe9"),
        (["ISO_IR 192"], b"J\xe9r"),
        (["ISO_IR 100"], b"C1 \x85"),
        ([""], b"\x1b%G\xc3\xa9"),
        (["", "ISO_IR 87"], b"\x1b$B\x7f\x7f\x1b(B"),
    ],
)
def test_bytes_that_are_no_text_are_not_guessed(terms: list[str], data: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        TextDecoder(terms).decode(data)


@pytest.mark.parametrize(
    ("sent", "term"),
    [
        ("ISO_IR 100", "ISO_IR 100"),
        ("iso-ir 100 ", "ISO_IR 100"),
        ("ISO_IR100", "ISO_IR 100"),
        ("ISO 2022 IR 87", "ISO_IR 87"),
        ("ISO 2022 IR 6", ""),
        ("ISO_IR 6", ""),
        ("", ""),
        ("UTF-8", "ISO_IR 192"),
        ("ISO 2022 GBK", "GBK"),
        ("KOI8-R", None),
        ("ISO_IR 999", None),
    ],
)
def test_terms_in_any_spelling(sent: str, term: str | None) -> None:
    assert normalised(sent) == term
