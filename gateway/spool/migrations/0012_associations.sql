-- how many associations filled the link to a destination when it was last busy; 0: not known
ALTER TABLE destination ADD COLUMN associations INTEGER NOT NULL DEFAULT 0;
