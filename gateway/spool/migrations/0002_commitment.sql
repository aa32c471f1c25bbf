-- Proof beyond "stored": transactions of storage commitment (or of a query in its place) with their items, kept before
-- the peer is asked, so that a report finds them whenever it comes.

CREATE TABLE commitment (
    id INTEGER PRIMARY KEY,
    transaction_uid TEXT NOT NULL UNIQUE,
    destination TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('asking', 'waiting', 'reported', 'refused', 'expired')),
    made_us INTEGER NOT NULL,
    ended_us INTEGER,
    code TEXT NOT NULL DEFAULT '',
    text TEXT NOT NULL DEFAULT '',
    CHECK ((ended_us IS NULL) = (state IN ('asking', 'waiting')))
) STRICT;
CREATE INDEX commitment_open ON commitment (destination, made_us) WHERE ended_us IS NULL;

-- outcome: '' while nothing was said, 'committed', or the reason why not
CREATE TABLE commitment_item (
    commitment INTEGER NOT NULL REFERENCES commitment (id),
    delivery INTEGER NOT NULL REFERENCES delivery (id),
    outcome TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (commitment, delivery)
) STRICT, WITHOUT ROWID;
CREATE INDEX commitment_item_by_delivery ON commitment_item (delivery);

-- what proves a delivery to a destination; kept when the destination leaves the configuration
CREATE TABLE proof_policy (
    destination TEXT PRIMARY KEY,
    proof TEXT NOT NULL CHECK (proof IN ('status', 'commitment', 'query'))
) STRICT, WITHOUT ROWID;

-- how often proof was asked for in vain since the peer first answered "stored"
ALTER TABLE delivery ADD COLUMN proof_rounds INTEGER NOT NULL DEFAULT 0;
CREATE INDEX delivery_unproven ON delivery (destination, proof_rounds) WHERE proof_rounds > 0;
