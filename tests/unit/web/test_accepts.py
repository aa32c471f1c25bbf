"""What a destination accepts, on the page."""

from dataclasses import replace

import pytest

from gateway.codec.registry import all_rows
from gateway.domain.requests import RequestKind
from gateway.domain.views import AcceptedView, AcceptingView
from gateway.objects.iods import IODS
from gateway.web.words.uids import class_name, syntax_name
from tests.support.fake_reader import MORNING, destination
from tests.support.page_visitor import Visitor

SC, RLE, EXPLICIT = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.1"
REFUSED = AcceptedView("Main PACS", SC, RLE, False, 16_384, MORNING, MORNING)
TAKEN = replace(REFUSED, transfer_syntax=EXPLICIT, accepted=True)


@pytest.fixture
def visitor(person: Visitor) -> Visitor:
    person.page.reader.destination_rows = [destination("Main PACS"), destination("Archive")]
    person.page.reader.accepting = {"Main PACS": AcceptingView((REFUSED, TAKEN), 12, 4_100_000)}
    return person


def test_refusals_are_shown_with_their_cost(visitor: Visitor) -> None:
    shown = visitor.text("/destinations/accepts?name=Main+PACS")
    assert "Main PACS refuses 1 of 2 kinds." in shown
    assert "12 pictures went as copies, 4.1 MB more than stored." in shown
    assert "Secondary Capture" in shown
    assert "RLE Lossless refused since 10:42" in shown
    assert "uncompressed (Explicit VR) accepted since 10:42" in shown
    assert "takes PDUs up to 16,384 bytes" in shown


def test_a_destination_that_was_not_asked_says_so(visitor: Visitor) -> None:
    assert "Archive has not been asked yet what it accepts." in visitor.text("/destinations/accepts?name=Archive")


def test_copies_may_have_been_smaller_or_none(visitor: Visitor) -> None:
    visitor.page.reader.accepting["Archive"] = AcceptingView((REFUSED, TAKEN), 1, -2000)
    assert "1 picture went as copies, 2.0 kB less than stored." in visitor.text("/destinations/accepts?name=Archive")
    visitor.page.reader.accepting["Archive"] = AcceptingView((REFUSED, TAKEN), 0, 0)
    assert "That has cost nothing" in visitor.text("/destinations/accepts?name=Archive")
    visitor.page.reader.accepting["Archive"] = AcceptingView((TAKEN,), 0, 0)
    assert "Archive accepts all that this box makes." in visitor.text("/destinations/accepts?name=Archive")


def test_the_list_of_destinations_leads_there(visitor: Visitor) -> None:
    assert 'href="/destinations/accepts?name=Main+PACS"' in visitor.get("/destinations").text


def test_asking_anew_is_filed_for_a_known_destination_only(visitor: Visitor) -> None:
    answer = visitor.post("/destinations/learn-anew", {"destination": "Main PACS"})
    assert (answer.status_code, answer.location) == (303, "/destinations/accepts?name=Main+PACS")
    assert visitor.page.desk.filed == [(RequestKind.LEARN_ANEW, {"destination": "Main PACS"}, "page")]
    assert "asked; the box is about to do it" in visitor.text("/destinations/accepts?name=Main+PACS")
    assert visitor.post("/destinations/learn-anew", {"destination": "nobody"}).status_code == 404
    assert visitor.get("/destinations/accepts?name=nobody").status_code == 404
    assert visitor.get("/destinations/accepts").status_code == 404
    assert len(visitor.page.desk.filed) == 1


def test_everything_that_is_made_here_has_a_name(visitor: Visitor) -> None:
    """The page's own tables do not fall behind those that build and encode."""
    del visitor
    assert [row.sop_class_uid for row in IODS.values() if class_name(row.sop_class_uid) == row.sop_class_uid] == []
    assert [row.uid for row in all_rows() if syntax_name(row.uid) == row.uid] == []
