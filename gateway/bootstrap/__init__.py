"""The composition root: configuration and role in, running loops out. The only room that sees every wing."""
