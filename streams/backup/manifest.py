"""Reads and writes the manifest of a backup: every file with its size and digest, the instant, versions and counts.

A backup without its manifest is not whole: the manifest is written last.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from streams.backup.image import BackupError
from streams.faults import kill_point
from streams.process.disk import sync

__all__ = ["FILES", "MANIFEST", "Entry", "Manifest", "read", "write"]

MANIFEST, FILES = "manifest.json", "data"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a backup."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup consists of.

    Attributes
    ----------
    version
        Of the program that made it.
    at
        The instant that it is of, RFC 3339.
    key
        Fingerprint of the handle key.
    has_key
        Whether the key itself is in it.
    since
        The backup that it was made from, by the instant of that one; "" for none.
    rows
        Of each table.
    frames_waiting
        In the log, that no table has yet.
    """

    version: str
    at: str
    key: str
    has_key: bool
    since: str
    rows: Mapping[str, int]
    frames_waiting: int
    files: Mapping[str, Entry]

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(entry.bytes for entry in self.files.values())


def write(manifest: Manifest, folder: Path) -> None:
    """Write a manifest into the folder of its backup, onto the disk, for its owner alone."""
    body = asdict(manifest)
    text = json.dumps({"format": _FORMAT, "digest": _digest(body)} | body, indent=1)
    path = folder / MANIFEST
    with (
        kill_point("backup.manifest"),
        open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file,  # noqa: PTH123 - with its mode
    ):
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    sync(folder)


def read(folder: Path) -> Manifest:
    """Read the manifest of a backup.

    Raises
    ------
    BackupError
        There is none, or it is not as it was written.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise BackupError(
            f"{folder} is no whole backup: it has no {MANIFEST}, which is written last; make another backup, or give another"
        )
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        form, digest = found.pop("format"), found.pop("digest")
        if form != _FORMAT:
            raise BackupError(
                f"{path} has format {form}, and this program reads {_FORMAT}: use a newer program"
            )
        if digest != _digest(found):
            raise BackupError(f"{path} is not as it was written: its digest differs")
        files = {str(name): Entry(**entry) for name, entry in found.pop("files").items()}
        manifest = Manifest(**found, files=files)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupError(f"{path} is damaged: {error}") from error
    if wrong := [name for name in files if not _is_inside(name)]:
        raise BackupError(f"{path} names a file outside of the backup: {wrong[0]}")
    return manifest


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in name and bool(path.parts)
