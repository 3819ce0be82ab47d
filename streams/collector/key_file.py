"""Write keys of a data directory, in SQLite: they can be changed while a collector runs."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from streams.collector.keys import LISTS, WriteKey
from streams.faults import boundary

__all__ = ["KeyFile"]

_SCHEMA = "CREATE TABLE IF NOT EXISTS write_keys (digest TEXT PRIMARY KEY, key TEXT NOT NULL)"
_PUT = "INSERT INTO write_keys VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET key = excluded.key"


class KeyFile:
    """The file `keys.sqlite`, for one thread after another; made on first use, readable by its owner only."""

    def __init__(self, data: Path) -> None:
        path = data / "keys.sqlite"
        data.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        with boundary("keys.open"):
            self._db.execute(_SCHEMA)

    def read(self) -> Sequence[WriteKey]:
        """Return all of them."""
        rows = self._db.execute("SELECT key FROM write_keys ORDER BY digest").fetchall()
        return [_key(json.loads(text)) for (text,) in rows]

    def write(self, keys: Sequence[WriteKey]) -> None:
        """Add or replace keys, all or none."""
        rows = [(key.digest, json.dumps(asdict(key))) for key in keys]
        with boundary("keys.write"):
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(_PUT, rows)
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _key(read: dict[str, Any]) -> WriteKey:
    return WriteKey(**read | {name: tuple(read[name]) for name in LISTS})
