"""A refused syntax against an independent SCP: learnt at the first association, and the next object avoids it."""

from pathlib import Path

from click.testing import CliRunner
from pydicom import dcmread

from gateway.cli.main import main
from gateway.spool.accepted import AcceptedLedger
from gateway.spool.database import Database
from gateway.spool.destinations import DestinationLedger
from tests.support.dcmtk import received, storescp
from tests.support.house import House
from tests.support.ports import free_port

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


def test_a_person_has_a_peer_asked_anew(tmp_path: Path) -> None:
    """The peer learns RLE between two questions; nothing was sent, and nothing has to be."""
    port = free_port()
    house = House(tmp_path, port)
    house.drop(1)
    house.live_through()  # nobody listens; the ledger is made

    def asked() -> str:
        result = CliRunner().invoke(main, ["--config", str(house.config), "destinations", "--ask-anew", "main"])
        assert result.exit_code == 0, result.output
        return result.output

    with storescp(tmp_path / "a", port, "+xe"):
        before = asked()
    with storescp(tmp_path / "b", port, "+xr"):
        after = asked()
    refused = CliRunner().invoke(main, ["--config", str(house.config), "destinations", "--ask-anew", "main"])
    assert refused.exit_code == 1
    assert "What was known before stays." in refused.output
    rle = [line for text in (before, after) for line in text.splitlines() if "RLE Lossless" in line]
    assert ["refuses" in line for line in rle] == [True, False]
    assert "Explicit VR Little Endian" in before
    assert "What was known before stays" not in after
    database = Database(house.spool, read_only=True)
    with database.read() as connection:
        asked_by = connection.execute("SELECT actor FROM journal WHERE event = 'asked anew'").fetchall()
    database.close()
    assert [row["actor"].split()[0] for row in asked_by] == ["console", "console"]


def test_a_destination_is_tested_before_there_is_a_ledger(tmp_path: Path) -> None:
    port = free_port()
    house = House(tmp_path, port)
    for leftover in house.spool.glob("ledger*"):
        leftover.unlink()
    silent = CliRunner().invoke(main, ["--config", str(house.config), "echo", "main"])
    assert silent.exit_code == 1
    assert "FAILED" in silent.output
    with storescp(tmp_path / "pacs", port):
        answered = CliRunner().invoke(main, ["--config", str(house.config), "echo", "main"])
    assert answered.exit_code == 0, answered.output
    assert "C-ECHO answered" in answered.output
    assert CliRunner().invoke(main, ["--config", str(house.config), "echo", "nobody"]).exit_code == 1
    assert not list(house.spool.glob("ledger*"))


def test_an_object_is_encoded_for_the_destination_that_it_is_owed_to(tmp_path: Path) -> None:
    """The first destination is owed nothing of this device; what the second refuses is what counts."""
    port = free_port()
    second = f"""
takes = {{ modalities = ["US"] }}

[[destination]]
name = "second"
address = "127.0.0.1:{port}"
ae_title = "PACS"
compression = ["1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80"]
"""
    house = House(tmp_path, free_port(), more_settings=second)
    database = Database(house.spool)
    clock = house.status()._clock
    DestinationLedger(database, clock).configure({"main": "", "second": ""})
    AcceptedLedger(database, clock).learn("second", {("1.2.840.10008.5.1.4.1.1.77.1.4", RLE): False}, 0)
    database.close()
    house.drop(1)
    assert house.live("capture/camera") == house.live("assemble") == 0
    (row,) = house.status().acquisitions()
    assert [delivery.destination for delivery in row.deliveries] == ["second"]
    assert row.transfer_syntax == JPEG_LS, "its own compression, but for what it refuses"
