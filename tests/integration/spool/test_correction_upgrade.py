"""A ledger of the release before corrections opens, and what it delivered can be corrected."""

import sqlite3
from pathlib import Path

from gateway.spool.database import LEDGER_FILE, migrations
from gateway.spool.snapshots import step_to_text
from tests.support.corrections import make_notes, notes_to, put_right
from tests.support.ledger import TestSpool, step

RELEASED = 7
"""The schema of the release before corrections."""


def test_what_an_earlier_release_delivered_can_be_corrected(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / LEDGER_FILE) as ledger:
        for number, sql in migrations():
            if number <= RELEASED:
                ledger.executescript(sql)
        ledger.execute(f"PRAGMA user_version = {RELEASED}")
        ledger.execute(
            "INSERT INTO acquisition (device, exam_key, kind, captured_us, display_name, digest, size, path, hints,"
            " state, since_us, step_snapshot) VALUES ('fundus', 'exam', 'image_file', 1, 'a.jpg', 'd', 7, 'old', '[]',"
            " 'assembled', 1, ?)",
            (step_to_text(step(1)),),
        )
        ledger.executescript(
            "INSERT INTO part VALUES (1, 0, 'primary', x'61', 'd', 7, 'old'); INSERT INTO study VALUES ('1.2.3.1', 1);"
            "INSERT INTO series (device, exam_key, study_instance_uid, sop_class_uid, series_instance_uid,"
            " series_number, instances) VALUES ('fundus', 'exam', '1.2.3.1', '1.2', '1.3', 1, 1);"
            "INSERT INTO instance VALUES (1, 1, 0, 1, '1.2', '1.4', 1, '1.5', 'object', 'd', 7, 1, 1);"
            "INSERT INTO delivery (instance, acquisition, destination, state, since_us, due_us, attempts, stored_us,"
            " status) VALUES (1, 1, 'main', 'stored', 1, 1, 1, 1, '0000');"
            "INSERT INTO attempt VALUES (1, 1, 1, 1, 'response', 'done', '0000', '');"
        )
    (tmp_path / "old").write_bytes(b"picture")
    spool = TestSpool(tmp_path)
    outcome = put_right(spool, [1])
    assert (outcome.successors, outcome.told) == (((1, 2),), ("main",))
    make_notes(spool)
    assert notes_to(spool) == {"main": {1}}
    spool.close()
