"""Every status of N-CREATE and N-SET for performed steps, and every other code there may be."""

from gateway.dimse.mpps import FINAL_ALREADY, MPPS_STATUS, mpps_meaning
from gateway.dimse.status import Category
from gateway.domain.errors import Disposition

DONE, RETRY, PARK = Disposition.DONE, Disposition.RETRY, Disposition.PARK
DISPOSITIONS = {
    0x0000: DONE, 0x0001: DONE, 0x0105: PARK, 0x0106: PARK, 0x0107: DONE, 0x0110: RETRY, 0x0111: PARK, 0x0112: RETRY,
    0x0115: PARK, 0x0116: DONE, 0x0117: PARK, 0x0118: PARK, 0x0119: PARK, 0x0120: PARK, 0x0121: PARK, 0x0122: PARK,
    0x0124: PARK, 0x0210: RETRY, 0x0211: PARK, 0x0212: PARK, 0x0213: RETRY,
}  # fmt: skip


def test_the_whole_table() -> None:
    assert {code: row.disposition for code, row in MPPS_STATUS.items()} == DISPOSITIONS
    for row in (*MPPS_STATUS.values(), FINAL_ALREADY):
        assert row.text
        assert (row.disposition is DONE) == (row.category in {Category.SUCCESS, Category.WARNING})
        assert row.remedy or row.disposition is DONE


def test_every_code_has_one_meaning_and_only_success_and_warnings_are_taken() -> None:
    for code in range(0x10000):
        row = mpps_meaning(code)
        taken = code in {0x0000, 0x0001, 0x0107, 0x0116} or 0xB000 <= code <= 0xBFFF
        assert (row.category in {Category.SUCCESS, Category.WARNING}) == taken, hex(code)
        assert (row.disposition is DONE) == taken
