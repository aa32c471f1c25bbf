"""Local studies for people: who is open without an order, what may find its order, what archives are to be told."""

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from gateway.domain.local_identity import LocalIdentities
from gateway.domain.local_views import LocalStudyView, NoticeView, SuggestionView, ToReconcile
from gateway.domain.ports import Clock
from gateway.domain.procedure import StepKey
from gateway.domain.views import StepView
from gateway.spool.notice_text import notice_text
from gateway.spool.short_reads import ShortReads
from gateway.spool.snapshots import local_study_from_text
from gateway.spool.steps_view import StepsView

_MOST = 100


class LocalStudiesView(ShortReads):
    """Views of local studies; every call opens its own short read, so any thread may ask."""

    def __init__(self, spool: Path, clock: Clock, identities: LocalIdentities, replacing: Collection[str] = ()) -> None:
        super().__init__(spool, clock)
        self._identities = identities
        self._replacing = frozenset(replacing)
        self._steps = StepsView(spool, clock)

    def opened(self) -> Mapping[str, tuple[LocalStudyView, datetime]]:
        """The unscheduled patients that are open, by device, and since when."""
        rows = self._rows(
            "SELECT local_study.*, active.device, active.opened_us FROM active_local_study AS active"
            " JOIN local_study ON local_study.id = active.local_study"
        )
        return {row["device"]: (self._study(row), self._at(row["opened_us"])) for row in rows}

    def local_study(self, number: int) -> LocalStudyView | None:
        """One local study."""
        rows = self._rows("SELECT * FROM local_study WHERE id = ?", (number,))
        return self._study(rows[0]) if rows else None

    def of_exam(self, device: str, exam_key: str) -> LocalStudyView | None:
        """The unsettled local study to which pictures of an exam went before, the newest."""
        rows = self._rows(
            "SELECT local_study.* FROM acquisition JOIN local_study ON local_study.id = acquisition.local_study"
            " WHERE device = ? AND exam_key = ? AND rejected_us IS NULL AND settled <> 'reconciled'"
            " ORDER BY acquisition.id DESC LIMIT 1",
            (device, exam_key),
        )
        return self._study(rows[0]) if rows else None

    def to_reconcile(self) -> Sequence[ToReconcile]:
        """Unsettled local studies with pictures; those with a suggestion first, newest first."""
        rows = self._rows(
            "SELECT local_study.*, EXISTS (SELECT 1 FROM reconciliation_suggestion AS one"
            " WHERE one.local_study = local_study.id AND one.state = 'open') AS suggested"
            " FROM local_study WHERE settled = '' AND EXISTS (SELECT 1 FROM acquisition"
            " WHERE acquisition.local_study = local_study.id AND rejected_us IS NULL)"
            " ORDER BY suggested DESC, created_us DESC, id DESC LIMIT ?",
            (_MOST,),
        )
        return [ToReconcile(self._study(row), self._suggestions(row["id"]), self._why_none(row)) for row in rows]

    def _why_none(self, row: sqlite3.Row) -> str:
        """Why no order is suggested: what was compared last, or that a person refused what was suggested."""
        if row["suggested"]:
            return ""
        refused = self._rows(
            "SELECT count(*) FROM reconciliation_suggestion WHERE local_study = ? AND state = 'refused'", (row["id"],)
        )[0][0]
        said = f"{refused} that {'was' if refused == 1 else 'were'} suggested: a person said that it is not the order."
        return " ".join(text for text in (row["unsuggested"], said if refused else "") if text)

    def _suggestions(self, number: int) -> tuple[SuggestionView, ...]:
        rows = self._rows(
            "SELECT * FROM reconciliation_suggestion WHERE local_study = ? AND state = 'open' ORDER BY place", (number,)
        )
        found = []
        for row in rows:
            key = StepKey(row["provider"], row["study_instance_uid"], row["step_id"])
            steps: Sequence[StepView] = self._steps.step_of([key])
            found += [
                SuggestionView(row["id"], step, row["rule"], row["reason"], self._at(row["suggested_us"]))
                for step in steps
            ]
        return tuple(found)

    def notices(self, *, done: bool = False) -> Sequence[NoticeView]:
        """Notices that wait, newest first; with `done` also those that were done."""
        rows = self._rows(
            "SELECT reconciliation_notice.*, before, study_instance_uid, after, at_us, decided_by"
            " FROM reconciliation_notice JOIN reconciliation ON reconciliation.id = reconciliation"
            " WHERE done_us IS NULL OR ? ORDER BY reconciliation_notice.id DESC LIMIT ?",
            (int(done), _MOST),
        )
        return [
            NoticeView(
                number=row["id"],
                destination=row["destination"],
                at=self._at(row["at_us"]),
                decided_by=row["decided_by"],
                instances=len(json.loads(row["instances"])),
                text=notice_text(row, self._at(row["at_us"])),
                done_at=self._at_or_none(row["done_us"]),
                done_by=row["done_by"],
            )
            for row in rows
        ]

    def replaces(self, destination: str) -> bool:
        """Whether a destination gets new objects when an order turns up; else its administrator is told."""
        return destination in self._replacing

    def next_id(self) -> str:
        """The patient id that is given next; where it has a random part, what it will look like."""
        identities = self._identities
        if not identities.counts or "{random" in identities.pattern:
            return f"such as {identities.example()}"
        last = self._rows("SELECT last FROM local_number")[0]["last"]
        return identities.make(max(last + 1, identities.first_number), self._clock.now())

    def _study(self, row: sqlite3.Row) -> LocalStudyView:
        study = local_study_from_text(row["snapshot"])
        pictures = self._rows(
            "SELECT id, device FROM acquisition WHERE local_study = ? AND rejected_us IS NULL ORDER BY id", (row["id"],)
        )
        return LocalStudyView(
            number=row["id"],
            study_instance_uid=row["study_instance_uid"],
            patient_name=study.patient.name,
            patient_id=study.patient.patient_id,
            issuer=study.patient.issuer,
            birth_date=study.patient.birth_date,
            sex=study.patient.sex,
            age=study.age,
            accession_number=study.accession_number,
            description=study.description,
            given=bool(row["given"]),
            created_at=self._at(row["created_us"]),
            made_by=row["made_by"],
            settled=row["settled"],
            devices=tuple(dict.fromkeys(picture["device"] for picture in pictures)),
            acquisitions=tuple(picture["id"] for picture in pictures),
        )
