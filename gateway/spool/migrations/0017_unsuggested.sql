-- Why no order is suggested for a study that was sent without one, in words for the person who looks for it.
ALTER TABLE local_study ADD COLUMN unsuggested TEXT NOT NULL DEFAULT '';
