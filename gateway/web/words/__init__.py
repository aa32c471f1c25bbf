"""Plain words for what the ledger says: pure functions from views to sentences, without markup."""
