"""Notes in a data directory when and where it was last backed up."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from streams.backup.backup import Done
from streams.faults import kill_point
from streams.process.private_files import private_file

__all__ = ["LastBackup", "last", "note"]

_NAME = "backup"


@dataclass(frozen=True, slots=True)
class LastBackup:
    """The last backup: the instant that it is of, where it was written, and its size."""

    at: datetime
    path: str
    bytes: int


def note(data: Path, done: Done) -> None:
    """Note a backup in the directory that it is of."""
    path = data / _NAME
    draft = path.with_suffix(".draft")
    private_file(draft)
    told = {"at": done.manifest.at, "path": str(done.path), "bytes": done.manifest.bytes}
    with kill_point("backup.note"):
        draft.write_text(json.dumps(told), encoding="utf-8")
        draft.rename(path)


def last(data: Path) -> LastBackup | None:
    """Return the last backup of a directory, None where none is known."""
    try:
        found = json.loads((data / _NAME).read_text(encoding="utf-8"))
        return LastBackup(datetime.fromisoformat(found["at"]), str(found["path"]), int(found["bytes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
