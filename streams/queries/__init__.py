"""ClickHouse's HTTP protocol over the engine in this process, for reading only: what analysts' tools speak."""
