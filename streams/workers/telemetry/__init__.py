"""Measures workers: a meter for each partition task, a monitor of all, and the endpoint."""
