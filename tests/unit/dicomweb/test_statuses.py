"""Every HTTP status and every failure reason has a disposition, a scope and words; no code is without an answer."""

import ssl

import pytest

from gateway.dicomweb.http_session import HttpAnswer
from gateway.dicomweb.peer import StowPeer
from gateway.dicomweb.statuses import (
    FAILURE_REASON,
    HTTP_STATUS,
    Scope,
    concerns_the_service,
    http_meaning,
    reason_meaning,
    refused,
    succeeded,
)
from gateway.domain.errors import Disposition, Phase

RETRY, PARK = Disposition.RETRY, Disposition.PARK
PEER = StowPeer("archive", "https://archive.example/web", ssl.create_default_context)
EXPECTED = {
    400: (PARK, Scope.BATCH), 401: (PARK, Scope.SERVICE), 403: (PARK, Scope.SERVICE), 404: (PARK, Scope.SERVICE),
    405: (PARK, Scope.SERVICE), 406: (PARK, Scope.SERVICE), 407: (PARK, Scope.SERVICE), 408: (RETRY, Scope.SERVICE),
    409: (PARK, Scope.BATCH), 410: (PARK, Scope.SERVICE), 411: (PARK, Scope.SERVICE), 413: (PARK, Scope.BATCH),
    414: (PARK, Scope.SERVICE), 415: (PARK, Scope.BATCH), 421: (PARK, Scope.SERVICE), 422: (PARK, Scope.BATCH),
    423: (RETRY, Scope.SERVICE), 425: (RETRY, Scope.SERVICE), 426: (PARK, Scope.SERVICE), 429: (RETRY, Scope.SERVICE),
    431: (PARK, Scope.SERVICE), 495: (PARK, Scope.SERVICE), 496: (PARK, Scope.SERVICE), 497: (PARK, Scope.SERVICE),
    500: (RETRY, Scope.SERVICE), 501: (PARK, Scope.SERVICE), 502: (RETRY, Scope.SERVICE), 503: (RETRY, Scope.SERVICE),
    504: (RETRY, Scope.SERVICE), 505: (PARK, Scope.SERVICE), 507: (RETRY, Scope.SERVICE), 508: (PARK, Scope.SERVICE),
    511: (PARK, Scope.SERVICE),
}  # fmt: skip


def answer(status: int, body: bytes = b"", **headers: str) -> HttpAnswer:
    return HttpAnswer(status, {key.replace("_", "-"): value for key, value in headers.items()}, body)


def test_the_table_is_as_expected() -> None:
    assert {code: (row.disposition, row.scope) for code, row in HTTP_STATUS.items()} == EXPECTED


def test_every_status_has_words_and_a_way_out() -> None:
    for status in [*range(100, 200), *range(300, 1000)]:
        fault = refused(PEER, answer(status))
        assert fault.message.startswith("archive ")
        assert fault.message.endswith(f"(HTTP {status}).")
        assert fault.remedy
        assert fault.disposition in {RETRY, PARK}
        assert fault.phase in {Phase.RESPONSE, Phase.TLS}
        assert not succeeded(status)


def test_only_two_hundreds_are_successes() -> None:
    assert [status for status in range(1000) if succeeded(status)] == list(range(200, 300))


def test_unknown_codes_go_by_their_class() -> None:
    assert http_meaning(499).disposition is PARK
    assert http_meaning(599).disposition is RETRY
    assert http_meaning(302).disposition is PARK
    assert "elsewhere" in http_meaning(308).text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("17", 17.0), ("0", 0.0), ("soon", 0.0), ("", 0.0), ("-4", 0.0), ("99999999", 3600.0),
        ("Sat, 21 Nov 2026 10:01:30 GMT", 90.0), ("Sat, 21 Nov 2026 09:00:00 GMT", 0.0),
        ("Sat, 21 Nov 2099 10:00:00 GMT", 3600.0), ("Sat, 21 Nov 2026 10:01:30", 0.0),
    ],
)  # fmt: skip
def test_retry_after_is_kept(text: str, seconds: float) -> None:
    said = answer(429, retry_after=text, date="Sat, 21 Nov 2026 10:00:00 GMT")
    assert refused(PEER, said).retry_after_s == seconds


def test_a_moment_without_the_date_of_the_service_says_nothing() -> None:
    assert refused(PEER, answer(503, retry_after="Sat, 21 Nov 2026 10:01:30 GMT")).retry_after_s == 0


def test_nginx_says_what_it_thinks_of_a_certificate_with_status_400() -> None:
    without = answer(400, b"<center>No required SSL certificate was sent</center>")
    wrong = answer(400, b"<center>The SSL certificate error</center>")
    assert "showed none" in refused(PEER, without).message
    assert (refused(PEER, wrong).phase, concerns_the_service(wrong)) == (Phase.TLS, True)
    assert not concerns_the_service(answer(400, b"bad request"))


def test_every_failure_reason_has_a_meaning() -> None:
    for reason in range(0x10000):
        transient = reason & 0xFF00 == 0xA700 or reason == 0x0213
        assert reason_meaning(reason).disposition is (RETRY if transient else PARK), f"{reason:04X}"


def test_reasons_of_a_range_share_its_row_except_the_transfer_syntax() -> None:
    assert reason_meaning(0xA7FE) is FAILURE_REASON[0xA700]
    assert reason_meaning(0xC1FF) is FAILURE_REASON[0xC000]
    assert reason_meaning(0xC122) is FAILURE_REASON[0xC122]
