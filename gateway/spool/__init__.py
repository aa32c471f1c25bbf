"""Durability: one ledger in SQLite and one directory of bytes, the only state that the roles share."""
