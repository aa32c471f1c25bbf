"""A refused syntax against an independent SCP: learnt at the first association, and the next object avoids it."""

from pathlib import Path

from click.testing import CliRunner
from pydicom import dcmread

from gateway.cli.main import main
from gateway.spool.accepted import AcceptedLedger
from gateway.spool.database import Database
from tests.support.dcmtk import free_port, received, storescp
from tests.support.house import House

RLE, JPEG_LS = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80"


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
    cost = f"{abs(extra)} bytes {'more' if extra > 0 else 'less'} than stored"
    assert f"main: takes PDUs up to 16384 bytes; 1 object(s) went as copies, {cost}" in shown.output


def test_a_peer_that_refuses_the_stored_syntax_gets_another_that_it_takes(tmp_path: Path) -> None:
    """DCMTK takes JPEG-LS here and no RLE: not the uncompressed copy that it would take as well."""
    port = free_port()
    house = House(tmp_path, port)
    with storescp(tmp_path / "pacs", port, "+xt"):
        house.drop(1)
        house.live_through()
        syntaxes = {str(dcmread(path).file_meta.TransferSyntaxUID) for path in (tmp_path / "pacs").iterdir()}
        house.drop(2)
        house.live_through()
    assert syntaxes == {JPEG_LS}
    (first, second) = sorted(house.status().acquisitions(), key=lambda row: row.id)
    assert [(d.state, d.status) for row in (first, second) for d in row.deliveries] == [("stored", "0000")] * 2
    assert {first.transfer_syntax, second.transfer_syntax} == {RLE, JPEG_LS}, "the second was encoded for the peer"
    assert len(received(tmp_path / "pacs")) == 2
