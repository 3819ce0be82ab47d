"""Restores a backup into an empty directory, after every file was compared with the manifest."""

from pathlib import Path
from shutil import disk_usage, rmtree

from streams.backup.backup import Progress
from streams.backup.copies import copied, digest, files, synced_folders
from streams.backup.image import BackupError
from streams.backup.manifest import FILES, Entry, Manifest, read
from streams.faults import kill_point
from streams.process.disk import sync
from streams.process.private_files import private_file

__all__ = ["RESTORED", "UNFINISHED", "checked", "refuse_full", "restored"]

UNFINISHED = "restore.unfinished"
RESTORED = "restored"  # stays until the directory is opened: what was numbered after the backup is not in it
_KEPT = frozenset(
    {"lock", "lost+found"}
)  # what an empty directory may have: the lock is taken before the mark is made


def checked(backup: Path, tell: Progress) -> Manifest:
    """Compare every file of a backup with its manifest, and return that.

    Raises
    ------
    BackupError
        A file is missing, is another, or is not named in the manifest.
    """
    manifest = read(backup)
    root = backup / FILES
    found = {path.relative_to(root).as_posix(): path for path in files(root)}
    if lost := sorted(manifest.files.keys() - found.keys()):
        raise BackupError(f"{backup} is not whole: {lost[0]} is missing{_more(lost)}")
    if more := sorted(found.keys() - manifest.files.keys()):
        raise BackupError(
            f"{backup} is not as it was written: its manifest does not name {more[0]}{_more(more)}"
        )
    done = 0
    for name, entry in manifest.files.items():
        if Entry(found[name].stat().st_size, digest(found[name])) != entry:
            raise BackupError(f"{backup} is damaged: {name} is not as it was written")
        done += entry.bytes
        tell(done, manifest.bytes)
    return manifest


def restored(backup: Path, data: Path, manifest: Manifest, tell: Progress) -> None:
    """Copy a backup into an empty directory, which nobody else has open; until all of it is there, nobody opens it.

    Raises
    ------
    BackupError
        A file changes meanwhile, or there is no room.
    """
    mark = data / UNFINISHED
    with kill_point("restore.begin"):
        private_file(mark)
        sync(data)
    _empty(data)
    free = disk_usage(data).free
    if manifest.bytes > free:
        raise BackupError(f"{data} has {free:,} bytes free, and the backup has {manifest.bytes:,}")
    with kill_point("restore.begin"):
        (data / "clickhouse").mkdir(mode=0o700)
    done = 0
    for name, entry in manifest.files.items():
        if copied(backup / FILES / name, data / name) != entry:
            raise BackupError(f"{backup} has changed meanwhile: {name} is not as it was written")
        done += entry.bytes
        tell(done, manifest.bytes)
    private_file(data / RESTORED)
    synced_folders(data)
    with kill_point("restore.finish"):
        mark.unlink()
    sync(data)


def refuse_full(data: Path) -> None:
    """Raise BackupError where there is anything in a directory, but what a restore that was interrupted has left."""
    if not data.exists() or (data.is_dir() and (data / UNFINISHED).exists()):
        return
    if not data.is_dir() or {path.name for path in data.iterdir()} - _KEPT:
        raise BackupError(f"{data} is not empty: a backup is restored into a new directory, or an empty one")


def _empty(data: Path) -> None:
    """Delete what a restore that was interrupted has left."""
    for path in data.iterdir():
        if path.name in _KEPT | {UNFINISHED}:
            continue
        with kill_point("restore.clear"):
            if path.is_dir() and not path.is_symlink():
                rmtree(path)
            else:
                path.unlink()


def _more(names: list[str]) -> str:
    return f", and {len(names) - 1:,} more" if len(names) > 1 else ""
