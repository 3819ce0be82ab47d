"""Stores frames durably in a local log in SQLite: in a data directory it takes Kafka's place, as one partition."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Self

from journey.errors import UserError
from streams.faults import kill_point
from streams.process.private_files import private_file

__all__ = ["PARTITION", "SCHEMA", "Log", "LogError", "waiting"]

PARTITION = 0  # the embedded engine has one

SCHEMA = """
CREATE TABLE IF NOT EXISTS frames (offset INTEGER PRIMARY KEY AUTOINCREMENT, frame BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS committed (id INTEGER PRIMARY KEY CHECK (id = 1), offset INTEGER NOT NULL);
INSERT OR IGNORE INTO committed VALUES (1, 0);
"""

_WAITING = """
SELECT (SELECT seq FROM sqlite_sequence WHERE name = 'frames') - c.offset,
    (SELECT frame FROM frames WHERE offset > c.offset ORDER BY offset LIMIT 1)
FROM committed AS c
"""


class LogError(UserError, RuntimeError):
    """An error of a log that cannot be read or written (disk full, damaged file); nothing was accepted."""


class Log:
    """The frames by offset, from 1; offsets are never given twice. A committed frame is deleted: every table has it.

    An appended frame survives the death of the process, and with `durable` a power cut too (fsync at each
    append).
    """

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        private_file(path)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA page_size = 65536")  # a frame is a few pages, not hundreds
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        with kill_point("log.open"):
            self._db.executescript(SCHEMA)

    def append(self, frame: bytes) -> int:
        """Store a frame and return its offset. Once this returns, the frame is accepted."""
        try:
            with kill_point("log.append"):
                done = self._db.execute("INSERT INTO frames (frame) VALUES (?)", (frame,))
        except sqlite3.Error as error:
            raise LogError(f"the log did not take a frame of {len(frame)} bytes: {error}") from error
        return int(done.lastrowid or 0)

    def read(self, after: int, limit: int, small_bytes: int = 0) -> Sequence[tuple[int, bytes]]:
        """Return up to `limit` (offset, frame) with offset > `after`, in order.

        Of small frames ten times as many, as long as all of them together have no more than `small_bytes`.
        """
        query = "SELECT offset, frame FROM frames WHERE offset > ? ORDER BY offset LIMIT ?"
        found: list[tuple[int, bytes]] = []
        size = 0
        with closing(self._db.execute(query, (after, limit * 10 if small_bytes else limit))) as rows:
            for offset, frame in rows:
                size += len(frame)
                if len(found) >= limit and size > small_bytes:
                    break
                found.append((offset, frame))
        return found

    @property
    def committed(self) -> int:
        """The offset up to which every table has every frame; 0 before the first."""
        return int(self._db.execute("SELECT offset FROM committed").fetchone()[0])

    @property
    def last(self) -> int:
        """The last offset that was given out; 0 before the first."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'frames'").fetchone()
        return int(row[0]) if row else 0

    def commit(self, offset: int) -> None:
        """Remember that frames up to `offset` are in every table, and let them go."""
        with kill_point("log.commit"):
            self._db.executescript(
                f"BEGIN; UPDATE committed SET offset = {offset:d}; DELETE FROM frames WHERE offset <= {offset:d}; COMMIT"
            )

    def skip_to(self, offset: int) -> None:
        """Never give out `offset` or less: the store knows them from a log that was lost. Frames that wait stay."""
        if self.last < offset:
            nothing_waits = self.committed >= self.last
            commit = f"UPDATE committed SET offset = {offset:d}; " if nothing_waits else ""
            with kill_point("log.skip"):
                self._db.executescript(
                    f"BEGIN; INSERT INTO frames (offset, frame) VALUES ({offset:d}, x''); "
                    f"DELETE FROM frames WHERE offset = {offset:d}; {commit}COMMIT"
                )

    def scrub(self) -> None:
        """Leave no bytes of frames that were let go in the file, or beside it."""
        with kill_point("log.scrub"):
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def waiting(path: Path) -> tuple[int, bytes]:
    """Return how many frames of a log are not committed, and the first of them (b"" for none), without opening it to write.

    Raises
    ------
    LogError
        It cannot be read.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1)) as db:
            count, frame = db.execute(_WAITING).fetchone()
    except sqlite3.Error as error:
        raise LogError(f"the log cannot be read: {error}") from error
    return int(count or 0), bytes(frame or b"")
