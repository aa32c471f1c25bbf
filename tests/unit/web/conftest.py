"""A page over fakes, a visitor at its door, and one who is signed in."""

from pathlib import Path

import pytest

from gateway.web.security.password import Password
from tests.support.fake_page import FakePage, make_page
from tests.support.page_visitor import Visitor


@pytest.fixture
def page(tmp_path: Path) -> FakePage:
    return make_page(tmp_path)


@pytest.fixture
def stranger(page: FakePage) -> Visitor:
    return Visitor(page, page.app.test_client())


@pytest.fixture
def person(page: FakePage) -> Visitor:
    visitor = Visitor(page, page.app.test_client())
    now = page.clock.now().timestamp()
    # Signing in itself is tested at the door; here it would cost every test a password hash.
    with visitor.client.session_transaction() as session:
        session.update(sid="person", born=now, seen=now, generation=Password(page.state_dir).generation)
    return visitor
