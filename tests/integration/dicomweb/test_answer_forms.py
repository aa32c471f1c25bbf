"""The answer to a store in every form that HTTP allows it, and what HTTP allows around it."""

import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.dicomweb.multipart import StowItem
from gateway.dicomweb.statuses import ServiceRefused
from gateway.domain.errors import Phase
from gateway.domain.instance import StoreOutcome
from tests.integration.dicomweb.conftest import item
from tests.integration.dicomweb.test_store import PARK, RETRY, Archive, fault_of, says, sent, stores_all
from tests.support.dicomweb import Caller, Request, ScriptedService, in_pieces, store_answer
from tests.support.pki import Pki


def native_xml(stored: list[str], failed: dict[str, int]) -> bytes:
    """A Store Instances Response in the Native DICOM Model (PS3.19 Annex A.1)."""

    def attribute(tag: str, vr: str, value: object) -> str:
        return f'<DicomAttribute tag="{tag}" vr="{vr}"><Value number="1">{value}</Value></DicomAttribute>'

    good = "".join(f'<Item number="1">{attribute("00081155", "UI", uid)}</Item>' for uid in stored)
    bad = "".join(
        f'<Item number="1">{attribute("00081155", "UI", uid)}{attribute("00081197", "US", reason)}</Item>'
        for uid, reason in failed.items()
    )
    sequences = f'<DicomAttribute tag="00081199" vr="SQ">{good}</DicomAttribute>'
    sequences += f'<DicomAttribute tag="00081198" vr="SQ">{bad}</DicomAttribute>'
    return f'<?xml version="1.0" encoding="UTF-8"?><NativeDicomModel>{sequences}</NativeDicomModel>'.encode()


def answer_in_xml(caller: Caller, stored: list[str], failed: dict[str, int]) -> None:
    caller.answer(202, native_xml(stored, failed), content_type="-", Content_Type="application/dicom+xml")


def answer_in_gzip(caller: Caller, stored: list[str], failed: dict[str, int]) -> None:
    body = gzip.compress(json.dumps(store_answer(stored, failed)).encode())
    caller.answer(202, body, Content_Encoding="gzip")


def answer_in_zlib(caller: Caller, stored: list[str], failed: dict[str, int]) -> None:
    body = zlib.compress(json.dumps(store_answer(stored, failed)).encode())
    caller.answer(202, body, Content_Encoding="deflate")


def answer_in_chunks(caller: Caller, stored: list[str], failed: dict[str, int]) -> None:
    body = in_pieces(json.dumps(store_answer(stored, failed)).encode())
    head = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/dicom+json\r\nTransfer-Encoding: chunked\r\n\r\n"
    caller.sock.sendall(head + body)


def answer_until_the_end(caller: Caller, stored: list[str], failed: dict[str, int]) -> None:
    """HTTP/1.0: neither a length nor chunks; the end of the connection is the end of the answer."""
    caller.sock.sendall(b"HTTP/1.0 202 Accepted\r\n\r\n" + json.dumps(store_answer(stored, failed)).encode())
    caller.sock.unwrap()
    raise EOFError


def answer_after_interim_ones(caller: Caller, stored: list[str], failed: dict[str, int]) -> None:
    caller.sock.sendall(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
    caller.answer(202, store_answer(stored, failed))


@pytest.mark.parametrize(
    "form",
    [
        answer_in_xml,
        answer_in_gzip,
        answer_in_zlib,
        answer_in_chunks,
        answer_until_the_end,
        answer_after_interim_ones,
    ],
)
def test_each_instance_is_found_in_whatever_form_the_answer_comes(
    pki: Pki, items: list[StowItem], form: Callable[[Caller, list[str], dict[str, int]], None]
) -> None:
    full, *good = (each.sop_instance_uid for each in items)

    def reply(caller: Caller, request: Request) -> None:
        assert request.headers["accept-encoding"] == "identity"
        form(caller, good, {full: 0xA700})

    with Archive(pki, reply) as archive:
        found = sent(archive, pki, items)
    fault = found.pop(full)
    assert isinstance(fault, ServiceRefused)
    assert (fault.code, fault.disposition) == ("A700", RETRY)
    assert found == {each.sop_instance_uid: StoreOutcome(0, "", each.transfer_syntax_uid) for each in items[1:]}


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "x-gzip, gzip"])
def test_a_coding_that_is_none_or_unknown_is_no_answer(pki: Pki, items: list[StowItem], coding: str) -> None:
    """What cannot be read names nobody: the query decides, and its answer cannot be read either."""
    with Archive(pki, says(200, b"\x1f\x8bnot what it says", Content_Encoding=coding)) as archive:
        fault = fault_of(archive, pki, items)
    assert (fault.disposition, fault.phase) == (RETRY, Phase.RESPONSE)


def interim(text: bytes) -> Callable[[Caller], None]:
    """A service that says it goes on while the request is still being sent, though nobody asked."""

    def script(caller: Caller) -> None:
        request = caller.read(body=False)
        for piece in (text[:7], text[7:]):
            caller.sock.sendall(piece)
        request = caller.read_body(request)
        caller.answer(200, store_answer(request.uids))

    return script


@pytest.mark.parametrize(
    "text", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"]
)
def test_an_interim_answer_does_not_end_the_sending(pki: Pki, tmp_path: Path, text: bytes) -> None:
    large = [item(tmp_path, 1, rows=4000)]
    with ScriptedService(pki, interim(text)) as archive:
        found = sent(archive, pki, large)
    assert found == {large[0].sop_instance_uid: StoreOutcome(0, "", large[0].transfer_syntax_uid)}


def test_another_host_gets_nothing_of_what_is_redirected_to_it(pki: Pki, items: list[StowItem]) -> None:
    with Archive(pki, stores_all) as elsewhere:
        for status in (301, 302, 303, 307, 308):
            with Archive(pki, says(status, Location=f"{elsewhere.url}/studies")) as archive:
                fault = fault_of(archive, pki, items)
            assert (fault.code, fault.disposition) == (f"HTTP {status}", PARK)
            assert "elsewhere" in fault.message
        assert elsewhere.connections == 0


def test_http_1_1_is_what_is_spoken_to_a_service_that_would_rather_speak_http_2(
    pki: Pki, items: list[StowItem]
) -> None:
    with Archive(pki, stores_all, protocols=["h2", "http/1.1"]) as archive:
        found = sent(archive, pki, items)
    assert all(isinstance(result, StoreOutcome) for result in found.values())
    (request,) = archive.requests
    assert (request.version, archive.chosen) == ("HTTP/1.1", ["http/1.1"])
