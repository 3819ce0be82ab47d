"""Copies files onto the disk with their digests, and lists the files of a tree."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from streams.backup.image import BackupError
from streams.backup.manifest import Entry
from streams.faults import kill_point
from streams.process.disk import sync

__all__ = ["copied", "digest", "files", "synced_folders"]

_PIECE_BYTES = 2**20


def copied(source: Path, target: Path) -> Entry:
    """Copy a file for its owner alone, onto the disk; return its size and digest as they were read."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    found, size = hashlib.sha256(), 0
    opener = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with kill_point("backup.copy"), source.open("rb") as old, os.fdopen(opener, "wb") as new:
        while piece := old.read(_PIECE_BYTES):
            found.update(piece)
            new.write(piece)
            size += len(piece)
        new.flush()
        os.fsync(new.fileno())
    return Entry(size, found.hexdigest())


def digest(path: Path) -> str:
    """Return the digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files(root: Path) -> Iterator[Path]:
    """Yield the files below a folder, sorted. Raises BackupError where one is neither a file nor a folder."""
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in (*folders, *names):
            path = Path(folder, name)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise BackupError(f"{path} is no file of a backup")
        yield from (Path(folder, name) for name in sorted(names))


def synced_folders(root: Path) -> None:
    """Have the names in all folders of a tree reach the disk."""
    for folder, _, _ in os.walk(root):
        sync(Path(folder))
