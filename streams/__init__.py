"""Holds the shells around the domain: edge, log, processors, store, embedded runtime and command line."""
