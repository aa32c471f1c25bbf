"""What browsers are told: nothing from elsewhere, no frames, nothing of a patient kept."""

import gzip
import hashlib
import re
from pathlib import Path

import pytest

import gateway.web
from tests.support.fake_reader import acquisition
from tests.support.page_visitor import Visitor

EVERYWHERE = (
    "/",
    "/queue",
    "/holds",
    "/worklist",
    "/devices",
    "/destinations",
    "/system",
    "/login",
    "/health",
    "/nowhere",
)


@pytest.mark.parametrize("path", EVERYWHERE)
def test_security_headers_are_on_every_answer(person: Visitor, path: str) -> None:
    headers = person.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", [*EVERYWHERE, "/acquisitions/1", "/password"])
def test_no_page_needs_an_inline_script_or_another_site(person: Visitor, path: str) -> None:
    person.page.reader.rows = [acquisition(1)]
    markup = person.get(path).text
    assert not re.search(r"<script(?![^>]*\ssrc=)", markup)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", markup)
    assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", markup)


def test_static_files_are_kept_by_content_and_compressed(stranger: Visitor) -> None:
    address = re.search(r'href="(/static/page.css[^"]+)"', stranger.get("/login").text)
    assert address is not None
    answer = stranger.get(address[1], Accept_Encoding="gzip")
    assert "immutable" in answer.headers["Cache-Control"]
    assert b"--accent" in gzip.decompress(answer.data)
    assert b"--accent" in stranger.get(address[1]).data


def test_first_paint_of_now_is_small(person: Visitor) -> None:
    person.page.reader.rows = [acquisition(number) for number in range(1, 30)]
    markup = person.get("/").text
    total = len(markup.encode())
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', markup):
        total += len(person.get(address, Accept_Encoding="gzip").data)
    assert total < 60_000  # leaves 40 kB of the promised 100 for thumbnails


def test_what_is_too_large_is_refused(person: Visitor) -> None:
    assert person.post("/worklist", {"search": "x" * 300_000}).status_code == 413


def test_the_vendored_library_is_the_release_that_its_note_names() -> None:
    vendor = Path(next(iter(gateway.web.__path__))) / "static" / "vendor"
    digest = hashlib.sha256((vendor / "htmx.min.js").read_bytes()).hexdigest()
    assert digest in (vendor / "htmx-VERSION.txt").read_text()
    assert 'version:"2.0.11"' in (vendor / "htmx.min.js").read_text()
