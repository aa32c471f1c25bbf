"""A spool with performed steps."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ledger import TestSpool
from tests.support.performed import Performed


@pytest.fixture
def performed(tmp_path: Path) -> Iterator[Performed]:
    spool = TestSpool(tmp_path / "spool")
    yield Performed(spool)
    spool.close()
