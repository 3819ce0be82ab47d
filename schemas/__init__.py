"""What crosses a boundary: the event contract, the A-Path model file, the ClickHouse tables."""
