"""Defines what crosses a boundary: the event contract, the A-Path model file, mappings, topics, ClickHouse tables."""
