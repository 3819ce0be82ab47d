"""Serves ClickHouse's HTTP protocol over the engine in this process, read-only, for analysts' tools."""
