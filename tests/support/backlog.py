"""Objects that are frozen in a spool and owed to destinations, made at once and by the million, without capturing."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from gateway.domain.lanes import lane_of
from gateway.domain.procedure import Patient, Step, StepKey
from gateway.spool.database import Database, migrate
from gateway.spool.moments import to_us
from gateway.spool.snapshots import step_to_text
from tests.support.dicom_files import secondary_capture

_COLUMNS = 1000
_IN_A_STUDY = 50
_ROOT = "1.2.826.0.1.3680043.8.498."
_SC = "1.2.840.10008.5.1.4.1.1.7"
_EXPLICIT = "1.2.840.10008.1.2.1"
_STAND_IN = f"{_ROOT}{10**29 - 1}"
_DAY_US = 86_400_000_000
_CLIP_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class FrozenObject:
    """One object as the ledger names it."""

    sop_instance_uid: str
    path: str
    digest: str
    size: int


def write_objects(spool: Path, count: int, size: int, *, first: int = 0) -> list[FrozenObject]:
    """Write `count` Secondary Capture files of about `size` bytes, alike but for their UIDs, into a spool."""
    folder = spool / "instances"
    folder.mkdir(parents=True, exist_ok=True)
    template = folder / ".template"
    rows = max(1, size // _COLUMNS)
    pixels = np.random.default_rng(size).integers(0, 256, rows * _COLUMNS, dtype=np.uint8).tobytes()
    _, made_uid, _ = secondary_capture(template, rows=rows, columns=_COLUMNS, pixels=pixels)
    head, tail = _around_uids(template.read_bytes(), made_uid, len(pixels))
    template.unlink()
    objects = []
    for number in range(first, first + count):
        uid = _uid(number)
        path = f"instances/{uid}.dcm"
        data = head.replace(_STAND_IN.encode(), uid.encode()) + tail
        (spool / path).write_bytes(data)
        objects.append(FrozenObject(uid, path, hashlib.sha256(data).hexdigest(), len(data)))
    return objects


def write_giant(spool: Path, size: int, *, number: int = 0) -> FrozenObject:
    """Write one file of about `size` bytes, most of it a hole."""
    columns = 32_000
    (small,) = write_objects(spool, 1, _COLUMNS, first=number)
    target = spool / small.path
    rows = size // columns
    data = target.read_bytes()[: -_COLUMNS - 4]
    for element, value in ((b"\x28\x00\x10\x00US\x02\x00", rows), (b"\x28\x00\x11\x00US\x02\x00", columns)):
        place = data.index(element) + len(element)
        data = data[:place] + value.to_bytes(2, "little") + data[place + 2 :]
    with target.open("wb") as stream:
        stream.write(data + (rows * columns).to_bytes(4, "little"))
        stream.truncate(stream.tell() + rows * columns)
    with target.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return FrozenObject(small.sop_instance_uid, small.path, digest, target.stat().st_size)


def imagine(spool: Path, count: int, destination: str, *, first: int = 0) -> None:
    """Enter `count` objects that exist as rows only and are owed to `destination`; a million take half a minute."""
    migrate(spool)
    database = Database(spool)
    with database.write() as connection:
        known = int(connection.execute("SELECT coalesce(max(id), 0) FROM acquisition").fetchone()[0])
        facts = {
            "begin": known + 1, "end": known + count, "shift": first - known - 1, "now": to_us(datetime.now(UTC)),
            "snapshot": _snapshot(f"{_ROOT}9", 9), "destination": destination, "syntax": _EXPLICIT, "sc": _SC,
            "root": f"{_ROOT}1", "study": f"{_ROOT}9.{known}",
        }  # fmt: skip
        for statement in _IMAGINE.split(";"):
            connection.execute(statement, facts)
    database.close()


_IMAGINE = """
CREATE TEMP TABLE imagined AS WITH RECURSIVE counting (n) AS
    (SELECT :begin UNION ALL SELECT n + 1 FROM counting WHERE n < :end) SELECT n FROM counting;
INSERT INTO study VALUES (:study, :now);
INSERT INTO series (device, exam_key, study_instance_uid, sop_class_uid, series_instance_uid, series_number)
    VALUES ('camera', :study, :study, :sc, :study || '.1', 1);
INSERT INTO acquisition (id, device, exam_key, kind, captured_us, display_name, digest, size, path, hints, state,
    since_us, step_snapshot, rule, reason)
    SELECT n, 'camera', :study, 'image_file', :now, 'ACC_' || n || '.png', lower(hex(randomblob(32))), 20000,
    'acquisitions/camera/' || n, '[["accession_number", "A1", "file name"]]', 'assembled', :now, :snapshot,
    'accession_number', 'the accession numbers are equal' FROM imagined;
INSERT INTO part SELECT n, 0, 'primary', CAST('p' || n AS BLOB), lower(hex(randomblob(32))), 20000,
    'acquisitions/camera/' || n FROM imagined;
INSERT INTO instance (id, acquisition, part, series, sop_class_uid, sop_instance_uid, instance_number,
    transfer_syntax_uid, path, digest, size, built_us)
    SELECT n, n, 0, (SELECT id FROM series WHERE exam_key = :study), :sc, :root || printf('%028d', n + :shift), n,
    :syntax, 'instances/' || :root || printf('%028d', n + :shift) || '.dcm', lower(hex(randomblob(32))), 20000, :now
    FROM imagined;
