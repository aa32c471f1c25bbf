"""Cached worklist steps for people, and the devices on which each is open. Reads only."""

import sqlite3
from collections.abc import Mapping, Sequence

from gateway.domain.procedure import StepKey
from gateway.domain.views import StepView
from gateway.spool.moments import zone_of
from gateway.spool.short_reads import ShortReads
from gateway.spool.snapshots import step_from_text


class StepsView(ShortReads):
    """Cached worklist steps of the ledger."""

    def steps(self, *, search: str = "", limit: int = 200) -> Sequence[StepView]:
        """Cached worklist steps by start time; `search` filters by name, id or accession number."""
        pattern = f"%{_escaped(search)}%"
        rows = self._rows(
            "SELECT * FROM step WHERE patient_name LIKE ? ESCAPE '!' OR patient_id LIKE ? ESCAPE '!'"
            " OR accession_number LIKE ? ESCAPE '!' ORDER BY vanished, start_us IS NULL, start_us, id LIMIT ?",
            (pattern, pattern, pattern, limit),
        )
        open_on = self._open_steps()
        return [self._step(row, open_on) for row in rows]

    def step(self, number: int) -> StepView | None:
        """One cached step."""
        rows = self._rows("SELECT * FROM step WHERE id = ?", (number,))
        return self._step(rows[0], self._open_steps()) if rows else None

    def step_of(self, keys: Sequence[StepKey]) -> Sequence[StepView]:
        """The cached steps of `keys`, in their order; those that are gone are left out."""
        open_on = self._open_steps()
        views: list[StepView] = []
        for key in keys:
            rows = self._rows(
                "SELECT * FROM step WHERE provider = ? AND study_instance_uid = ? AND step_id = ?",
                (key.provider, key.study_instance_uid, key.step_id),
            )
            views.extend(self._step(row, open_on) for row in rows)
        return views

    def _open_steps(self) -> Mapping[int, tuple[str, ...]]:
        open_on: dict[int, tuple[str, ...]] = {}
        for row in self._rows("SELECT device, step FROM active_step ORDER BY device"):
            open_on[row["step"]] = (*open_on.get(row["step"], ()), row["device"])
        return open_on

    def _step(self, row: sqlite3.Row, open_on: Mapping[int, tuple[str, ...]]) -> StepView:
        step = step_from_text(row["snapshot"])
        return StepView(
            number=row["id"],
            key=step.key,
            patient_name=step.patient.name,
            patient_id=step.patient.patient_id,
            birth_date=step.patient.birth_date,
            sex=step.patient.sex,
            accession_number=step.accession_number,
            description=step.description or step.requested_procedure_description,
            modality=step.modality,
            station_ae_title=step.station_ae_title,
            start=step.start.astimezone(zone_of(self._clock)) if step.start else None,
            priority=step.priority,
            seen_at=self._at(row["seen_us"]),
            vanished=bool(row["vanished"]),
            usable=step.usable,
            faults=step.faults,
            open_on=open_on.get(row["id"], ()),
            doubtful=step.doubtful,
            looked_up=bool(row["looked_up"]),
        )


def _escaped(search: str) -> str:
    """`search` with LIKE's own characters escaped by an exclamation mark."""
    return search.replace("!", "!!").replace("%", "!%").replace("_", "!_")
