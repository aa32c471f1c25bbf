-- Performed Procedure Steps, the reports about them, and the peers that receive these.

CREATE TABLE performed_step (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL,
    provider TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    step_id TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('open', 'closing', 'closed')),
    outcome TEXT NOT NULL DEFAULT '' CHECK (outcome IN ('', 'completed', 'discontinued')),
    reason TEXT NOT NULL DEFAULT '',
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    begun_us INTEGER NOT NULL,
    used_us INTEGER NOT NULL,
    captured_us INTEGER NOT NULL,
    closing_us INTEGER,
    snapshot TEXT NOT NULL,
    result TEXT,
    CHECK ((state = 'closed') = (result IS NOT NULL)),
    CHECK (state = 'open' OR (outcome <> '' AND closing_us IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX performed_step_in_progress ON performed_step (device, provider, study_instance_uid, step_id)
    WHERE state = 'open';
CREATE INDEX performed_step_unfinished ON performed_step (state) WHERE state <> 'closed';
CREATE INDEX performed_step_by_study ON performed_step (study_instance_uid);

CREATE TABLE performed_step_report (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    performed_step INTEGER NOT NULL REFERENCES performed_step (id),
    peer TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('create', 'set')),
    state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'parked')),
    since_us INTEGER NOT NULL,
    due_us INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    unfinished INTEGER NOT NULL DEFAULT 0,
    unanswered INTEGER NOT NULL DEFAULT 0 CHECK (unanswered IN (0, 1)),
    status TEXT NOT NULL DEFAULT '',
    phase TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    remedy TEXT NOT NULL DEFAULT '',
    UNIQUE (performed_step, peer, kind),
    CHECK (state <> 'done' OR status <> '')
) STRICT;
CREATE INDEX performed_step_report_due ON performed_step_report (peer, due_us) WHERE state = 'pending';
CREATE INDEX performed_step_report_left ON performed_step_report (state) WHERE state <> 'done';

CREATE TABLE mpps_peer (
    name TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    due_us INTEGER NOT NULL DEFAULT 0
) STRICT;

ALTER TABLE acquisition ADD COLUMN performed_step INTEGER REFERENCES performed_step (id);
CREATE INDEX acquisition_by_performed_step ON acquisition (performed_step) WHERE performed_step IS NOT NULL;
