-- What retention and the start of a role look at must not cost more as the ledger grows.

-- Acquisitions that every destination has proven to hold, as far as its policy asks, and since when: marked when the
-- last proof comes, unmarked when a delivery is owed again. A mark is a hint; before bytes go, the proofs are looked at.
CREATE TABLE proven (
    acquisition INTEGER PRIMARY KEY REFERENCES acquisition (id),
    since_us INTEGER NOT NULL
) STRICT;
CREATE INDEX proven_since ON proven (since_us);

-- The acquisition up to which the marks follow the policies in force; NULL: all of them. A policy that changes, and
-- this migration, begin again at 0, and the housekeeping works through them in stretches.
CREATE TABLE proven_marking (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    marked_to INTEGER
) STRICT;
INSERT INTO proven_marking VALUES (1, 0);

CREATE VIEW standing (acquisition, since_us) AS
    SELECT delivery.acquisition, max(CASE delivery.state WHEN 'committed'
        THEN max(delivery.stored_us, delivery.committed_us) ELSE delivery.stored_us END)
    FROM delivery JOIN acquisition ON acquisition.id = delivery.acquisition
    LEFT JOIN proof_policy ON proof_policy.destination = delivery.destination
    WHERE acquisition.state = 'assembled' AND acquisition.source_bytes_kept = 1
    GROUP BY delivery.acquisition
    HAVING min(delivery.state = 'committed'
        OR delivery.state = 'stored' AND coalesce(proof_policy.proof, 'status') = 'status');

CREATE TRIGGER delivery_proof_changed AFTER UPDATE OF state, stored_us, committed_us ON delivery
    WHEN NEW.state IN ('stored', 'committed') OR OLD.state IN ('stored', 'committed') BEGIN
    DELETE FROM proven WHERE acquisition = NEW.acquisition;
    INSERT INTO proven SELECT * FROM standing WHERE acquisition = NEW.acquisition;
END;
CREATE TRIGGER delivery_proof_added AFTER INSERT ON delivery BEGIN
    DELETE FROM proven WHERE acquisition = NEW.acquisition;
    INSERT INTO proven SELECT * FROM standing WHERE acquisition = NEW.acquisition
        AND NEW.state IN ('stored', 'committed');
END;
CREATE TRIGGER delivery_proof_removed AFTER DELETE ON delivery BEGIN
    DELETE FROM proven WHERE acquisition = OLD.acquisition;
    INSERT INTO proven SELECT * FROM standing WHERE acquisition = OLD.acquisition;
END;

-- Folders of the spool in which ledger and files agreed, with the folder's own time of change: as long as that is the
-- same, no name in it came or went.
CREATE TABLE tidy_folder (
    path TEXT PRIMARY KEY,
    mtime_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX instance_kept ON instance (path) WHERE kept = 1 AND built_us IS NOT NULL;
