"""What people see of the ledger: the `StatusReader` of page and command line. Reads only."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from gateway.domain.corrections import KEY_OBJECT_SELECTION
from gateway.domain.ports import Clock
from gateway.domain.procedure import Patient, StepKey
from gateway.domain.views import (
    AcceptingView,
    AcquisitionView,
    BeatView,
    CountsView,
    DeliveryView,
    DestinationView,
    DeviceView,
    IssueView,
    PerformedStepView,
    ProviderView,
    RequestView,
    StepView,
)
from gateway.spool.accepted import AcceptedLedger
from gateway.spool.database import Database
from gateway.spool.moments import from_us, from_us_or_none, to_us, zone_of
from gateway.spool.performed_view import PerformedView
from gateway.spool.snapshots import (
    hints_from_text,
    keys_from_text,
    local_study_from_text,
    step_from_text,
)

_ACQUISITION = (
    "SELECT acquisition.*, local_study.snapshot AS local_snapshot, instance.sop_instance_uid,"
    " instance.sop_class_uid, instance.transfer_syntax_uid, instance.size AS object_size"
    " FROM acquisition LEFT JOIN local_study ON local_study.id = acquisition.local_study"
    " LEFT JOIN instance ON instance.acquisition = acquisition.id AND instance.part = 0"
    " WHERE acquisition.id < ?"
)
_UNDELIVERED = (
    " AND acquisition.id IN (SELECT DISTINCT acquisition FROM delivery INDEXED BY delivery_open"
    " WHERE state IN ('pending', 'sending', 'parked', 'held') AND acquisition < ? ORDER BY acquisition DESC LIMIT ?)"
)
_OPEN = (
    "SELECT device, step, opened_us, opened_by, used_us FROM active_step"
    " UNION ALL SELECT device, NULL, opened_us, opened_by, used_us FROM active_local_study"
)
"""Who is open on the devices, with an order or without; the ledger lets only one of the two be."""
_NO_LIMIT = 1 << 62


class LedgerStatus:
    """Views of the ledger in `spool`; every call opens its own short read, so any thread may ask."""

    def __init__(
        self, spool: Path, clock: Clock, devices: Sequence[str], idle_limits_s: Mapping[str, float] | None = None
    ) -> None:
        self._spool = spool
        self._idle_limits_s = dict(idle_limits_s or {})
        self._clock = clock
        self._devices = tuple(devices)

    def _rows(self, sql: str, values: Sequence[object] | Mapping[str, object] = ()) -> list[sqlite3.Row]:
        database = Database(self._spool, read_only=True)
        try:
            with database.read() as connection:
                return connection.execute(sql, values).fetchall()
        finally:
            database.close()

    def _at(self, us: int) -> datetime:
        return from_us(us, zone_of(self._clock))

    def _at_or_none(self, us: int | None) -> datetime | None:
        return from_us_or_none(us, zone_of(self._clock))

    def _midnight_us(self) -> int:
        return to_us(self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0))

    def counts(self) -> CountsView:
        """Counts for the verdict sentence."""
        tally = self._rows("SELECT state, n FROM tally WHERE kind = 'acquisition' AND n > 0")
        by_state = {row["state"]: row["n"] for row in tally}
        midnight = self._midnight_us()
        row = self._rows(
            "SELECT (SELECT coalesce(sum(n), 0) FROM tally"
            " WHERE kind = 'delivery' AND state IN ('pending', 'sending', 'parked', 'held')) AS undelivered,"
            " (SELECT count(*) FROM acquisition WHERE captured_us >= ? AND correction_of IS NULL) AS captured,"
            " (SELECT count(*) FROM delivery WHERE state IN ('stored', 'committed') AND stored_us >= ?) AS delivered",
            (midnight, midnight),
        )[0]
        return CountsView(by_state, row["undelivered"], row["captured"], row["delivered"])

    def acquisitions(self, *, state: str = "", limit: int = 50, before: int = 0) -> Sequence[AcquisitionView]:
        """Newest first; only `state` (an acquisition state or ``undelivered``) and ids below `before` if given."""
        sql, values = _ACQUISITION, [before or _NO_LIMIT]
        extra: list[object] = list(values)
        if state == "undelivered":
            sql += _UNDELIVERED
            extra += [*values, limit]
        elif state:
            sql += " AND acquisition.state = ?"
            extra.append(state)
        rows = self._rows(f"{sql} ORDER BY acquisition.id DESC LIMIT ?", [*extra, limit])
        deliveries = self._deliveries([row["id"] for row in rows])
        return [self._acquisition(row, deliveries.get(row["id"], ())) for row in rows]

    def acquisition(self, number: int) -> AcquisitionView | None:
        """One acquisition, None if there is none of that number."""
        rows = self._rows(f"{_ACQUISITION} AND acquisition.id = ?", (_NO_LIMIT, number))
        return self._acquisition(rows[0], self._deliveries([number]).get(number, ())) if rows else None

    def _deliveries(self, numbers: Sequence[int]) -> Mapping[int, tuple[DeliveryView, ...]]:
        rows = self._rows(
            "SELECT delivery.*, instance.size, instance.sop_class_uid FROM delivery"
            " JOIN instance ON instance.id = delivery.instance"
            " WHERE delivery.acquisition IN (SELECT value FROM json_each(?)) ORDER BY delivery.id",
            (json.dumps(list(numbers)),),
        )
        views: dict[int, tuple[DeliveryView, ...]] = {}
        for row in rows:
            views[row["acquisition"]] = (*views.get(row["acquisition"], ()), self._delivery(row))
        return views

    def _delivery(self, row: sqlite3.Row) -> DeliveryView:
        return DeliveryView(
            id=row["id"],
            destination=row["destination"],
            state=row["state"],
            since=self._at(row["since_us"]),
            attempts=row["attempts"],
            due_at=self._at_or_none(row["due_us"]) if row["state"] == "pending" else None,
            phase=row["phase"],
            error=row["error"],
            remedy=row["remedy"],
            status=row["status"],
            bytes=row["size"] or 0,
            decision=f"{row['decision']} ({row['decided_by']})" if row["decision"] else "",
            is_note=row["sop_class_uid"] == KEY_OBJECT_SELECTION,
        )

    def _acquisition(self, row: sqlite3.Row, deliveries: tuple[DeliveryView, ...]) -> AcquisitionView:
        patient, description, accession = _subject(row)
        return AcquisitionView(
            id=row["id"],
            device=row["device"],
            display_name=row["display_name"],
            captured_at=self._at(row["captured_us"]),
            state=row["state"],
            since=self._at(row["since_us"]),
            has_thumbnail=row["thumbnail"] is not None,
            exam_key=row["exam_key"],
            source_bytes=row["size"],
            patient_name=patient.name,
            patient_id=patient.patient_id,
            step_description=description,
            accession_number=accession,
            rule=row["rule"],
            reason=row["reason"],
            remedy=row["remedy"],
            sop_instance_uid=row["sop_instance_uid"] or "",
            sop_class=row["sop_class_uid"] or "",
            transfer_syntax=row["transfer_syntax_uid"] or "",
            object_bytes=row["object_size"] or 0,
            hints=tuple((h.kind.value, h.value, h.origin) for h in hints_from_text(row["hints"])),
            candidates=keys_from_text(row["candidates"]),
            deliveries=deliveries,
            source_kept=bool(row["source_bytes_kept"]),
            correction_of=row["correction_of"] or 0,
            corrected_by=row["corrected_by"] or 0,
            rejected_at=self._at_or_none(row["rejected_us"]),
        )

    def thumbnail(self, number: int) -> Path | None:
        """The JPEG thumbnail file of an acquisition, None while there is none."""
        rows = self._rows("SELECT thumbnail FROM acquisition WHERE id = ?", (number,))
        return self._spool / rows[0]["thumbnail"] if rows and rows[0]["thumbnail"] else None

    # -- worklist -----------------------------------------------------------------------------------------------

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

    def providers(self) -> Sequence[ProviderView]:
        """Worklist providers in configured order."""
        rows = self._rows(
            "SELECT provider.*, (SELECT count(*) FROM step WHERE provider = provider.name AND vanished = 0) AS items"
            " FROM provider ORDER BY position"
        )
        return [
            ProviderView(
                name=row["name"],
                answered_at=self._at_or_none(row["answered_us"]),
                items=row["items"],
                error=row["error"],
                remedy=row["remedy"],
                since=self._at_or_none(row["failed_us"]),
                kind=row["kind"],
            )
            for row in rows
        ]

    # -- the box ------------------------------------------------------------------------------------------------

    def destinations(self) -> Sequence[DestinationView]:
        """Destinations in configured order."""
        counts: dict[tuple[str, str], int] = {}
        latest: dict[str, int] = {}
        for row in self._rows(
            "SELECT name AS destination, state, n, CASE WHEN state IN ('stored', 'committed') THEN"
            " (SELECT max(stored_us) FROM delivery"
            " WHERE destination = tally.name AND delivery.state = tally.state) END AS latest"
            " FROM tally WHERE kind = 'delivery' AND n > 0"
        ):
            counts[row["destination"], row["state"]] = row["n"]
            latest[row["destination"]] = max(latest.get(row["destination"], 0), row["latest"] or 0)
        return [
            DestinationView(
                name=row["name"],
                pending=counts.get((row["name"], "pending"), 0),
                sending=counts.get((row["name"], "sending"), 0),
                stored=counts.get((row["name"], "stored"), 0),
                committed=counts.get((row["name"], "committed"), 0),
                parked=counts.get((row["name"], "parked"), 0),
                last_stored_at=self._at_or_none(latest.get(row["name"]) or None),
                error=row["error"],
                phase=row["phase"],
                remedy=row["remedy"],
                error_at=self._at_or_none(row["failed_us"]),
            )
            for row in self._rows("SELECT * FROM destination ORDER BY position")
        ]

    def accepted(self, destination: str) -> AcceptingView:
        """What a destination said that it accepts, and what its refusals cost."""
        database = Database(self._spool, read_only=True)
        try:
            return AcceptedLedger(database, self._clock).of(destination)
        finally:
            database.close()

    def devices(self) -> Sequence[DeviceView]:
        """Devices in configured order."""
        midnight = self._midnight_us()
        return [self._device(name, midnight) for name in self._devices]

    def _device(self, name: str, midnight: int) -> DeviceView:
        row = self._rows(
            "SELECT (SELECT count(*) FROM acquisition"  # noqa: S608 - a constant is inserted
            " WHERE device = :device AND captured_us >= :midnight AND correction_of IS NULL) AS today,"
            " (SELECT max(captured_us) FROM acquisition WHERE device = :device) AS latest,"
            " (SELECT count(*) FROM acquisition WHERE device = :device AND captured_us >= active.opened_us"
            " AND correction_of IS NULL) AS since,"
            f" active.* FROM (SELECT 1) LEFT JOIN ({_OPEN}) AS active ON active.device = :device",
            {"device": name, "midnight": midnight},
        )[0]
        limit_s, used_us = self._idle_limits_s.get(name), row["used_us"]
        closes_us = None if limit_s is None or used_us is None else used_us + int(limit_s * 1_000_000)
        return DeviceView(
            name=name,
            captured_today=row["today"],
            last_captured_at=self._at_or_none(row["latest"]),
            active_step=self.step(row["step"]) if row["step"] is not None else None,
            active_since=self._at_or_none(row["opened_us"]),
            active_by=row["opened_by"] or "",
            closes_at=self._at_or_none(closes_us),
            captured_since=row["since"],
        )

    def performed_steps(self, *, unfinished: bool = False, limit: int = 100) -> Sequence[PerformedStepView]:
        """Newest first; with `unfinished` only those in progress or with a report that no peer has taken yet."""
        return PerformedView(self._spool, self._clock).steps(unfinished=unfinished, limit=limit)

    def issues(self) -> Sequence[IssueView]:
        """Standing issues, worst first."""
        rows = self._rows("SELECT * FROM issue ORDER BY severity = 'attention', since_us")
        return [
            IssueView(row["key"], row["severity"], self._at(row["since_us"]), row["text"], row["suggestion"])
            for row in rows
        ]

    def beats(self) -> Sequence[BeatView]:
        """Last beat of every loop."""
        rows = self._rows("SELECT * FROM beat ORDER BY role, loop")
        return [BeatView(row["role"], row["loop"], self._at(row["at_us"]), row["bound_s"]) for row in rows]

    def request(self, request_id: str) -> RequestView | None:
        """A filed request and its outcome; None while no role has carried it out."""
        rows = self._rows("SELECT * FROM request WHERE id = ?", (request_id,))
        if not rows:
            return None
        row = rows[0]
        return RequestView(
            row["id"], row["kind"], self._at(row["filed_us"]), True, bool(row["ok"]), row["outcome"], row["detail"]
        )


def _subject(row: sqlite3.Row) -> tuple[Patient, str, str]:
    """Patient, description and accession number of what an acquisition is tied to; empty while it is not."""
    if row["step_snapshot"]:
        step = step_from_text(row["step_snapshot"])
        return step.patient, step.description or step.requested_procedure_description, step.accession_number
    if row["local_snapshot"]:
        study = local_study_from_text(row["local_snapshot"])
        return study.patient, study.description, ""
    return Patient(""), "", ""


def _escaped(search: str) -> str:
    """`search` with LIKE's own characters escaped by an exclamation mark."""
    return search.replace("!", "!!").replace("%", "!%").replace("_", "!_")
