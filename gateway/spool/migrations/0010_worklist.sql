-- What worklist providers sent, which steps are doubted or were looked up, and what scanners read.

-- looked_up: it came by a question about one patient or order, so a broad answer that does not name it says nothing.
ALTER TABLE step ADD COLUMN looked_up INTEGER NOT NULL DEFAULT 0;
-- accepted: the identity that a person has compared and found right although it had changed.
ALTER TABLE step ADD COLUMN accepted TEXT NOT NULL DEFAULT '';
-- recorded_us: when this box took it, by its own clock, which the device's own dates are compared with.
ALTER TABLE acquisition ADD COLUMN recorded_us INTEGER;
CREATE INDEX acquisition_of_step ON acquisition (step) WHERE step IS NOT NULL;

-- The last answers of each provider as they came, bounded; a round is one time of asking.
CREATE TABLE answer_round (
    provider TEXT PRIMARY KEY,
    at_us INTEGER NOT NULL,
    asked TEXT NOT NULL,
    came INTEGER NOT NULL,
    complete INTEGER NOT NULL CHECK (complete IN (0, 1)),
    note TEXT NOT NULL,
    digest TEXT NOT NULL,
    preview TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE answer_kept (
    provider TEXT NOT NULL REFERENCES answer_round (provider) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    shown TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (provider, position)
) STRICT, WITHOUT ROWID;

-- The last code that was read for each device, and the step that waits for it to be read once more.
CREATE TABLE scan (
    device TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    code TEXT NOT NULL,
    ok INTEGER NOT NULL CHECK (ok IN (0, 1)),
    outcome TEXT NOT NULL,
    candidates TEXT NOT NULL,
    waiting_step INTEGER,
    waiting_until_us INTEGER
) STRICT, WITHOUT ROWID;
