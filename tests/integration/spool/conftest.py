"""One spool a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ledger import TestSpool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[TestSpool]:
    made = TestSpool(tmp_path / "spool")
    yield made
    made.close()
