"""Keeps ledger and files in step: reconciliation at start, and retention by the ladder of proof alone."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

from gateway.domain.ports import Clock
from gateway.spool.database import Database
from gateway.spool.files import SpoolFiles, digest_of
from gateway.spool.journal import write_journal
from gateway.spool.moments import NEVER_US, to_us
from gateway.spool.reconciling import UNCLAIMED, Reconciliation, forget_folders, reconcile

_BATCH = 200
_MARKED_AT_ONCE = 2000
_PROVEN = (
    "state = 'assembled' AND source_bytes_kept = 1"
    " AND EXISTS (SELECT 1 FROM delivery WHERE delivery.acquisition = acquisition.id)"
    " AND NOT EXISTS (SELECT 1 FROM rejection_note WHERE rejection_note.acquisition = acquisition.id"
    " AND rejection_note.state <> 'made')"
    " AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.acquisition = acquisition.id"
    " AND NOT (delivery.state = 'committed' AND max(delivery.stored_us, delivery.committed_us) <= ?1"
    " OR delivery.state = 'stored' AND delivery.stored_us <= ?1"
    " AND coalesce((SELECT proof FROM proof_policy WHERE proof_policy.destination = delivery.destination), 'status')"
    " = 'status'"
    " OR delivery.rejected_us <= ?1 AND delivery.state IN ('stored', 'dropped')"
    " AND acquisition.corrected_by IS NOT NULL))"
)
"""Every delivery stands as high on the ladder as its own destination's policy wants. A destination without a policy
left the configuration when there was no other than status. What was rejected counts as settled once its acquisition
has a successor, which has the bytes, and the notes about it are made; those are proven like any object."""


class Upkeep:
    """Reconciliation and retention, for one thread."""

    def __init__(self, database: Database, files: SpoolFiles, clock: Clock) -> None:
        self._database = database
        self._files = files
        self._clock = clock
        self._digests: dict[str, str] = {}

    def reconcile(self, folder: str) -> Reconciliation:
        """Compare ledger and files below `folder`, which only the calling role writes, and which it does at start."""
        return reconcile(self._database, self._files, self._clock, folder)

    def settle_unclaimed(self) -> int:
        """Remove set-aside files whose bytes or instance the ledger knows by now; how many are left."""
        left = {}
        for path in list(self._files.files_in(UNCLAIMED)):
            # A file here never changes; hashing a long clip again in every round would wear the box out.
            digest = self._digests.get(path) or digest_of(self._files.absolute(path))
            if self._is_known(path, digest):
                self._files.remove(path)
            else:
                left[path] = digest
        self._digests = left
        return len(left)

    def _is_known(self, path: str, digest: str) -> bool:
        """Whether the ledger names these bytes or this instance, and its own file lies there or was released."""
        uid = path.rsplit("/", 1)[-1].removesuffix(".dcm")
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT part.path AS path, source_bytes_kept AS kept FROM part"
                " JOIN acquisition ON acquisition.id = part.acquisition WHERE part.digest = ? UNION ALL"
                " SELECT path, kept FROM instance WHERE built_us IS NOT NULL AND (digest = ? OR sop_instance_uid = ?)",
                (digest, digest, uid),
            ).fetchall()
        return any(not row["kept"] or self._files.absolute(row["path"]).exists() for row in rows)

    def retire(
        self, retention: timedelta, proofs: Mapping[str, str] = MappingProxyType({}), *, most: int = _BATCH
    ) -> int:
        """Remove the bytes of acquisitions that every destination has proven to hold for `retention`.

        `proofs` says by destination what proves it: status, commitment or query; that of a destination which is no
        longer configured is remembered. The oldest go first, at most `most` at once. The row, its proof and its
        journal stay. Nothing undelivered, held or quarantined is ever touched.
        """
        limit = to_us(self._clock.now() - retention)
        self._remember(proofs)
        self._mark()
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT acquisition AS id FROM proven WHERE since_us <= ? ORDER BY since_us, acquisition LIMIT ?",
                (limit, most),
            ).fetchall()
        return sum(self._retire_one(row["id"], limit) for row in rows)

    def _remember(self, proofs: Mapping[str, str]) -> None:
        """Keep what proves a delivery to each destination; what was marked by another rule is marked anew."""
        with self._database.read() as connection:
            known = {row["destination"]: row["proof"] for row in connection.execute("SELECT * FROM proof_policy")}
        if changed := [(name, proof) for name, proof in proofs.items() if known.get(name) != proof]:
            with self._database.write() as connection:
                connection.executemany("INSERT OR REPLACE INTO proof_policy VALUES (?, ?)", changed)
                connection.execute("UPDATE proven_marking SET marked_to = 0")

    def is_marking(self) -> bool:
        """Whether there are acquisitions of which it is not yet marked if they may go."""
        with self._database.read() as connection:
            return connection.execute("SELECT marked_to FROM proven_marking").fetchone()[0] is not None

    def _mark(self) -> None:
        """Mark the next stretch of kept acquisitions by the policies in force, until all of them are."""
        if not self.is_marking():
            return
        with self._database.write() as connection:
            after = connection.execute("SELECT marked_to FROM proven_marking").fetchone()[0]
            last = connection.execute(
                "SELECT max(id) FROM (SELECT id FROM acquisition WHERE state = 'assembled' AND source_bytes_kept = 1"
                " AND id > ? ORDER BY id LIMIT ?)",
                (after, _MARKED_AT_ONCE),
            ).fetchone()[0]
            if last is not None:
                connection.execute("DELETE FROM proven WHERE acquisition > ? AND acquisition <= ?", (after, last))
                connection.execute(
                    "INSERT INTO proven SELECT * FROM standing WHERE acquisition > ? AND acquisition <= ?",
                    (after, last),
                )
            connection.execute("UPDATE proven_marking SET marked_to = ?", (last,))

    def _retire_one(self, number: int, limit: int) -> bool:
        """Forget the files in the ledger first: a crash in between leaves files without rows, which start sets aside.

        The proof is looked at again in the same transaction: a delivery may have been taken back since.
        """
        with self._database.write() as connection:
            rows = connection.execute(
                "SELECT path FROM part WHERE acquisition = ? UNION ALL SELECT path FROM instance WHERE acquisition = ?"
                " AND path IS NOT NULL"
                " UNION ALL SELECT thumbnail FROM acquisition WHERE id = ? AND thumbnail IS NOT NULL",
                (number, number, number),
            ).fetchall()
            retired = connection.execute(
                f"UPDATE acquisition SET source_bytes_kept = 0, thumbnail = NULL WHERE {_PROVEN} AND id = ?2",  # noqa: S608 - a constant is inserted
                (limit, number),
            ).rowcount
            connection.execute("DELETE FROM proven WHERE acquisition = ?", (number,))
            if not retired:
                return False
            forget_folders(connection, {row["path"].rpartition("/")[0] for row in rows})
            connection.execute("UPDATE instance SET kept = 0 WHERE acquisition = ?", (number,))
            # what is no longer here is not asked for, whatever policy the destination may get later
            connection.execute("UPDATE delivery SET due_us = ? WHERE acquisition = ?", (NEVER_US, number))
            write_journal(connection, to_us(self._clock.now()), "assemble", "bytes released", f"acquisition {number}")
        for row in rows:
            self._files.remove(row["path"])
        return True

    def orphaned_destinations(self, destinations: Sequence[str]) -> list[tuple[str, int]]:
        """Destinations that are owed deliveries but no longer configured, with how many."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT name AS destination, sum(n) AS n FROM tally WHERE kind = 'delivery' AND n > 0"
                " AND state IN ('pending', 'sending', 'parked', 'held') GROUP BY name"
            ).fetchall()
        return [(row["destination"], row["n"]) for row in rows if row["destination"] not in destinations]

    def counts_needing_people(self) -> tuple[int, int, int]:
        """How many acquisitions are held, how many quarantined, and how many deliveries parked."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT coalesce(sum(n) FILTER (WHERE kind = 'acquisition' AND state = 'held'), 0) AS held,"
                " coalesce(sum(n) FILTER (WHERE kind = 'acquisition' AND state = 'quarantined'), 0) AS quarantined,"
                " coalesce(sum(n) FILTER (WHERE kind = 'delivery' AND state = 'parked'), 0) AS parked FROM tally"
            ).fetchone()
        return row["held"], row["quarantined"], row["parked"]
