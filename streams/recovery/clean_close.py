"""Detects whether the files of a data directory are unchanged since it was closed with its tables whole.

To count what tables have lost is to scan all of history. Where a directory was closed in order, and no file has another size
or time since, nothing was lost since. Sizes and times of some thousand files are read in milliseconds.
"""

import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

from streams.faults import kill_point
from streams.process.private_files import private_file

__all__ = ["CleanCloseMark", "state_of"]

_PASSING = ("status", "tmp")
_MARK = "whole"  # the file with the state in which the directory was left


def state_of(data: Path) -> str:
    """Return a digest of names, sizes and times of the files of tables and log; while somebody writes, like no other."""
    state = blake2b(digest_size=16)
    for line in sorted(_files(data)):
        state.update(line)
    return state.hexdigest()


class CleanCloseMark:
    """The note in a data directory of how its files were when it was closed with its tables whole.

    Opening deletes the mark, so that only a close in order leaves one.

    Attributes
    ----------
    holds
        Whether the tables are known to be whole.
    """

    def __init__(self, data: Path) -> None:
        self._data, self._path = data, data / _MARK
        self._doubted = ""
        self.holds = self._taken()

    def _taken(self) -> bool:
        try:
            marked = self._path.read_text(encoding="ascii", errors="replace")
            self._path.unlink()
        except OSError:
            return False
        return marked == state_of(self._data)

    def doubt(self) -> None:
        """Leave no mark unless the files stay as they are now."""
        self._doubted = state_of(self._data)

    def leave(self) -> None:
        """Note the state of the files, if the tables are whole; nobody may be writing."""
        if not self.holds:
            return
        state = state_of(self._data)
        if self._doubted in {"", state}:
            with kill_point("whole.mark"):
                private_file(self._path)
                self._path.write_text(state, encoding="ascii")


def _files(data: Path) -> Iterator[bytes]:
    root = len(str(data))
    folders = [str(data / "clickhouse")]
    try:
        while folders:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.name in _PASSING or entry.name.startswith("tmp_"):
                        continue  # the engine's while it runs
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        yield _line(entry.path[root:], entry.stat(follow_symlinks=False))
        for path in (data / "log.sqlite", data / "log.sqlite-wal"):
            if path.exists() and (stat := path.stat()).st_size:
                yield _line(path.name, stat)
    except FileNotFoundError:  # the engine is at work on it: like no other state
        yield os.urandom(16)


def _line(path: str, stat: os.stat_result) -> bytes:
    return f"{path} {stat.st_size} {stat.st_mtime_ns}\n".encode(errors="surrogateescape")
