"""Salvages a cut or damaged log: sets it aside, and copies the readable frames into a new one.

The new log is made beside the old one and takes its place by a rename, so a crash at any moment leaves one or the other.
Nothing is deleted: the damaged file stays in the directory, under a name that says when it was set aside.
"""

import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from streams.clock import from_us
from streams.faults import kill_point
from streams.log.frame import FrameError, decode
from streams.log.local import SCHEMA, LogError
from streams.process.disk import sync

__all__ = ["check", "salvage", "set_aside"]

_HEADER_BYTES = 100  # of an SQLite file
_CHECKED_BYTES = 256 * 2**20  # of a log that is looked through whole when it is opened
_LARGEST_BYTES = 2**40  # of a log; a header that tells more is damaged too
_MOST_OFFSETS = 1_000_000  # that are asked for one by one
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """The readable part of a damaged log: `last` is the highest offset it gave out, 0 where that cannot be read."""

    frames: int
    committed: int
    last: int


def salvage(path: Path, now_us: int) -> str:
    """Make a damaged log usable; return what was wrong and what was saved, in one line, "" where nothing was.

    A frame that cannot be read whole is left in the damaged file. The caller must see to it that the new log gives out no
    offset that the tables know.

    Raises
    ------
    LogError
        There is no room for a new log, or the file cannot be read at all for another reason than damage.
    """
    fresh = path.with_suffix(".salvaged")
    if fresh.exists():  # a salvage was killed before its rename
        _replace(path, fresh, now_us)
    if not path.exists() or not (why := _damage(path)):
        return ""
    try:
        found = _rescue(path, fresh)
        aside = _replace(path, fresh, now_us)
    except (sqlite3.Error, OSError) as error:
        raise LogError(f"the log is damaged ({why}) and no new one can be made: {error}") from error
    lost = max(found.last - found.committed - found.frames, 0)
    return (
        f"the log was damaged ({why}): {found.frames:,} frames that waited in it were read,"
        f" {f'at least {lost:,} are lost' if lost else 'how many are lost cannot be told'};"
        f" the damaged file is kept as {aside.name}"
    )


def check(path: Path) -> None:
    """Raise LogError where a log is lost or damaged whose tables are there: only they show from which offset it goes on."""
    known = path.with_name("clickhouse").exists()
    if known and (why := "it is gone" if not path.exists() else _damage(path)):
        raise LogError(
            f"the log cannot be used ({why}): run journey verify on this directory first, which mends it"
        )


