"""Faults at every file system call of a small pipeline; `python -m faults --help`."""
