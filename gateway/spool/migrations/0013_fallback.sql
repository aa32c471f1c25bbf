-- What copies in another transfer syntax have cost is asked by destination.
CREATE INDEX delivery_copied ON delivery (destination) WHERE copy_bytes IS NOT NULL;

-- Deliveries that a destination refused for their SOP class, and what came of making them as the class that stands in.
CREATE INDEX delivery_class_refused ON delivery (id) WHERE state = 'parked' AND status IN ('context 3', '0122');
CREATE TABLE fallback (
    delivery INTEGER PRIMARY KEY REFERENCES delivery (id),
    seen_attempt INTEGER NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
