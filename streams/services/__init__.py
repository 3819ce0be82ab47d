"""Assembles the long-running services from the other packages: `journey up`, collectors, the page of a server."""
