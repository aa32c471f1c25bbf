-- Orders that are heard rather than asked for: lists that people import, and HL7 feeds.

ALTER TABLE provider ADD COLUMN kind TEXT NOT NULL DEFAULT 'query';
ALTER TABLE step ADD COLUMN expires_us INTEGER;
CREATE INDEX step_by_expiry ON step (expires_us) WHERE vanished = 0 AND expires_us IS NOT NULL;

-- What makes the Study Instance UIDs minted for such orders this box's own, and the same at every import.
CREATE TABLE order_seed (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seed BLOB NOT NULL
) STRICT;
INSERT INTO order_seed VALUES (1, randomblob(32));

CREATE TABLE heard_message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    sender TEXT NOT NULL,
    kind TEXT NOT NULL,
    control_id TEXT NOT NULL,
    answer TEXT NOT NULL,
    fault TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX heard_by_provider ON heard_message (provider, id);
