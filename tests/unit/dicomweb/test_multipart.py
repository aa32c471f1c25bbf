"""The bytes of a store request, as RFC 2046 and PS3.18 want them, read back by the standard library's own parser."""

import email
from pathlib import Path

import pytest

from gateway.dicomweb.multipart import SpoolFault, StoreBody, StowItem
from gateway.dicomweb.store import how_many
from gateway.domain.errors import HALF_SENT, Disposition, Phase

FIRST = bytes(128) + b"DICM" + b"first\r\n--edge\r\n"
SECOND = bytes(128) + b"DICM" + bytes(range(256)) * 3000


@pytest.fixture
def items(tmp_path: Path) -> list[StowItem]:
    made = []
    for number, content in enumerate((FIRST, SECOND)):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(content)
        made.append(StowItem(path, f"1.{number}", "1.2.840.10008.1.2.1"))
    return made


def test_the_bytes_are_these(items: list[StowItem]) -> None:
    body = StoreBody(items, boundary="edge7")
    header = b"\r\nContent-Type: application/dicom\r\n\r\n"
    wanted = b"--edge7" + header + FIRST + b"\r\n--edge7" + header + SECOND + b"\r\n--edge7--\r\n"
    assert b"".join(body) == wanted
    assert body.size == len(wanted)
    assert body.content_type == 'multipart/related; type="application/dicom"; boundary=edge7'


def test_another_parser_finds_the_files_again(items: list[StowItem]) -> None:
    body = StoreBody(items)
    data = b"".join(body)
    found = email.message_from_bytes(f"Content-Type: {body.content_type}\r\n\r\n".encode() + data)
    assert [part.get_content_type() for part in found.walk()][1:] == ["application/dicom"] * 2
    assert len(data) == body.size
    assert b"".join(body) == data, "it can be read again for another try"


def test_blocks_are_small_whatever_the_file(items: list[StowItem]) -> None:
    assert max(len(block) for block in StoreBody(items)) <= 262_144


def test_each_body_has_a_boundary_of_its_own() -> None:
    assert len({StoreBody(()).boundary for _ in range(100)}) == 100


def test_an_empty_body_is_only_the_end() -> None:
    body = StoreBody((), boundary="b")
    assert (b"".join(body), body.size) == (b"--b--\r\n", 7)


def test_a_file_that_is_gone_names_its_item(items: list[StowItem]) -> None:
    items[1].path.unlink()
    with pytest.raises(SpoolFault) as caught:
        StoreBody(items)
    assert caught.value.item is items[1]
    assert (caught.value.disposition, caught.value.phase) == (Disposition.RETRY, Phase.SPOOL)
    assert caught.value.code != HALF_SENT


def test_a_file_that_is_no_dicom_is_set_aside(items: list[StowItem]) -> None:
    items[0].path.write_bytes(b"GIF89a")
    with pytest.raises(SpoolFault) as caught:
        StoreBody(items)
    assert caught.value.disposition is Disposition.QUARANTINE


def test_a_file_that_becomes_shorter_while_it_is_sent_is_set_aside(items: list[StowItem]) -> None:
    body = StoreBody(items)
    items[1].path.write_bytes(SECOND[:1000])
    with pytest.raises(SpoolFault, match="shorter") as caught:
        b"".join(body)
    assert caught.value.item is items[1]
    assert caught.value.code == HALF_SENT


@pytest.mark.parametrize(
    ("sizes", "count"),
    [([], 0), ([500], 1), ([40, 40, 40], 2), ([101, 1], 1), ([1] * 9, 5), ([50, 50, 1], 2), ([0, 0], 2)],
)
def test_how_many_travel_together(sizes: list[int], count: int) -> None:
    assert how_many(sizes, max_bytes=100, max_instances=5) == count
