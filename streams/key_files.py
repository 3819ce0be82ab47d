"""The key of a data directory, in a file that its owner alone may read; and its successor, until that is in force."""

import os
import secrets
from pathlib import Path

from journey.handle import KEY_BYTES, fingerprint
from streams.faults import boundary
from streams.settings import SettingsError, parse_key

__all__ = ["key_file", "promote", "successor"]

_NAME, _NEXT = "handle.key", "handle.key.next"


def key_file(data: Path) -> bytes:
    """Return the key of this data directory; made on first use."""
    path = data / _NAME
    if not path.exists():
        _write(path, secrets.token_bytes(KEY_BYTES))
    return _read(path)


def successor(data: Path) -> bytes:
    """Return the key with the successor that it is to have; made on first use, and known until it is in force."""
    path = data / _NEXT
    if not path.exists():
        _write(path, key_file(data) + secrets.token_bytes(KEY_BYTES))
    return _read(path)


def promote(data: Path, name: str) -> None:
    """Have the successor for the key of the directory, if the one in force has its fingerprint."""
    path = data / _NEXT
    if path.exists() and fingerprint(_read(path)) == name:
        _renamed(path, data / _NAME)


def _write(path: Path, key: bytes) -> None:
    keys = (key[at : at + KEY_BYTES].hex() for at in range(0, len(key), KEY_BYTES))
    draft = path.with_suffix(".draft")
    draft.touch(mode=0o600)
    with draft.open("w", encoding="ascii") as file:
        file.write(" ".join(keys))
        file.flush()
        os.fsync(file.fileno())
    _renamed(draft, path)


def _renamed(draft: Path, path: Path) -> None:
    """Rename, and have it reach the disk: without its key a directory that outlived a power cut is of no use."""
    with boundary("key.write"):
        draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> bytes:
    try:
        return parse_key(path.read_text(encoding="ascii", errors="replace"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"{path} is damaged: it {error}; restore it from a backup") from None
