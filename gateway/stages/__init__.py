"""Policy: what is done in which order with what the wings can do. One file a step of the chain."""
