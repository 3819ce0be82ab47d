"""Locks a data directory, so that one process at a time has its tables open.

The log has a lock of its own: `journey collector` appends to it without the tables, while commands open these.
"""

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path

from journey.errors import UserError
from streams.backup.image import BackupError
from streams.backup.restore import UNFINISHED
from streams.process.private_files import private_file

__all__ = ["DirectoryInUseError", "lock", "lock_log", "pid_of_log"]

_TABLES, _LOG = "lock", "log.lock"


class DirectoryInUseError(UserError, RuntimeError):
    """An error of a data directory that another process has open."""


def lock(data: Path, stack: ExitStack, *, restores: bool = False) -> None:
    """Keep other processes out of a data directory until the stack ends.

    Raises
    ------
    DirectoryInUseError
        Another process has it open.
    BackupError
        A restore into it has not finished, and this is to open it.
    """
    _lock(data, _TABLES, stack)
    if not restores and (data / UNFINISHED).exists():
        raise BackupError(
            f"{data} has half of a backup: journey restore was interrupted; give that command again"
        )


def lock_log(data: Path, stack: ExitStack) -> None:
    """Keep collectors of other processes out of the log until the stack ends. Raises DirectoryInUseError."""
    _lock(data, _LOG, stack)


def pid_of_log(data: Path) -> str:
    """Return the process that has locked the log last, "" for none."""
    try:
        return (data / _LOG).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _lock(data: Path, name: str, stack: ExitStack) -> None:
    private_file(data / name)
    file = stack.enter_context((data / name).open("a+", encoding="utf-8", errors="replace"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise DirectoryInUseError(
            f"{data} is in use by process {file.read().strip() or 'unknown'}; "
            "wait until it has finished, or give another directory with --data"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
