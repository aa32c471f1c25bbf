-- The first ledger. Moments are microseconds since 1970-01-01 UTC; paths are relative to the spool directory.

CREATE TABLE role_run (
    run TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started_us INTEGER NOT NULL
) STRICT;

CREATE TABLE provider (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    answered_us INTEGER,
    failed_us INTEGER,
    phase TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    remedy TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE step (
    id INTEGER PRIMARY KEY,
    provider TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    step_id TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    patient_name TEXT NOT NULL,
    accession_number TEXT NOT NULL,
    start_us INTEGER,
    usable INTEGER NOT NULL CHECK (usable IN (0, 1)),
    vanished INTEGER NOT NULL DEFAULT 0 CHECK (vanished IN (0, 1)),
    first_seen_us INTEGER NOT NULL,
    seen_us INTEGER NOT NULL,
    snapshot TEXT NOT NULL,
    UNIQUE (provider, study_instance_uid, step_id)
) STRICT;
CREATE INDEX step_by_start ON step (vanished, start_us);
CREATE INDEX step_seen ON step (vanished, seen_us);
CREATE INDEX step_by_accession ON step (accession_number);

CREATE TABLE active_step (
    device TEXT PRIMARY KEY,
    step INTEGER NOT NULL,
    snapshot TEXT NOT NULL,
    opened_us INTEGER NOT NULL,
    opened_by TEXT NOT NULL,
    used_us INTEGER NOT NULL
) STRICT;

CREATE TABLE local_study (
    id INTEGER PRIMARY KEY,
    study_instance_uid TEXT NOT NULL UNIQUE,
    snapshot TEXT NOT NULL,
    created_us INTEGER NOT NULL
) STRICT;

CREATE TABLE acquisition (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL,
    exam_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    captured_us INTEGER NOT NULL,
    display_name TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    path TEXT NOT NULL UNIQUE,
    hints TEXT NOT NULL,
    active_snapshot TEXT,
    state TEXT NOT NULL CHECK (state IN ('captured', 'matched', 'held', 'assembled', 'quarantined')),
    since_us INTEGER NOT NULL,
    due_us INTEGER NOT NULL DEFAULT 0,
    claimed_by TEXT,
    unfinished_claims INTEGER NOT NULL DEFAULT 0,
    step_snapshot TEXT,
    step INTEGER REFERENCES step (id),
    local_study INTEGER REFERENCES local_study (id),
    rule TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    remedy TEXT NOT NULL DEFAULT '',
    phase TEXT NOT NULL DEFAULT '',
    candidates TEXT NOT NULL DEFAULT '[]',
    rematch INTEGER NOT NULL DEFAULT 0 CHECK (rematch IN (0, 1)),
    thumbnail TEXT,
    source_bytes_kept INTEGER NOT NULL DEFAULT 1 CHECK (source_bytes_kept IN (0, 1)),
    UNIQUE (device, exam_key, digest)
) STRICT;
CREATE INDEX acquisition_by_state ON acquisition (state);
CREATE INDEX acquisition_open ON acquisition (id) WHERE state IN ('captured', 'matched', 'held');
CREATE INDEX acquisition_kept ON acquisition (id) WHERE state = 'assembled' AND source_bytes_kept = 1;
CREATE INDEX acquisition_by_step ON acquisition (device, step) WHERE step IS NOT NULL;
CREATE INDEX acquisition_by_device ON acquisition (device, captured_us);
CREATE INDEX acquisition_by_moment ON acquisition (captured_us);

CREATE TABLE part (
    acquisition INTEGER NOT NULL REFERENCES acquisition (id),
    position INTEGER NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('primary', 'sidecar')),
    source_name BLOB NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (acquisition, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE source_file (
    device TEXT NOT NULL,
    name BLOB NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    digest TEXT NOT NULL,
    acquisition INTEGER NOT NULL REFERENCES acquisition (id),
    PRIMARY KEY (device, name, size, mtime_ns)
) STRICT, WITHOUT ROWID;

CREATE TABLE study (
    study_instance_uid TEXT PRIMARY KEY,
    started_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    exam_key TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL REFERENCES study (study_instance_uid),
    sop_class_uid TEXT NOT NULL,
    series_instance_uid TEXT NOT NULL UNIQUE,
    series_number INTEGER NOT NULL,
    instances INTEGER NOT NULL DEFAULT 0,
    UNIQUE (device, exam_key, study_instance_uid, sop_class_uid)
) STRICT;
CREATE INDEX series_by_study ON series (study_instance_uid);

CREATE TABLE instance (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    acquisition INTEGER NOT NULL REFERENCES acquisition (id),
    part INTEGER NOT NULL,
    series INTEGER NOT NULL REFERENCES series (id),
    sop_class_uid TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL UNIQUE,
    instance_number INTEGER NOT NULL,
    transfer_syntax_uid TEXT,
    path TEXT,
    digest TEXT,
    size INTEGER,
    built_us INTEGER,
    kept INTEGER NOT NULL DEFAULT 1 CHECK (kept IN (0, 1)),
    UNIQUE (acquisition, part)
) STRICT;

CREATE TABLE destination (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    due_us INTEGER NOT NULL DEFAULT 0,
    failed_us INTEGER,
    phase TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    remedy TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instance INTEGER NOT NULL REFERENCES instance (id),
    acquisition INTEGER NOT NULL REFERENCES acquisition (id),
    destination TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'stored', 'committed', 'parked', 'held', 'dropped')),
    since_us INTEGER NOT NULL,
    due_us INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    unfinished_claims INTEGER NOT NULL DEFAULT 0,
    claimed_by TEXT,
    stored_us INTEGER,
    committed_us INTEGER,
    status TEXT NOT NULL DEFAULT '',
    status_text TEXT NOT NULL DEFAULT '',
    sent_syntax_uid TEXT NOT NULL DEFAULT '',
    phase TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    remedy TEXT NOT NULL DEFAULT '',
    UNIQUE (instance, destination),
    CHECK (state NOT IN ('stored', 'committed') OR (stored_us IS NOT NULL AND status <> '')),
    CHECK (state <> 'committed' OR committed_us IS NOT NULL)
) STRICT;
CREATE INDEX delivery_due ON delivery (destination, state, due_us, id);
CREATE INDEX delivery_by_acquisition ON delivery (acquisition);
CREATE INDEX delivery_by_state ON delivery (state, stored_us);
CREATE INDEX delivery_by_proof ON delivery (destination, state, stored_us);
CREATE INDEX delivery_open ON delivery (acquisition) WHERE state IN ('pending', 'sending', 'parked', 'held');

CREATE TABLE attempt (
    id INTEGER PRIMARY KEY,
    delivery INTEGER NOT NULL REFERENCES delivery (id),
    started_us INTEGER NOT NULL,
    ended_us INTEGER NOT NULL,
    phase TEXT NOT NULL,
    disposition TEXT NOT NULL,
    code TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX part_by_digest ON part (digest);
CREATE INDEX instance_by_digest ON instance (digest);
CREATE INDEX attempt_by_delivery ON attempt (delivery);

CREATE TABLE request (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    filed_by TEXT NOT NULL,
    filed_us INTEGER NOT NULL,
    done_us INTEGER NOT NULL,
    ok INTEGER NOT NULL CHECK (ok IN (0, 1)),
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE issue (
    key TEXT PRIMARY KEY,
    severity TEXT NOT NULL CHECK (severity IN ('danger', 'attention')),
    since_us INTEGER NOT NULL,
    text TEXT NOT NULL,
    suggestion TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE beat (
    role TEXT NOT NULL,
    loop TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    bound_s REAL NOT NULL,
    PRIMARY KEY (role, loop)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    id INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    actor TEXT NOT NULL,
    event TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX journal_by_subject ON journal (subject);
