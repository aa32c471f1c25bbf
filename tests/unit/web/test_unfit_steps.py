"""A step in doubt: no picture is given to it from the page before somebody has compared it and accepted it."""

import pytest

from gateway.web.words.candidates import candidate_words
from tests.support.fake_reader import acquisition, step
from tests.support.page_visitor import Visitor, words


@pytest.fixture
def page(person: Visitor) -> Visitor:
    person.page.reader.worklist = [step(2, doubtful=True, faults=("Its patient has changed.",)), step(3, usable=False)]
    person.page.reader.rows = [acquisition(1, state="held"), acquisition(4, state="assembled")]
    return person


@pytest.mark.parametrize(
    ("number", "why"), [(2, "Compare it on the worklist, and accept it there"), (3, "This step cannot be used")]
)
@pytest.mark.parametrize(("path", "picture"), [("/holds/assign", "1"), ("/acquisitions/4/correct/check", "4")])
def test_it_says_so_and_files_nothing(page: Visitor, path: str, picture: str, number: int, why: str) -> None:
    page.post(path, {"acquisition": picture, "step": str(number)})
    assert why in words(page.get("/holds").text)
    assert page.page.desk.filed == []


@pytest.mark.parametrize(("value", "said"), [("19710402", "same date"), ("19500101", "another date"), ("02.04.71", "")])
def test_a_date_is_compared_only_where_it_is_written_alike(value: str, said: str) -> None:
    picture = acquisition(1, hints=(("birth_date", value, "file name"),))
    told = candidate_words(picture, step(2, birth_date="19710402"))
    assert said in told
    assert said or "date of birth" not in told
