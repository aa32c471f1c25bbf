"""Every status of the tables of PS3.4 and PS3.7, and every other code there may be."""

import pytest

from gateway.dimse.peer import Peer
from gateway.dimse.status import FIND_STATUS, STORE_STATUS, Category, PeerRefused, find_meaning, store_meaning
from gateway.domain.errors import Disposition, Phase

DONE, RETRY, PARK = Disposition.DONE, Disposition.RETRY, Disposition.PARK
PEER = Peer("Main PACS", "pacs.example", 104, "MAIN", "BOX")

STORE_DISPOSITIONS = {
    0x0000: DONE, 0x0001: DONE, 0x0105: PARK, 0x0106: PARK, 0x0107: DONE, 0x0110: PARK, 0x0111: DONE, 0x0115: PARK,
    0x0116: DONE, 0x0117: PARK, 0x0118: PARK, 0x0119: PARK, 0x0120: PARK, 0x0121: PARK, 0x0122: PARK, 0x0124: PARK,
    0x0210: PARK, 0x0211: PARK, 0x0212: PARK, 0x0213: RETRY, 0xA700: RETRY, 0xA900: PARK, 0xB000: DONE, 0xB006: DONE,
    0xB007: DONE, 0xC000: PARK, 0xFE00: RETRY,
}  # fmt: skip


def test_the_whole_store_table() -> None:
    assert {code: row.disposition for code, row in STORE_STATUS.items()} == STORE_DISPOSITIONS
    for row in STORE_STATUS.values():
        assert row.text
        assert (row.disposition is DONE) == (row.category in {Category.SUCCESS, Category.WARNING})
        assert row.remedy or row.disposition is DONE


def test_every_code_has_exactly_one_meaning_and_only_success_and_warnings_are_stored() -> None:
    for code in range(0x10000):
        row = store_meaning(code)
        stored = row.category in {Category.SUCCESS, Category.WARNING}
        assert stored == (row.disposition is DONE)
        warns = code in {0x0001, 0x0107, 0x0111, 0x0116} or 0xB000 <= code <= 0xBFFF
        assert stored == (code == 0 or warns), hex(code)


@pytest.mark.parametrize(("code", "like"), [(0xA701, 0xA700), (0xA7FF, 0xA700), (0xA9AB, 0xA900), (0xC123, 0xC000)])
def test_ranges_mean_what_their_row_means(code: int, like: int) -> None:
    assert store_meaning(code) == store_meaning(like)
    assert find_meaning(code) == find_meaning(like)


def test_the_whole_find_table() -> None:
    for code, row in FIND_STATUS.items():
        assert find_meaning(code) is row
        assert row.text
    for code in range(0x10000):
        pending = find_meaning(code).category is Category.PENDING
        assert pending == (code in {0xFF00, 0xFF01})
        assert (find_meaning(code).category is Category.SUCCESS) == (code == 0)


def test_a_refusal_speaks_for_itself_and_keeps_the_peers_comment_apart() -> None:
    fault = PeerRefused(PEER, store_meaning(0xA700), 0xA700, "No space for DOE^JANE", Phase.RESPONSE)
    assert "Main PACS" in str(fault)
    assert "A700" in str(fault)
    assert "DOE" not in str(fault)
    assert fault.comment == "No space for DOE^JANE"
    assert (fault.disposition, fault.code) == (RETRY, "A700")
