-- Patients without an order: identities that this box gives, whom a device has open, and what becomes of their studies.

-- The last number that went into a patient id of this box, and every id that it gave: none is given twice.
CREATE TABLE local_number (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO local_number VALUES (1, 0);
CREATE TABLE local_patient_id (
    patient_id TEXT PRIMARY KEY,
    given_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- given: the patient id is of this box's own making. settled: '' while an order may still appear
ALTER TABLE local_study ADD COLUMN given INTEGER NOT NULL DEFAULT 0 CHECK (given IN (0, 1));
ALTER TABLE local_study ADD COLUMN made_by TEXT NOT NULL DEFAULT '';
ALTER TABLE local_study ADD COLUMN settled TEXT NOT NULL DEFAULT '' CHECK (settled IN ('', 'reconciled', 'stays'));
UPDATE local_study SET given = 1 WHERE snapshot ->> '$.patient[0]' LIKE 'LOCAL-__________';
INSERT OR IGNORE INTO local_patient_id SELECT snapshot ->> '$.patient[0]', created_us FROM local_study WHERE given = 1;
CREATE INDEX local_study_unsettled ON local_study (created_us) WHERE settled = '';
CREATE INDEX acquisition_by_local_study ON acquisition (local_study) WHERE local_study IS NOT NULL;

-- An unscheduled patient who is open on a device, in the place of a step: never both.
CREATE TABLE active_local_study (
    device TEXT PRIMARY KEY,
    local_study INTEGER NOT NULL REFERENCES local_study (id),
    opened_us INTEGER NOT NULL,
    opened_by TEXT NOT NULL,
    used_us INTEGER NOT NULL
) STRICT;
CREATE TRIGGER step_opened AFTER INSERT ON active_step BEGIN
    DELETE FROM active_local_study WHERE device = NEW.device;
END;
CREATE TRIGGER local_study_opened AFTER INSERT ON active_local_study BEGIN
    DELETE FROM active_step WHERE device = NEW.device;
END;
ALTER TABLE acquisition ADD COLUMN active_local_study INTEGER REFERENCES local_study (id);
CREATE INDEX acquisition_under_local_study ON acquisition (active_local_study) WHERE active_local_study IS NOT NULL;

-- Orders that may be those of a local study; a person confirms or refuses.
CREATE TABLE reconciliation_suggestion (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    local_study INTEGER NOT NULL REFERENCES local_study (id),
    provider TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    step_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    place INTEGER NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'withdrawn', 'confirmed', 'refused')),
    suggested_us INTEGER NOT NULL,
    decided_us INTEGER,
    decided_by TEXT NOT NULL DEFAULT '',
    UNIQUE (local_study, provider, study_instance_uid, step_id),
    CHECK ((state IN ('confirmed', 'refused')) = (decided_us IS NOT NULL))
) STRICT;
CREATE INDEX reconciliation_suggestion_open ON reconciliation_suggestion (local_study) WHERE state = 'open';

-- Both states of each reconciled study: the local identity with its Study Instance UID, and the step.
CREATE TABLE reconciliation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    local_study INTEGER NOT NULL REFERENCES local_study (id),
    before TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    after TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    decided_by TEXT NOT NULL
) STRICT;
CREATE INDEX reconciliation_by_local_study ON reconciliation (local_study);

-- What an archive holds under the local identity and its administrator is to change by hand; instances: JSON of UIDs.
CREATE TABLE reconciliation_notice (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    reconciliation INTEGER NOT NULL REFERENCES reconciliation (id),
    destination TEXT NOT NULL,
    instances TEXT NOT NULL,
    done_us INTEGER,
    done_by TEXT NOT NULL DEFAULT '',
    UNIQUE (reconciliation, destination)
) STRICT;
CREATE INDEX reconciliation_notice_open ON reconciliation_notice (id) WHERE done_us IS NULL;
