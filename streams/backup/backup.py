"""Writes a backup from an image: whole or not at all, and from the last backup what has not changed since."""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage, rmtree

from streams.backup.copies import copied, digest, files, synced_folders
from streams.backup.image import KEY_FILES, BackupError, Image
from streams.backup.manifest import FILES, MANIFEST, Entry, Manifest, read, write
from streams.clock import from_us
from streams.faults import kill_point
from streams.log.local import waiting
from streams.process.disk import sync

__all__ = ["Done", "Prepared", "Progress", "prepared", "written"]

Progress = Callable[[int, int], None]
"""Called with the bytes that are done, and all of them."""

_DRAFT = ".unfinished"  # of the name of a backup that is being written
# A table's part names the digests of its larger files in this one, which is written once, with the part.
_CHECKSUMS = "checksums.txt"
_READ_ANEW = frozenset({".txt", ".json"})  # of a part, what its checksums do not cover


@dataclass(frozen=True, slots=True)
class Done:
    """A backup that was written, and how many bytes of it were copied rather than linked to the last one."""

    path: Path
    manifest: Manifest
    copied_bytes: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """Where a backup is to be written, and the last one."""

    path: Path
    draft: Path
    last: Path | None
    since: Manifest | None


def prepared(target: Path, since: Path | None) -> Prepared:
    """Check where a backup is to go, before anything is done for it.

    Raises
    ------
    BackupError
        Something is there already, its folder is missing, or the last one is not whole.
    """
    target = target.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BackupError(f"{target} is there already: a backup needs a directory of its own")
    if not target.parent.is_dir():
        raise BackupError(f"there is no directory {target.parent}: make it first")
    draft = target.with_name(target.name + _DRAFT)
    if since is None:
        return Prepared(target, draft, None, None)
    return Prepared(target, draft, since.absolute() / FILES, read(since.absolute()))


def written(image: Image, where: Prepared, version: str, tell: Progress) -> Done:
    """Write a backup from an image. Raises BackupError where there is no room for it."""
    root = Path(image.path)
    paths = list(files(root))
    total = sum(path.stat().st_size for path in paths)
    _refuse_little_room(where, total)
    with _draft(where):
        entries, fresh = _entries(root, paths, total, where, tell)
        manifest = Manifest(
            version=version,
            at=from_us(image.at_us).isoformat(),
            key=image.key,
            has_key=KEY_FILES[0] in entries,
            since=where.since.at if where.since else "",
            rows=image.rows,
            frames_waiting=waiting(root / "log.sqlite")[0],
            files=entries,
        )
        synced_folders(where.draft)
        write(manifest, where.draft)
        with kill_point("backup.rename"):
            where.draft.rename(where.path)
        sync(where.path.parent)
    return Done(where.path, manifest, fresh)


def _refuse_little_room(where: Prepared, total: int) -> None:
    needed = total - (where.since.bytes if where.since else 0)
    if needed > (free := disk_usage(where.path.parent).free):
        raise BackupError(
            f"{where.path.parent} has {free:,} bytes free, and the backup needs up to {needed:,}"
        )


@contextmanager
def _draft(where: Prepared) -> Iterator[None]:
    """Make the folder of a draft in the place of one that a command which was killed has left; delete it on errors."""
    if where.draft.exists():
        if {path.name for path in where.draft.iterdir()} - {FILES, MANIFEST}:
            raise BackupError(f"{where.draft} is there already, and is no draft of a backup")
        with _alone(where.draft), kill_point("backup.clear"):
            rmtree(where.draft)
    with kill_point("backup.copy"):
        (where.draft / FILES).mkdir(mode=0o700, parents=True)
    try:
        with _alone(where.draft):
            yield
    except BaseException:
        rmtree(where.draft, ignore_errors=True)
        raise


@contextmanager
def _alone(draft: Path) -> Iterator[None]:
    """Keep other commands from a draft meanwhile. Raises BackupError where one is at it."""
    handle = os.open(draft, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BackupError(f"another command is writing {draft}") from None
    finally:
        os.close(handle)


def _entries(
    root: Path, paths: Sequence[Path], total: int, where: Prepared, tell: Progress
) -> tuple[dict[str, Entry], int]:
    """Copy the files of an image, or link those that the last backup has; return them, and the bytes that were copied."""
    done = fresh = 0
    known = _Known(where, root)
    entries: dict[str, Entry] = {}
    for path in paths:
        name = path.relative_to(root).as_posix()
        target = where.draft / FILES / name
        entry = known.linked(path, name, target)
        if entry is None:
            entry = copied(path, target)
            fresh += entry.bytes
        entries[name] = entry
        done += entry.bytes
        tell(done, total)
    return entries, fresh


class _Known:
    """The files of the last backup that are the same now."""

    def __init__(self, where: Prepared, root: Path) -> None:
        self._last, self._root = where.last, root
        self._files: Mapping[str, Entry] = where.since.files if where.since else {}
        self._parts: dict[Path, bool] = {}

    def linked(self, path: Path, name: str, target: Path) -> Entry | None:
        """Link a file of the last backup into this one; return it, or None where it is to be copied."""
        entry = self._files.get(name)
        if (
            self._last is None
            or entry is None
            or path.suffix in _READ_ANEW
            or not self._same_part(path.parent)
        ):
            return None
        old = self._last / name
        try:
            if old.is_symlink() or not old.stat().st_size == path.stat().st_size == entry.bytes:
                return None
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with kill_point("backup.copy"):
                os.link(old, target)
        except OSError:  # it is gone, or on another file system
            return None
        return entry

    def _same_part(self, folder: Path) -> bool:
        """Whether the last backup has the same part of a table: by the digests that the part was written with."""
        if folder not in self._parts:
            sums = folder / _CHECKSUMS
            entry = self._files.get(sums.relative_to(self._root).as_posix())
            self._parts[folder] = entry is not None and sums.exists() and digest(sums) == entry.sha256
        return self._parts[folder]
