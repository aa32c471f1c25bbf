"""The same bytes captured again: seen again, or a picture of its own when the device names somebody else with it."""

import hashlib
import sqlite3
from dataclasses import dataclass

from gateway.domain.acquisition import Finding, Hint, HintKind, hint_values
from gateway.domain.identifiers import AcquisitionId
from gateway.spool.snapshots import hints_from_text

_IDENTITY = (
    HintKind.PATIENT_ID,
    HintKind.ISSUER_OF_PATIENT_ID,
    HintKind.PATIENT_NAME,
    HintKind.BIRTH_DATE,
    HintKind.SEX,
    HintKind.ACCESSION_NUMBER,
    HintKind.REQUESTED_PROCEDURE_ID,
    HintKind.STUDY_INSTANCE_UID,
)
_SAME_FILE = (
    "SELECT acquisition FROM source_file WHERE device = ? AND name = ? AND size = ? AND mtime_ns = ? AND digest = ?"
)
_SAME_EXAM = (
    "SELECT id, hints FROM acquisition WHERE device = :device AND exam_key = :exam AND digest = :digest UNION ALL"
    " SELECT id, hints FROM acquisition INDEXED BY acquisition_by_captured_exam"
    " WHERE device = :device AND captured_exam_key = :exam AND digest = :digest ORDER BY id"
)


@dataclass(frozen=True, slots=True)
class Twin:
    """Bytes of acquisition `original` under another identity, and the exam of their own that they get."""

    original: AcquisitionId
    captured_exam_key: str
    exam_key: str


def again(connection: sqlite3.Connection, device: str, finding: Finding, digest: str) -> AcquisitionId | Twin | None:
    """What the bytes of a finding are: those of an acquisition seen again, a twin of one, or new (None).

    The very same file is always seen again. Within its exam, bytes are seen again unless the device names somebody with
    them whom it did not name before: a picture must not vanish into another patient's.
    """
    part = finding.parts[0]
    row = connection.execute(_SAME_FILE, (device, part.name, part.size, part.mtime_ns, digest)).fetchone()
    if row is not None:
        return AcquisitionId(row["acquisition"])
    rows = connection.execute(_SAME_EXAM, {"device": device, "exam": finding.exam_key, "digest": digest}).fetchall()
    for row in rows:
        if not _names_another(finding.hints, hints_from_text(row["hints"])):
            return AcquisitionId(row["id"])
    if not rows:
        return None
    said = "\x1f".join(f"{kind.value}={value}" for kind in _IDENTITY for value in hint_values(finding.hints, kind))
    mark = hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()[:8]
    return Twin(AcquisitionId(rows[0]["id"]), finding.exam_key, f"{finding.exam_key}, other identity {mark}")


def _names_another(now: tuple[Hint, ...], before: tuple[Hint, ...]) -> bool:
    return any(set(hint_values(now, kind)) - set(hint_values(before, kind)) for kind in _IDENTITY)
