"""Stores the write keys of a deployment in the table write_keys of its ClickHouse server."""

from collections.abc import Sequence
from dataclasses import astuple, fields

from streams.collector.write_keys import LISTS, WriteKey
from streams.faults import kill_point
from streams.store.clickhouse import ClickHouse

__all__ = ["KeyTable"]

_COLUMNS = [field.name for field in fields(WriteKey)]
_READ = f"SELECT {', '.join(_COLUMNS)} FROM write_keys ORDER BY version DESC LIMIT 1 BY digest"


class KeyTable:
    """The table write_keys, over a connection of its own."""

    def __init__(self, store: ClickHouse) -> None:
        self._store = store

    def read(self) -> Sequence[WriteKey]:
        """Return all of them."""
        rows = [dict(zip(_COLUMNS, row, strict=True)) for row in self._store.query(_READ, {})]
        return [WriteKey(**row | {name: tuple(row[name]) for name in LISTS}) for row in rows]

    def write(self, keys: Sequence[WriteKey]) -> None:
        """Add newer rows of keys, in one block."""
        rows = [
            [list(value) if isinstance(value, tuple) else value for value in astuple(key)] for key in keys
        ]
        with kill_point("keys.write"):
            self._store.client.insert("write_keys", rows, column_names=_COLUMNS)

    def close(self) -> None:
        """Close the connection."""
        self._store.close()
