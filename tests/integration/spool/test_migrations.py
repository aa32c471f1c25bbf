"""A ledger of every earlier schema opens, keeps what it says, and works on."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.spool import database as database_module
from gateway.spool.database import migrate, migrations
from tests.support.ledger import TestSpool, fault

EARLIER = [number for number, _ in migrations()[:-1]]
_ROWS = """
INSERT INTO acquisition (device, exam_key, kind, captured_us, display_name, digest, size, path, hints, state, since_us)
    VALUES ('fundus', 'e1', 'image_file', 1, 'a.jpg', 'd1', 3, 'acquisitions/fundus/1', '[]', 'assembled', 1),
    ('fundus', 'e2', 'image_file', 1, 'b.jpg', 'd2', 3, 'acquisitions/fundus/2', '[]', 'assembled', 1);
INSERT INTO part VALUES (1, 0, 'primary', x'61', 'd1', 3, 'acquisitions/fundus/1'),
    (2, 0, 'primary', x'62', 'd2', 3, 'acquisitions/fundus/2');
INSERT INTO study VALUES ('1.2.3', 1);
INSERT INTO series (device, exam_key, study_instance_uid, sop_class_uid, series_instance_uid, series_number, instances)
    VALUES ('fundus', 'e1', '1.2.3', '1.2.840.10008.5.1.4.1.1.7', '1.2.3.1', 1, 2);
INSERT INTO instance (acquisition, part, series, sop_class_uid, sop_instance_uid, instance_number, transfer_syntax_uid,
    path, digest, size, built_us)
    VALUES (1, 0, 1, '1.2.840.10008.5.1.4.1.1.7', '1.2.3.1.1', 1, '1.2.840.10008.1.2.5', 'instances/1.dcm', 'x', 3, 1),
    (2, 0, 1, '1.2.840.10008.5.1.4.1.1.7', '1.2.3.1.2', 2, '1.2.840.10008.1.2.5', 'instances/2.dcm', 'y', 3, 1);
INSERT INTO destination (name, position, fingerprint) VALUES ('main', 0, 'f');
INSERT INTO delivery (instance, acquisition, destination, state, since_us, due_us, stored_us, status)
    VALUES (1, 1, 'main', 'stored', 1, 1, 1, '0000'), (2, 2, 'main', 'pending', 1, 1, NULL, '');
"""


@pytest.mark.parametrize("version", EARLIER)
def test_what_an_earlier_release_wrote_is_kept_and_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    everything = migrations()
    with monkeypatch.context() as older:
        older.setattr(database_module, "migrations", lambda: [one for one in everything if one[0] <= version])
        migrate(tmp_path)
    connection = sqlite3.connect(tmp_path / database_module.LEDGER_FILE)
    connection.executescript(_ROWS)
    connection.close()
    spool = TestSpool(tmp_path)
    for number in (1, 2):
        spool.place(b"abc", "acquisitions/fundus", str(number))
        spool.place(b"abc", "instances", f"{number}.dcm")
    assert spool.rows("SELECT state, n FROM tally WHERE kind = 'delivery' ORDER BY state") == [
        {"state": "pending", "n": 1},
        {"state": "stored", "n": 1},
    ]
    for folder in ("acquisitions/fundus", "instances"):
        found = spool.upkeep.reconcile(folder)
        assert (found.unknown_files, found.missing_files) == ((), ())
    assert spool.upkeep.retire(timedelta(days=1)) == 1, "what was proven before the update is let go after it"
    assert sorted(spool.files.files_in("instances")) == ["instances/2.dcm"]
    (left,) = spool.deliveries.claim_due("main", spool.run("forward"), 10)
    assert left.sop_instance_uid == "1.2.3.1.2"
    assert spool.destinations.cut_off() == {}
    spool.destinations.failed("main", fault(), spool.clock.now() + timedelta(minutes=5), by_link=True)
    assert spool.destinations.cut_off() == {"main": 1}
    with spool.database.read() as open_one:
        assert not open_one.execute("PRAGMA foreign_key_check").fetchall()
    spool.database.check()
    spool.close()
