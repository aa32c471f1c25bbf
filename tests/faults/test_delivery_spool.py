"""Spool files that the disk has spoilt: never sent, set aside by name, and no reason for the others to wait."""

from pathlib import Path

from tests.support.backlog import owe, write_objects
from tests.support.forwarding import ForwardRole, Target
from tests.support.peers import StoreScp


def test_a_spool_file_whose_bytes_changed_is_set_aside_and_named(tmp_path: Path) -> None:
    with StoreScp(tmp_path / "pacs", None, ae_title="PACS") as pacs:
        role = ForwardRole(tmp_path / "gateway", [Target("main", f"127.0.0.1:{pacs.port}")])
        objects = write_objects(role.spool, 8, 30_000)
        owe(role.spool, objects, ["main"])
        flipped, cut_short, gone = objects[1], objects[3], objects[5]
        with (role.spool / flipped.path).open("r+b") as stream:
            stream.seek(-1000, 2)
            byte = stream.read(1)[0]
            stream.seek(-1000, 2)
            stream.write(bytes([byte ^ 0x10]))
        with (role.spool / cut_short.path).open("r+b") as stream:
            stream.truncate(cut_short.size - 4096)
        (role.spool / gone.path).unlink()
        with role:
            role.await_that(lambda: role.states() == {"stored": 5, "parked": 3}, 30, "the good ones do not get through")
        spoilt = {one.sop_instance_uid for one in (flipped, cut_short, gone)}
        rows = role.rows(
            "SELECT instance.sop_instance_uid AS uid, delivery.*, attempt.disposition FROM delivery"
            " JOIN instance ON instance.id = delivery.instance JOIN attempt ON attempt.delivery = delivery.id"
            " WHERE delivery.state = 'parked'"
        )
        assert {row["uid"] for row in rows} == spoilt
        for row in rows:
            assert (row["phase"], row["disposition"], row["stored_us"]) == ("spool", "quarantine", None)
            assert row["uid"] in row["error"]
            assert row["remedy"]
        assert len(pacs.files()) == 5, "not one byte that is not the frozen one was sent"
        assert not [path for path in pacs.files() if any(uid in path.name for uid in spoilt)]
