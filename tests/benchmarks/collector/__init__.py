"""Events a second of the collector, next to an endpoint that only parses the JSON."""