INSERT INTO delivery (instance, acquisition, destination, state, since_us, due_us)
    SELECT n, n, :destination, 'pending', :now, :now FROM imagined;
DROP TABLE imagined
"""


def imagined_objects(count: int, *, first: int = 0) -> Iterator[FrozenObject]:
    """Objects for which there are rows only."""
    for number in range(first, first + count):
        digest = hashlib.sha256(b"%d" % number).hexdigest()
        yield FrozenObject(_uid(number), f"instances/{_uid(number)}.dcm", digest, 20_000)


def owe(
    spool: Path,
    objects: Iterable[FrozenObject],
    destinations: Sequence[str],
    *,
    stored: bool = False,
    now: datetime | None = None,
) -> None:
    """Enter `objects` into the ledger as captured, assembled and owed to `destinations`; as stored there if asked.

    Each is in the lane that assembling gives it by default: what is large is a clip.
    """
    migrate(spool)
    database = Database(spool)
    now_us = to_us(now or datetime.now(UTC)) - (2 * _DAY_US if stored else 0)
    with database.write() as connection:
        first = int(connection.execute("SELECT coalesce(max(id), 0) + 1 FROM acquisition").fetchone()[0])
        for number, frozen in enumerate(objects, first):
            study = f"{_ROOT}7.{number // _IN_A_STUDY}"
            if number == first or not number % _IN_A_STUDY:
                snapshot = _snapshot(study, number)
                connection.execute("INSERT OR IGNORE INTO study VALUES (?, ?)", (study, now_us))
                connection.execute(
                    "INSERT OR IGNORE INTO series (id, device, exam_key, study_instance_uid, sop_class_uid,"
                    " series_instance_uid, series_number, instances) VALUES (?, 'camera', ?, ?, ?, ?, 1, ?)",
                    (number // _IN_A_STUDY + 1, study, study, _SC, f"{study}.1", _IN_A_STUDY),
                )
            connection.execute(
                "INSERT INTO acquisition (id, device, exam_key, kind, captured_us, display_name, digest, size, path,"
                " hints, state, since_us, step_snapshot, rule, reason) VALUES (?, 'camera', ?, 'image_file', ?, ?, ?,"
                " ?, ?, ?, 'assembled', ?, ?, 'accession_number', 'the accession numbers are equal')",
                (
                    number, study, now_us, f"ACC_{number}.png", f"a{number}", frozen.size,
                    f"acquisitions/camera/{number}", json.dumps([["accession_number", f"A{number}", "file name"]]),
                    now_us, snapshot,
                ),
            )  # fmt: skip
            connection.execute(
                "INSERT INTO part VALUES (?, 0, 'primary', ?, ?, ?, ?)",
                (number, b"p%d" % number, f"a{number}", frozen.size, f"acquisitions/camera/{number}"),
            )
            connection.execute(
                "INSERT INTO instance (id, acquisition, part, series, sop_class_uid, sop_instance_uid,"
                " instance_number, transfer_syntax_uid, path, digest, size, built_us)"
                " VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    number, number, number // _IN_A_STUDY + 1, _SC, frozen.sop_instance_uid, number % _IN_A_STUDY,
                    _EXPLICIT, frozen.path, frozen.digest, frozen.size, now_us,
                ),
            )  # fmt: skip
            for name in destinations:
                connection.execute(
                    "INSERT INTO delivery (instance, acquisition, destination, lane, state, since_us, due_us, attempts,"
                    " stored_us, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        number, number, name, lane_of("", frozen.size, _CLIP_BYTES), "stored" if stored else "pending",
                        now_us, now_us, int(stored), now_us if stored else None, "0000" if stored else "",
                    ),
                )  # fmt: skip
    database.close()


def _uid(number: int) -> str:
    return f"{_ROOT}{10**28 + number:029d}"


def _around_uids(data: bytes, uid: str, pixel_bytes: int) -> tuple[bytes, bytes]:
    """The file up to its pixels, with the instance's UID replaced by one of the length that all will have."""
    head, tail = data[:-pixel_bytes], data[-pixel_bytes:]
    assert len(_STAND_IN) == len(_uid(0))
    old, new = _value(uid), _value(_STAND_IN)
    assert head.count(old) == 2, "once in the meta information and once in the data set"
    length_before = int.from_bytes(head[140:144], "little")
    head = head.replace(old, new)
    return head[:140] + (length_before + len(new) - len(old)).to_bytes(4, "little") + head[144:], tail


def _value(uid: str) -> bytes:
    """A UI element's length and value, padded to an even length."""
    value = uid.encode() + b"\0" * (len(uid) % 2)
    return b"UI" + len(value).to_bytes(2, "little") + value


def _snapshot(study: str, number: int) -> str:
    step = Step(
        key=StepKey("HIS", study, f"S{number}"),
        patient=Patient(f"P{number}", "", f"Patient^Number{number}", "19700101", "F"),
        accession_number=f"A{number}",
        requested_procedure_id=f"R{number}",
        requested_procedure_description="photographs",
        description="photographs",
        modality="XC",
        station_ae_title="BOX",
        start=datetime(2026, 11, 21, 9, tzinfo=UTC),
        identifier="{}",
    )
    return step_to_text(step)
