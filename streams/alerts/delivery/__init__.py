"""Changes of alerts to receivers: at least once, in order for each, without ever holding up the watcher."""
