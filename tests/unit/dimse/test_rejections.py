"""Every reject, abort and context result of PS3.8."""

import pytest

from gateway.dimse.peer import Peer
from gateway.dimse.rejections import ABORT_REASONS, CONTEXT_RESULTS, REJECTIONS, aborted, rejected
from gateway.domain.errors import Disposition, Phase

PEER = Peer("Main PACS", "pacs.example", 104, "MAIN", "BOX")
RETRY, PARK = Disposition.RETRY, Disposition.PARK


@pytest.mark.parametrize("result", [1, 2])
@pytest.mark.parametrize(
    ("source", "reason", "disposition"),
    [
        (1, 1, RETRY),
        (1, 2, PARK),
        (1, 3, PARK),
        (1, 7, PARK),
        (2, 1, RETRY),
        (2, 2, PARK),
        (3, 1, RETRY),
        (3, 2, RETRY),
    ],
)
def test_the_whole_reject_table_whatever_the_result_byte(
    result: int, source: int, reason: int, disposition: Disposition
) -> None:
    fault = rejected(PEER, result, source, reason)
    assert fault.disposition is disposition
    assert fault.phase is Phase.NEGOTIATE
    assert fault.code == f"{result}/{source}/{reason}"
    assert "MAIN" in fault.message
    assert fault.remedy


def test_the_table_has_no_other_rows() -> None:
    assert len(REJECTIONS) == 8
    assert set(CONTEXT_RESULTS) == {0, 1, 2, 3, 4}


@pytest.mark.parametrize(("result", "disposition"), [(1, PARK), (2, RETRY), (0, RETRY)])
def test_reasons_that_the_standard_lacks_follow_the_result(result: int, disposition: Disposition) -> None:
    assert rejected(PEER, result, 9, 9).disposition is disposition


@pytest.mark.parametrize(("source", "reason"), [*ABORT_REASONS, (0, 0), (0, 5), (2, 9)])
def test_an_abort_is_always_tried_again(source: int, reason: int) -> None:
    fault = aborted(PEER, source, reason, Phase.TRANSFER)
    assert (fault.disposition, fault.phase) == (RETRY, Phase.TRANSFER)
    assert fault.code == f"abort {source}/{reason}"
