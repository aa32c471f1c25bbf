"""What people see of the ledger: the `StatusReader` of page and command line. Reads only.

Acquisitions and steps have views of their own; here stand the box, its peers and its devices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gateway.domain.ports import Clock
from gateway.domain.views import (
    AcceptingView,
    BeatView,
    CountsView,
    DestinationView,
    DeviceView,
    IssueView,
    PerformedStepView,
    ProviderView,
    RecentPatientView,
    RequestView,
)
from gateway.spool.accepted import AcceptedLedger
from gateway.spool.acquisitions_view import AcquisitionsView
from gateway.spool.moments import to_us
from gateway.spool.performed_view import PerformedView
from gateway.spool.recent_patient import another_recently, patient_named
from gateway.spool.steps_view import StepsView

_OPEN = (
    "SELECT device, step, opened_us, opened_by, used_us FROM active_step"
    " UNION ALL SELECT device, NULL, opened_us, opened_by, used_us FROM active_local_study"
)
"""Who is open on the devices, with an order or without; the ledger lets only one of the two be."""


class LedgerStatus(AcquisitionsView, StepsView):
    """Views of the ledger in `spool`; every call opens its own short read, so any thread may ask."""

    def __init__(
        self,
        spool: Path,
        clock: Clock,
        devices: Sequence[str],
        idle_limits_s: Mapping[str, float] | None = None,
        rules: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        super().__init__(spool, clock)
        self._rules = dict(rules or {})
        self._idle_limits_s = dict(idle_limits_s or {})
        self._devices = tuple(devices)

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
        with self._opened() as database:
            return AcceptedLedger(database, self._clock).of(destination)

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
        view = DeviceView(
            name=name,
            captured_today=row["today"],
            last_captured_at=self._at_or_none(row["latest"]),
            active_step=self.step(row["step"]) if row["step"] is not None else None,
            active_since=self._at_or_none(row["opened_us"]),
            active_by=row["opened_by"] or "",
            closes_at=self._at_or_none(closes_us),
            captured_since=row["since"],
        )
        return replace(view, rules=self._rules[name]) if name in self._rules else view

    def recent_patient(
        self, device: str, *, step: int | None = None, local_study: int | None = None, patient_id: str = ""
    ) -> RecentPatientView | None:
        """Whose pictures came a moment ago, so that the ledger asks before another is opened; None if it does not."""
        with self._reading() as connection:
            patient = patient_named(connection, step=step, local_study=local_study, patient_id=patient_id)
            recent = another_recently(connection, device, patient, to_us(self._clock.now()))
        if recent is None:
            return None
        return RecentPatientView(recent.patient.name, recent.patient.patient_id, self._at(recent.at_us))

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
