"""The operating system: service manager, signals, log, clock, disk, credentials and child processes."""
