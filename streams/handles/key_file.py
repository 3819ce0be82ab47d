"""Keeps the handle key of a data directory in a file for its owner alone, and its successor until that is active."""

import os
import secrets
from pathlib import Path

from journey.identity.handle_key import KEY_BYTES, HandleKey
from streams.faults import kill_point
from streams.process.disk import sync
from streams.process.private_files import private_file
from streams.settings import BRANDS, SEPARATE, SHARED, SettingsError, parse_key

__all__ = ["KeyLostError", "brands_file", "keep_brands", "key_file", "promote", "successor", "write_text"]

_NAME, _NEXT, _BRANDS = "handle.key", "handle.key.next", "brands"


class KeyLostError(SettingsError):
    """An error of a data directory whose key is lost or damaged: commands that need no key still work."""


def key_file(data: Path, *, make: bool = True) -> bytes:
    """Return the key of this data directory; made on first use, where it may be.

    Raises
    ------
    KeyLostError
        It cannot be read, or is not there and is not to be made.
    """
    path = data / _NAME
    if not path.exists():
        if not make:
            raise KeyLostError(
                f"{path} is lost: without it nobody is recognised, and nothing can be taken; restore it from a backup;"
                " see the runbook, The key is lost, or known to others"
            )
        _write(path, secrets.token_bytes(KEY_BYTES))
    return _read(path)


def successor(data: Path) -> bytes:
    """Return the key with the successor that it is to have; made on first use, and kept until it is active."""
    path = data / _NEXT
    if not path.exists():
        _write(path, key_file(data) + secrets.token_bytes(KEY_BYTES))
    return _read(path)


def promote(data: Path, name: str) -> None:
    """Replace the key of the directory by its successor, if the active key has the successor's fingerprint."""
    path = data / _NEXT
    if path.exists() and name in _names(_read(path)):
        _renamed(path, data / _NAME)


def _names(key: bytes) -> set[str]:
    return {HandleKey(key, separate=separate).fingerprint for separate in (True, False)}


def brands_file(data: Path, brands: str = "") -> str:
    """Return the mode of JOURNEY_BRANDS that this data directory is in; for a new one it is written down.

    For one that has data and no mode on record, shared: it is of a program that knew no other. Of what the store
    says and what is asked for with `brands`, a new directory takes the latter, and is separate without.
    """
    path = data / _BRANDS
    if path.exists() and (found := path.read_text(encoding="ascii", errors="replace").strip()) in BRANDS:
        return found
    is_old = (data / "clickhouse").exists() or (data / "log.sqlite").exists()
    found = SHARED if is_old else brands or SEPARATE
    keep_brands(data, found)
    return found


def keep_brands(data: Path, brands: str) -> None:
    """Write down the mode of a data directory."""
    write_text(data / _BRANDS, brands)


def _write(path: Path, key: bytes) -> None:
    write_text(path, " ".join(key[at : at + KEY_BYTES].hex() for at in range(0, len(key), KEY_BYTES)))


def write_text(path: Path, text: str) -> None:
    """Write a small file for its owner alone, whole or not at all, onto the disk."""
    draft = path.with_suffix(".draft")
    private_file(draft)
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _renamed(draft, path)


def _renamed(draft: Path, path: Path) -> None:
    """Rename, and have it reach the disk: without its key a directory that outlived a power cut is of no use."""
    with kill_point("key.write"):
        draft.rename(path)
    sync(path.parent)


def _read(path: Path) -> bytes:
    try:
        return parse_key(path.read_text(encoding="ascii", errors="replace"))
    except OSError as error:
        raise KeyLostError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise KeyLostError(f"{path} is damaged: it {error}; restore it from a backup") from None
