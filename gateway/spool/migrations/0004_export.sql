-- What a person decided about a delivery, file-sets written to media, receipts for them, and rebuilt instances.

ALTER TABLE delivery ADD COLUMN decided_by TEXT NOT NULL DEFAULT '';
ALTER TABLE delivery ADD COLUMN decision TEXT NOT NULL DEFAULT '';

CREATE TABLE export (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    fileset_uid TEXT NOT NULL UNIQUE,
    folder TEXT NOT NULL,
    begun_us INTEGER NOT NULL,
    begun_by TEXT NOT NULL,
    finished_us INTEGER
) STRICT;

CREATE TABLE export_item (
    export INTEGER NOT NULL REFERENCES export (id),
    delivery INTEGER NOT NULL REFERENCES delivery (id),
    instance INTEGER NOT NULL REFERENCES instance (id),
    destination TEXT NOT NULL,
    file_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (export, delivery)
) STRICT, WITHOUT ROWID;
CREATE INDEX export_item_by_delivery ON export_item (delivery);
CREATE INDEX export_item_by_instance ON export_item (instance);

CREATE TABLE receipt (
    delivery INTEGER PRIMARY KEY REFERENCES delivery (id),
    export INTEGER NOT NULL REFERENCES export (id),
    kind TEXT NOT NULL CHECK (kind IN ('receipt', 'listing')),
    importer TEXT NOT NULL,
    document_digest TEXT NOT NULL,
    imported_us INTEGER NOT NULL,
    imported_by TEXT NOT NULL
) STRICT;

CREATE TABLE rebuild (
    instance INTEGER PRIMARY KEY REFERENCES instance (id),
    asked INTEGER NOT NULL DEFAULT 0 CHECK (asked IN (0, 1)),
    tries INTEGER NOT NULL DEFAULT 0,
    seen_attempt INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX delivery_damaged ON delivery (instance) WHERE state = 'parked' AND status = 'digest';
