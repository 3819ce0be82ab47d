"""Delivers changes of alerts to receivers: at least once, in order for each, without ever blocking the watcher."""
