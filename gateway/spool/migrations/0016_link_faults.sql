-- whether the fault of a destination may be its link's doing, so that the return of the link ends its wait
ALTER TABLE destination ADD COLUMN by_link INTEGER NOT NULL DEFAULT 0 CHECK (by_link IN (0, 1));
