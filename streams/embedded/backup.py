"""Makes an image of an open data directory for a backup, and restores a backup into a new one."""

from contextlib import ExitStack
from pathlib import Path

from streams.backup.backup import Progress
from streams.backup.image import Image, made
from streams.backup.manifest import Manifest
from streams.backup.restore import refuse_full, restored
from streams.embedded.embedded import Embedded
from streams.embedded.lock import lock
from streams.handles import key as handle_keys
from streams.process.private_files import private_directory

__all__ = ["imaged", "restore"]


def imaged(embedded: Embedded, *, with_key: bool) -> Image:
    """Make an image of a directory, in the thread that has it open, between two batches."""
    key = handle_keys.in_force(embedded.store)
    return made(embedded.store, embedded.settings.data, embedded.clock(), key, with_key=with_key)


def restore(backup: Path, data: Path, manifest: Manifest, tell: Progress) -> None:
    """Restore a backup that was checked into a directory that is empty, or not there.

    Raises
    ------
    BackupError
        The directory is not empty, or the backup changes meanwhile.
    DirectoryInUseError
        Another process has it.
    """
    refuse_full(data)
    private_directory(data)
    with ExitStack() as stack:
        lock(data, stack, restores=True)
        refuse_full(data)
        restored(backup, data, manifest, tell)
