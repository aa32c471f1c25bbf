-- Corrections: what was built for the wrong patient is rejected and built anew, never rewritten. And exams that people
-- take apart, pictures that they discard, and the same bytes captured under two identities.

-- the exam as the device gave it, where the acquisition was given an exam of its own since
ALTER TABLE acquisition ADD COLUMN captured_exam_key TEXT;
CREATE INDEX acquisition_by_captured_exam ON acquisition (device, captured_exam_key)
    WHERE captured_exam_key IS NOT NULL;
-- the acquisition that has the same bytes under another identity
ALTER TABLE acquisition ADD COLUMN twin_of INTEGER;
-- who set it aside; empty when the gateway did
ALTER TABLE acquisition ADD COLUMN discarded_by TEXT NOT NULL DEFAULT '';
ALTER TABLE acquisition ADD COLUMN correction_of INTEGER;
ALTER TABLE acquisition ADD COLUMN corrected_by INTEGER;
ALTER TABLE acquisition ADD COLUMN rejected_us INTEGER;
-- destinations (JSON) to which its object is not owed, because they keep what they have
ALTER TABLE acquisition ADD COLUMN not_to TEXT NOT NULL DEFAULT '[]';

-- since when nothing more is done for a delivery, because its object was rejected
ALTER TABLE delivery ADD COLUMN rejected_us INTEGER;
-- tries and their last number that were made for another destination, before the delivery was re-targeted
ALTER TABLE delivery ADD COLUMN attempts_elsewhere INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN last_attempt_elsewhere INTEGER NOT NULL DEFAULT 0;

-- destinations that may hold an instance although no delivery names them any more
CREATE TABLE seen_elsewhere (
    instance INTEGER NOT NULL REFERENCES instance (id),
    destination TEXT NOT NULL,
    PRIMARY KEY (instance, destination)
) STRICT, WITHOUT ROWID;

CREATE TABLE correction (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_us INTEGER NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;

-- rejected: the instances (JSON) that the note names; destinations: to whom it is owed (JSON)
CREATE TABLE rejection_note (
    instance INTEGER PRIMARY KEY REFERENCES instance (id),
    correction INTEGER NOT NULL REFERENCES correction (id),
    acquisition INTEGER NOT NULL REFERENCES acquisition (id),
    rejected TEXT NOT NULL,
    destinations TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('owed', 'made', 'failed')),
    error TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX rejection_note_open ON rejection_note (state) WHERE state <> 'made';
CREATE INDEX rejection_note_by_acquisition ON rejection_note (acquisition);
