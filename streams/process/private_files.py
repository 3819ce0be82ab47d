"""Creates files and directories that only their owner can access, whatever the umask: the key lies beside the data."""

import logging
import os
import stat
from pathlib import Path

__all__ = ["private_directory", "private_file"]

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OURS = ("log.sqlite", "handle.key", "lock")  # a directory with one of these is a data directory
# SQLite gives its companions the rights of the file.
_FILES = (
    "log.sqlite",
    "keys.sqlite",
    "handle.key",
    "handle.key.next",
    "handle.key.draft",
    "readable.key",
    "readable.draft",
    "brands",
    "rules",
    "model",
    "lock",
    "log.lock",
    "journey.sock",
    "whole",
    "backup",
    "restore.unfinished",
    "restored",
)
_COMPANIONS = ("", "-wal", "-shm", "-journal")
_log = logging.getLogger(__name__)


def private_directory(path: Path) -> None:
    """Make a data directory that only its owner can enter; take others' rights from one that is there.

    Where the directory is another user's (a mounted volume), or holds other files already (a home directory), it stays as
    it is with a warning, and our own files and directories in it are closed.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & _OTHERS:
        names = {each.name for each in path.iterdir()}
        if not names or names.intersection(_OURS):
            _close(path, "data directory")
        else:
            _log.warning("%s can be read by others: it holds other files, and is left as it is", path)
    for name in _FILES:
        for companion in _COMPANIONS:
            if (file := path / f"{name}{companion}").exists():
                _close(file, "file")
    if (path / "clickhouse").exists():
        _close(path / "clickhouse", "directory")


def private_file(path: Path) -> None:
    """Make an empty file that only its owner can read, unless it is there. SQLite takes it for a new one."""
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def _close(path: Path, what: str) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & _OTHERS:
        return
    try:
        path.chmod(mode & ~_OTHERS)
    except PermissionError:
        _log.warning("%s %s can be used by others (%o), and is not ours to close", what, path, mode)
        return
    _log.warning("%s %s was open to others (%o): it is for its owner alone now", what, path, mode)
