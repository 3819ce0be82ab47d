"""Judges read-only SQL by an allow-list over the syntax tree that ClickHouse itself parses."""
