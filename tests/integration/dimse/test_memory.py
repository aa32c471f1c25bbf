"""A refused syntax against an independent SCP: learnt at the first association, and the next object avoids it."""

from pathlib import Path

from click.testing import CliRunner

from gateway.cli.main import main
from gateway.spool.accepted import AcceptedLedger
from gateway.spool.database import Database
from tests.support.dcmtk import free_port, received, storescp
from tests.support.house import House

RLE = "1.2.840.10008.1.2.5"


def test_the_second_object_is_encoded_for_what_the_peer_takes(tmp_path: Path) -> None:
    port = free_port()
    house = House(tmp_path, port)
    with storescp(tmp_path / "pacs", port, "+xe"):  # uncompressed only
        house.drop(1)
        house.live_through()
        house.drop(2)
        house.live_through()
    database = Database(house.spool)
    known = AcceptedLedger(database, house.status()._clock)
    assert not [row for row in known.shown() if row.accepted and row.transfer_syntax == RLE]
    (count, extra) = known.copies()["main"]
    database.close()
    assert count == 1
    assert extra != 0
    assert len(received(tmp_path / "pacs")) == 2
    rows = house.status().acquisitions()
    assert {d.state for row in rows for d in row.deliveries} == {"stored"}
    assert len({row.transfer_syntax for row in rows}) == 2
    shown = CliRunner().invoke(main, ["--config", str(house.config), "destinations"])
    assert shown.exit_code == 0, shown.output
    assert "RLE Lossless" in shown.output
    assert "refuses" in shown.output
    assert f"main: takes PDUs up to 16384 bytes; 1 object(s) went uncompressed, {extra} bytes more" in shown.output
