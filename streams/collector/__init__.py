"""Receives events over HTTP and appends them to the log; each item is answered once it is safe there."""
