"""What the final report of a performed step says: its end and every instance that was made and still stands."""

import sqlite3
from collections.abc import Sequence
from datetime import tzinfo

from gateway.domain.acquisition import HintKind, hint_values
from gateway.domain.identifiers import Uid, mint_uid
from gateway.domain.performed_step import (
    UNSPECIFIED_REASON,
    WRONG_ENTRY_REASON,
    PerformedClosing,
    PerformedOutcome,
    PerformedResult,
    PerformedSeries,
)
from gateway.spool.moments import from_us, to_us
from gateway.spool.performed_snapshots import case_from_text
from gateway.spool.seen import destinations_that_may_hold
from gateway.spool.snapshots import hints_from_text


def result_of(connection: sqlite3.Connection, row: sqlite3.Row, zone: tzinfo) -> PerformedResult:
    """The result of a performed step that is closing; one that made nothing is discontinued, not completed.

    What was corrected is not named, for it is nobody's. Only where the whole step was the wrong entry is it named, as
    far as an archive may hold it: that tells the peer which objects are not to be used (reason 110514).
    """
    closing = PerformedClosing(PerformedOutcome(row["outcome"]), row["reason"])
    series = _series_of(connection, row, rejected=closing.reason == WRONG_ENTRY_REASON)
    ended_us = max(row["captured_us"], to_us(case_from_text(row["snapshot"]).performed.started_at))
    if not series:
        # Performed Series Sequence has an item all the same (PS3.4 F.7.2.2.2), its image list is empty.
        series = (PerformedSeries(mint_uid(), ()),)
        closing = PerformedClosing(PerformedOutcome.DISCONTINUED, closing.reason or UNSPECIFIED_REASON)
        ended_us = max(ended_us, row["closing_us"])
    return PerformedResult(from_us(ended_us, zone), closing, series)


def _series_of(connection: sqlite3.Connection, step: sqlite3.Row, *, rejected: bool) -> tuple[PerformedSeries, ...]:
    found = connection.execute(
        "SELECT series.series_instance_uid, instance.id, instance.sop_class_uid, instance.sop_instance_uid,"
        " acquisition.hints, acquisition.rejected_us"
        " FROM acquisition JOIN instance ON instance.acquisition = acquisition.id"
        " JOIN series ON series.id = instance.series"
        " WHERE acquisition.performed_step = ? AND series.study_instance_uid = ? AND instance.built_us IS NOT NULL"
        " AND (instance.part = 0 OR instance.stands_for IS NOT NULL)"  # not a rejection note
        " ORDER BY series.series_number, instance.instance_number",
        (step["id"], step["study_instance_uid"]),
    ).fetchall()
    rows = [
        row
        for row in found
        if row["rejected_us"] is None or (rejected and destinations_that_may_hold(connection, row["id"]))
    ]
    uids = dict.fromkeys(row["series_instance_uid"] for row in rows)
    return tuple(_one_series(uid, [row for row in rows if row["series_instance_uid"] == uid]) for uid in uids)


def _one_series(uid: str, rows: Sequence[sqlite3.Row]) -> PerformedSeries:
    operators = dict.fromkeys(
        name for row in rows for name in hint_values(hints_from_text(row["hints"]), HintKind.OPERATOR)
    )
    instances = tuple((Uid(row["sop_class_uid"]), Uid(row["sop_instance_uid"])) for row in rows)
    return PerformedSeries(Uid(uid), instances, tuple(operators))
