"""A ledger of an earlier release that holds studies without an order: opened, and going on where it was."""

from pathlib import Path

import pytest

from gateway.domain.requests import RequestKind
from gateway.spool.database import Database, migrate, migrations
from tests.integration.spool.test_local_studies import carried, patient_ids, view
from tests.support.ledger import TestSpool

_BEFORE = 7


def test_older_local_studies_keep_their_ids_and_may_still_find_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = [one for one in migrations() if one[0] <= _BEFORE]
    with monkeypatch.context() as patched:
        patched.setattr("gateway.spool.database.migrations", lambda: older)
        assert migrate(tmp_path) == _BEFORE
        database = Database(tmp_path)
        with database.write() as connection:
            for number, patient_id in enumerate(("LOCAL-0123456789", "4711"), start=1):
                snapshot = f'{{"patient": ["{patient_id}", "", "Doe^Jane", "", ""], "description": ""}}'
                connection.execute(
                    "INSERT INTO local_study VALUES (?, ?, ?, ?)", (number, f"2.25.{number}", snapshot, 1)
                )
            connection.execute(
                "INSERT INTO acquisition (device, exam_key, kind, captured_us, display_name, digest, size, path, hints,"
                " state, since_us, local_study, rule)"
                " VALUES ('fundus', '1', 'image_file', 1, 'a', 'd', 1, 'p', '[]', 'assembled', 1, 1, 'unscheduled')"
            )
        database.close()
    spool = TestSpool(tmp_path)
    try:
        rows = spool.rows("SELECT given, settled FROM local_study ORDER BY id")
        assert [(row["given"], row["settled"]) for row in rows] == [(1, ""), (0, "")]
        (waiting,) = view(spool).to_reconcile()
        assert (waiting.study.patient_id, waiting.study.age, waiting.study.acquisitions) == (
            "LOCAL-0123456789",
            "",
            (1,),
        )
        assert carried(spool, RequestKind.OPEN_UNSCHEDULED, device="fundus").ok
        assert patient_ids(spool)[2].startswith("E7")
    finally:
        spool.close()
