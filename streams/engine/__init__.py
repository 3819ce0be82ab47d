"""Holds the engine: processors that turn frames into rows, each event exactly once."""
