"""The collector: events over HTTP into the log, answered once they are safe there, item by item."""
