"""Stores the write keys of a data directory in SQLite, so that they can be changed while a collector runs."""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from streams.clock import from_us
from streams.collector.write_keys import LISTS, KeysLostError, WriteKey
from streams.faults import kill_point
from streams.process.private_files import private_directory, private_file

__all__ = ["KeyFile", "damage_of"]

_NAME = "keys.sqlite"
_SCHEMA = "CREATE TABLE IF NOT EXISTS write_keys (digest TEXT PRIMARY KEY, key TEXT NOT NULL)"
_PUT = "INSERT INTO write_keys VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET key = excluded.key"


class KeyFile:
    """The file `keys.sqlite`, for one thread after another; made on first use, readable by its owner only.

    It has its table from the first instant, so that one without is damaged. One that cannot be read is opened again at
    the next use: until then somebody may have brought it back.
    """

    def __init__(self, data: Path) -> None:
        self._path = data / _NAME
        private_directory(data)
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        if not self._path.exists():
            _make(self._path)

    def read(self) -> Sequence[WriteKey]:
        """Return all of them. Raises KeysLostError."""
        with self._used() as db:
            rows = db.execute("SELECT key FROM write_keys ORDER BY digest").fetchall()
            return [_key(json.loads(text)) for (text,) in rows]

    def write(self, keys: Sequence[WriteKey]) -> None:
        """Add or replace keys, all or none. Raises KeysLostError."""
        rows = [(key.digest, json.dumps(asdict(key))) for key in keys]
        with self._used() as db, kill_point("keys.write"):
            db.execute("BEGIN IMMEDIATE")
            db.executemany(_PUT, rows)
            db.execute("COMMIT")

    def renew(self, now_us: int) -> str:
        """Put a file that is damaged aside, and begin a new one; leave one that can be read. Return what was done, or ""."""
        if not (why := damage_of(self._path.parent)):
            return ""
        self.close()
        aside = self._path.with_name(f"keys.damaged-{from_us(now_us):%Y%m%dT%H%M%S%fZ}.sqlite")
        with kill_point("keys.aside"):
            for suffix in ("-wal", "-shm", ""):  # what is beside it would be taken for the new one's
                if (old := self._path.with_name(_NAME + suffix)).exists():
                    old.rename(aside.with_name(aside.name + suffix))
        _make(self._path)
        return (
            f"{self._path} was damaged ({why}) and is kept as {aside.name}: the keys in it are no longer valid; create each again, or"
            " restore it from a backup"
        )

    @contextmanager
    def _used(self) -> Iterator[sqlite3.Connection]:
        try:
            if self._db is not None and self._path.stat().st_ino != self._inode:
                self.close()  # another file took its place
            if self._db is None:
                self._db, self._inode = _opened(self._path), self._path.stat().st_ino
            yield self._db
        except (sqlite3.Error, OSError, ValueError, TypeError, KeyError) as error:
            self.close()
            raise KeysLostError(_explained(self._path, error)) from error

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None


def damage_of(data: Path) -> str:
    """Return why the write keys of a data directory cannot be read, "" where they can, or where there is no file."""
    path = data / _NAME
    if not path.exists():
        return ""
    try:
        with closing(_opened(path)) as db:
            for (text,) in db.execute("SELECT key FROM write_keys"):
                _key(json.loads(text))
    except sqlite3.OperationalError:  # locked, or no right to read: it is not damaged
        return ""
    except (sqlite3.Error, ValueError, KeyError) as error:
        return str(error)
    except TypeError:  # fields of another program
        return ""
    return ""


def _make(path: Path) -> None:
    """Make the file whole under another name, and have it take its place, unless another process was first."""
    draft = path.with_name(f"{_NAME}.draft-{os.getpid()}")
    draft.unlink(missing_ok=True)
    private_file(draft)
    with kill_point("keys.open"):
        with closing(sqlite3.connect(draft, isolation_level=None)) as db:
            db.execute(_SCHEMA)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            draft.replace(path)
            return
    draft.unlink()


def _opened(path: Path) -> sqlite3.Connection:
    """Open the file as it is. Raises sqlite3.Error; DatabaseError, but not OperationalError, where it is damaged."""
    path.stat()  # SQLite would make a new one
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        if why := _missing(db):
            raise sqlite3.DatabaseError(why)  # noqa: TRY301 - it is closed below
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
    except BaseException:
        db.close()
        raise
    return db


def _missing(db: sqlite3.Connection) -> str:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'write_keys'").fetchone():
        return "it has no table of keys"
    (told,) = db.execute("PRAGMA quick_check(1)").fetchone()
    return "" if told == "ok" else str(told).splitlines()[-1]


def _explained(path: Path, error: Exception) -> str:
    if isinstance(error, sqlite3.OperationalError | OSError | TypeError):
        return f"the write keys in {path} cannot be read: {error}"
    return (
        f"the write keys cannot be read, {path} is damaged ({error}): restore it from a backup, or create the keys again with"
        " journey keys write create, which keeps the damaged file under another name"
    )


def _key(read: dict[str, Any]) -> WriteKey:
    read = {"predates_identity": True} | read  # of a program that did not write it
    return WriteKey(**read | {name: tuple(read[name]) for name in LISTS})