def _damage(path: Path) -> str:
    """Return what is wrong with a file, "" for nothing."""
    size = path.stat().st_size
    if size < _HEADER_BYTES:
        wal = _beside(path, "-wal")
        return f"it has {size} bytes" if size or (wal.exists() and wal.stat().st_size) else ""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if size > _CHECKED_BYTES:
                return ""
            (told,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # locked, no right to read, a full disk
            raise LogError(f"the log cannot be opened: {error}") from error
        return str(error)
    return "" if told == "ok" else str(told).splitlines()[-1]


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _rescue(path: Path, fresh: Path) -> _Found:
    """Fill a new log with the frames of a copy of the damaged one; it has its name when it is whole and synced."""
    copy, draft = path.with_suffix(".copy"), path.with_suffix(".draft")
    for old in (copy, _beside(copy, "-wal"), _beside(copy, "-shm"), draft, _beside(draft, "-journal")):
        old.unlink(missing_ok=True)
    shutil.copyfile(path, copy)
    if _beside(path, "-wal").exists():
        shutil.copyfile(_beside(path, "-wal"), _beside(copy, "-wal"))
    _extend(copy)
    with closing(sqlite3.connect(draft, isolation_level=None)) as new:
        found = _fill(new, copy)
    for old in (copy, _beside(copy, "-wal"), _beside(copy, "-shm")):
        old.unlink(missing_ok=True)
    sync(draft)
    with kill_point("log.salvage"):
        draft.rename(fresh)
    sync(path.parent)
    return found


def _extend(copy: Path) -> None:
    """Extend a copy that was cut to the length in its header, so that SQLite reads the pages that are there.

    Of a file without a header, the first page may be in the write-ahead log.
    """
    wal = _beside(copy, "-wal")
    with copy.open("r+b") as file:
        header = file.read(_HEADER_BYTES)
        if len(header) == _HEADER_BYTES and header.startswith(b"SQLite format 3\0"):
            page = int.from_bytes(header[16:18], "big")
            whole = (65_536 if page == 1 else page) * int.from_bytes(header[28:32], "big")
        else:
            whole = int.from_bytes(wal.read_bytes()[8:12], "big") if wal.exists() else 0
        if copy.stat().st_size < whole <= _LARGEST_BYTES:
            file.truncate(whole)


def _fill(new: sqlite3.Connection, copy: Path) -> _Found:
    with closing(sqlite3.connect(copy, isolation_level=None)) as old, kill_point("log.salvage"):
        last = _number(old, "SELECT seq FROM sqlite_sequence WHERE name = 'frames'")
        committed = _number(old, "SELECT offset FROM committed")
        frames, first, highest = 0, 0, last
        new.execute("PRAGMA page_size = 65536")
        new.executescript(SCHEMA)
        new.execute("BEGIN")
        for offset, frame in _frames(old, committed, last):
            new.execute("INSERT INTO frames (offset, frame) VALUES (?, ?)", (offset, frame))
            frames, first, highest = frames + 1, first or offset, max(highest, offset)
        committed = committed or max(first - 1, 0)
        new.execute("DELETE FROM sqlite_sequence")
        new.execute("INSERT INTO sqlite_sequence VALUES ('frames', ?)", (highest,))
        new.execute("UPDATE committed SET offset = ?", (committed,))
        new.execute("COMMIT")
    return _Found(frames, committed, highest)


def _number(old: sqlite3.Connection, query: str) -> int:
    try:
        row = old.execute(query).fetchone()
        return int(row[0]) if row and 0 <= int(row[0]) < 2**62 else 0
    except (sqlite3.DatabaseError, ValueError, TypeError):
        return 0


def _frames(old: sqlite3.Connection, committed: int, last: int) -> Iterator[tuple[int, bytes]]:
    """Yield the frames that can be read whole, by offset; over a page that cannot, each offset is asked for."""
    offset: int | None = committed
    while offset is not None and offset - committed < _MOST_OFFSETS:
        offset = _next(old, offset, last)
        if offset is not None and (frame := _frame(old, offset)):
            yield offset, frame


def _next(old: sqlite3.Connection, offset: int, last: int) -> int | None:
    """Return the next offset that is there, or that may be: in a damaged tree SQLite may come to one that is no later."""
    try:
        (found,) = old.execute("SELECT min(offset) FROM frames WHERE offset > ?", (offset,)).fetchone()
        if found is None or found > offset:
            return int(found) if found is not None else None
    except sqlite3.DatabaseError:
        pass
    return offset + 1 if offset < last else None


def _frame(old: sqlite3.Connection, offset: int) -> bytes:
    try:
        row = old.execute("SELECT offset, frame FROM frames WHERE offset = ?", (offset,)).fetchone()
        if row and row[0] == offset:
            decode(bytes(row[1]))  # its checksum
            return bytes(row[1])
    except (sqlite3.DatabaseError, FrameError, TypeError):
        pass
    return b""


def _replace(path: Path, fresh: Path, now_us: int) -> Path:
    """Put the damaged log aside and the new one in its place; return where the damaged one is.

    A write-ahead log would be mistaken for the new one's: it goes first, when both are kept under other names.
    """
    aside = path.with_name(f"{path.stem}.damaged-{from_us(now_us):%Y%m%dT%H%M%S%fZ}{path.suffix}")
    with kill_point("log.replace"):
        for suffix in ("", "-wal"):
            if (old := _beside(path, suffix)).exists():
                _kept(old, _beside(aside, suffix))
        for suffix in ("-wal", "-shm"):
            _beside(path, suffix).unlink(missing_ok=True)
        fresh.rename(path)
        sync(path.parent)
    return aside


def _kept(old: Path, aside: Path) -> None:
    try:
        os.link(old, aside)
    except OSError:  # a file system without links
        shutil.copy2(old, aside)


def set_aside(path: Path, offset: int, frame: bytes) -> None:
    """Keep a frame that cannot be read beside the log, and say so."""
    aside = path.with_name(f"{path.stem}.damaged-frame-{offset}")
    with kill_point("log.aside"):
        aside.write_bytes(frame)
    _log.error("frame %d of the log is damaged and its events are lost; it is kept as %s", offset, aside.name)
