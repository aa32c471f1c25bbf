-- What a provider answered when one patient or order was looked up stands beside its last answer to the broad question,
-- and neither takes the other's place.
CREATE TABLE look_up_round (
    id INTEGER PRIMARY KEY,
    provider TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    asked TEXT NOT NULL,
    came INTEGER NOT NULL,
    complete INTEGER NOT NULL CHECK (complete IN (0, 1)),
    note TEXT NOT NULL,
    preview TEXT NOT NULL
) STRICT;
CREATE INDEX look_up_round_by_provider ON look_up_round (provider, id);
CREATE TABLE look_up_kept (
    look_up INTEGER NOT NULL REFERENCES look_up_round (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    shown TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (look_up, position)
) STRICT, WITHOUT ROWID;
INSERT INTO look_up_round (provider, at_us, asked, came, complete, note, preview)
    SELECT provider, at_us, asked, came, complete, note, preview FROM answer_round
    WHERE asked = 'one patient or order';
INSERT INTO look_up_kept
    SELECT look_up_round.id, answer_kept.position, answer_kept.shown, answer_kept.body
    FROM look_up_round JOIN answer_kept ON answer_kept.provider = look_up_round.provider;
DELETE FROM answer_kept WHERE provider IN (SELECT provider FROM look_up_round);
DELETE FROM answer_round WHERE provider IN (SELECT provider FROM look_up_round);

-- What a scanned code stands for by the scanner's pattern, and whether no step had it, so that it may be looked up.
ALTER TABLE scan ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE scan ADD COLUMN unknown INTEGER NOT NULL DEFAULT 0 CHECK (unknown IN (0, 1));
