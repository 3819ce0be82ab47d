"""Raises alerts from stored interactions: counts by SQL, one watcher, a table of changes, delivery to receivers."""
