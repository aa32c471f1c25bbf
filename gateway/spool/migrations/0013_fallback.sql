-- What copies in another transfer syntax have cost is asked by destination.
CREATE INDEX delivery_copied ON delivery (destination) WHERE copy_bytes IS NOT NULL;

-- Deliveries that a destination refused for their SOP class, and why no object of another class was made for them. An
-- instance of such a class stands for the refused one of its acquisition, under a UID of its own.
ALTER TABLE instance ADD COLUMN stands_for INTEGER REFERENCES instance (id);
CREATE INDEX instance_stands_for ON instance (stands_for) WHERE stands_for IS NOT NULL;
CREATE INDEX delivery_class_refused ON delivery (id) WHERE state = 'parked' AND status IN ('context 3', '0122');
CREATE TABLE fallback (
    delivery INTEGER PRIMARY KEY REFERENCES delivery (id),
    seen_attempt INTEGER NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
