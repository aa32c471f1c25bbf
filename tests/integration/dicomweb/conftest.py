"""What the tests of this folder share: certificates and instances."""

from pathlib import Path

import pytest

from gateway.dicomweb.multipart import StowItem
from tests.support.dicom_files import secondary_capture
from tests.support.pki import Pki, make_pki


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def items(tmp_path: Path) -> list[StowItem]:
    """Four small instances."""
    return [item(tmp_path, number) for number in range(4)]


def item(folder: Path, number: int, *, rows: int = 8, sent_before: bool = False) -> StowItem:
    """One instance as it is stored."""
    path = folder / f"{number}.dcm"
    _, uid, syntax = secondary_capture(path, rows=rows, columns=1024 if rows > 8 else 8)
    return StowItem(path, uid, syntax, sent_before=sent_before)
