"""An engineer who is root types at a box whose roles are not: nothing is left in the spool that they cannot touch."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from tests.support.house import House
from tests.support.ports import free_port

_NOBODY = 65534


@pytest.fixture
def house() -> Iterator[House]:
    """A box whose spool belongs to somebody else, where this process may say so."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        made = House(Path(folder), free_port())
        if os.geteuid() == 0:
            for path in (made.spool, *made.spool.rglob("*")):
                os.chown(path, _NOBODY, _NOBODY)
        yield made


@pytest.mark.parametrize("command", [("worklist", "add", "--patient-id", "X1", "--name", "Rao^Asha"), ("echo", "main")])
def test_what_root_asks_is_written_as_the_spools_owner(house: House, command: tuple[str, ...]) -> None:
    said = CliRunner().invoke(main, ["--config", str(house.config), *command])
    assert "Traceback" not in said.output
    owner = house.spool.stat().st_uid
    assert {path.stat().st_uid for path in house.spool.rglob("*")} == {owner}
    assert (house.spool / "locks").is_dir()
    assert os.geteuid() in {0, owner}
