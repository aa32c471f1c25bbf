"""A stream that a foreign decoder does not give back never leaves the box: the object goes uncompressed."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian

from gateway.bootstrap.assemble_role import assemble_stage
from gateway.bootstrap.parts import Parts, no_beat
from gateway.codec.errors import VerificationFailed
from gateway.host.credentials import Credentials
from gateway.spool.database import Database
from gateway.spool.runs import begin_run
from gateway.stages import build
from tests.support.house import House
from tests.support.ports import free_port


def test_unproven_stream_goes_uncompressed_with_issue_and_journal_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, free_port())
    _, pixels = house.drop(1)
    assert house.live("capture/camera") == 0

    def verify(*_: object) -> None:
        raise VerificationFailed("decoder X decoded 3 of 1728 samples otherwise", clause="PS3.5 section 8.2")

    monkeypatch.setattr(build, "verify", verify)
    database = Database(house.spool)
    run = begin_run(database, "assemble", datetime.now(UTC))
    parts = Parts.of(house.settings, run, Credentials(None))
    parts.files.prepare()
    stage = assemble_stage(parts, database, no_beat)
    while stage.round() == 0.0:
        pass
    with database.read() as connection:
        journal = [row["detail"] for row in connection.execute("SELECT detail FROM journal WHERE event = 'note'")]
        (path,) = connection.execute("SELECT path FROM instance").fetchone()
    database.close()
    dataset = dcmread(house.spool / path)
    assert dataset.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert np.array_equal(dataset.pixel_array, pixels)
    assert any("decoder X" in line for line in journal)
    assert [issue.key for issue in house.status().issues()] == ["assemble.compression"]
