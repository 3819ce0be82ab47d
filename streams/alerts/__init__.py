"""Alerts from stored interactions: counts by SQL, one watcher, a table of changes, and delivery to receivers."""
