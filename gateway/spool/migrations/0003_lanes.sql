-- Lanes of a delivery, objects that break links, what each destination accepts, and who stands in for whom.

-- 0 stat, 1 urgent, 2 urgent clip, 3 normal, 4 clip (gateway.domain.lanes)
ALTER TABLE delivery ADD COLUMN lane INTEGER NOT NULL DEFAULT 3;
CREATE INDEX delivery_by_lane ON delivery (destination, state, lane, due_us, id);

-- how often the link ended in the middle of this very object, and when first
ALTER TABLE delivery ADD COLUMN link_breaks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN first_break_us INTEGER;

-- bytes of the copy that was sent because the peer does not take the stored transfer syntax; NULL: sent as stored
ALTER TABLE delivery ADD COLUMN copy_bytes INTEGER;

-- what a destination said when it was last asked
CREATE TABLE accepted (
    destination TEXT NOT NULL,
    sop_class_uid TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL,
    accepted INTEGER NOT NULL CHECK (accepted IN (0, 1)),
    learnt_us INTEGER NOT NULL,
    changed_us INTEGER NOT NULL,
    PRIMARY KEY (destination, sop_class_uid, transfer_syntax_uid)
) STRICT, WITHOUT ROWID;
ALTER TABLE destination ADD COLUMN max_pdu_bytes INTEGER;

-- owed to this destination only because the one named here does not answer
ALTER TABLE delivery ADD COLUMN instead_of TEXT NOT NULL DEFAULT '';
CREATE INDEX delivery_instead ON delivery (destination, state) WHERE instead_of <> '';
