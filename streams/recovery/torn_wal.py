"""Detects a damaged page in the middle of an SQLite write-ahead log, after which SQLite silently drops the rest.

What came last and is cut off whole, or a write-ahead log that is gone, looks like one that never was longer.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from streams.clock import from_us
from streams.faults import kill_point

__all__ = ["torn"]

_HEADER_BYTES, _FRAME_BYTES = 32, 24
_DATABASE_BYTES = 100  # of the header


def torn(path: Path, now_us: int) -> str:
    """Return in one line what SQLite will drop from the write-ahead log beside a database, "" for nothing.

    The write-ahead log is kept under another name then, since SQLite deletes it. Nobody else may have it open.
    """
    wal = path.with_name(path.name + "-wal")
    if not wal.exists() or _is_cut(path) or not (last := _last_commit(wal)):
        return ""
    aside = path.with_name(f"{path.stem}.damaged-{from_us(now_us):%Y%m%dT%H%M%S%fZ}{path.suffix}-wal")
    try:
        with kill_point("log.aside"):
            os.link(wal, aside)
    except OSError:  # a file system without links: nothing is looked for
        return ""
    try:
        read = _read(path)
    except sqlite3.Error:  # told by whoever looks at the database
        read = last
    if last <= read:
        aside.unlink()
        return ""
    return (
        f"{wal.name} was damaged: of its {last:,} pages {last - read:,} cannot be read, and what was answered with 202 last"
        f" may be lost: have it sent again; the damaged file is kept as {aside.name}"
    )


def _last_commit(wal: Path) -> int:
    """Return the number of the last page that ends a transaction of this log, 0 for none."""
    size, last = wal.stat().st_size, 0
    with wal.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        page, salt = int.from_bytes(header[8:12], "big"), header[16:24]
        if len(header) < _HEADER_BYTES or not page:
            return 0
        for number in range(1, (size - _HEADER_BYTES) // (page + _FRAME_BYTES) + 1):
            file.seek(_HEADER_BYTES + (number - 1) * (page + _FRAME_BYTES))
            frame = file.read(_FRAME_BYTES)
            if frame[8:16] == salt and any(frame[4:8]):
                last = number
    return last


def _read(path: Path) -> int:
    """Have SQLite move what it can read of a write-ahead log into the database, as the next opening would; return the pages."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return int(db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])


def _is_cut(path: Path) -> bool:
    """Whether a database is shorter than it says, or not there: then it is not to be written to."""
    if not path.exists():
        return True
    with path.open("rb") as file:
        header = file.read(_DATABASE_BYTES)
    page, count = int.from_bytes(header[16:18], "big"), int.from_bytes(header[28:32], "big")
    return len(header) < _DATABASE_BYTES or path.stat().st_size < (65_536 if page == 1 else page) * count
