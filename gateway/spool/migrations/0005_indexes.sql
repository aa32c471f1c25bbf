-- What pages ask at every look must not cost more as the ledger grows: rows are counted when they change, not when
-- somebody asks. Name is the destination of deliveries and empty for acquisitions.

CREATE TABLE tally (
    kind TEXT NOT NULL CHECK (kind IN ('acquisition', 'delivery')),
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (kind, name, state)
) STRICT, WITHOUT ROWID;

INSERT INTO tally SELECT 'acquisition', '', state, count(*) FROM acquisition GROUP BY state;
INSERT INTO tally SELECT 'delivery', destination, state, count(*) FROM delivery GROUP BY destination, state;

CREATE TRIGGER acquisition_added AFTER INSERT ON acquisition BEGIN
    INSERT INTO tally VALUES ('acquisition', '', NEW.state, 1)
        ON CONFLICT (kind, name, state) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER acquisition_moved AFTER UPDATE OF state ON acquisition WHEN OLD.state <> NEW.state BEGIN
    UPDATE tally SET n = n - 1 WHERE kind = 'acquisition' AND name = '' AND state = OLD.state;
    INSERT INTO tally VALUES ('acquisition', '', NEW.state, 1)
        ON CONFLICT (kind, name, state) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER acquisition_removed AFTER DELETE ON acquisition BEGIN
    UPDATE tally SET n = n - 1 WHERE kind = 'acquisition' AND name = '' AND state = OLD.state;
END;

CREATE TRIGGER delivery_added AFTER INSERT ON delivery BEGIN
    INSERT INTO tally VALUES ('delivery', NEW.destination, NEW.state, 1)
        ON CONFLICT (kind, name, state) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER delivery_moved AFTER UPDATE OF state, destination ON delivery
    WHEN OLD.state <> NEW.state OR OLD.destination <> NEW.destination BEGIN
    UPDATE tally SET n = n - 1 WHERE kind = 'delivery' AND name = OLD.destination AND state = OLD.state;
    INSERT INTO tally VALUES ('delivery', NEW.destination, NEW.state, 1)
        ON CONFLICT (kind, name, state) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER delivery_removed AFTER DELETE ON delivery BEGIN
    UPDATE tally SET n = n - 1 WHERE kind = 'delivery' AND name = OLD.destination AND state = OLD.state;
END;

-- With a trigger on acquisition, SQLite prepares to look for rows that refer to a new one.
CREATE INDEX source_file_by_acquisition ON source_file (acquisition);

-- A role that starts voids its predecessor's claims: those few, and not every acquisition ever taken.
CREATE INDEX acquisition_claimed ON acquisition (claimed_by) WHERE claimed_by IS NOT NULL;
