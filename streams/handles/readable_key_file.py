"""Finds the key of readable handles: in the settings, or in a file of the data directory, which is made on first use."""

import os
import secrets
from collections.abc import Collection
from pathlib import Path

from journey.identity.handle_key import KEY_BYTES
from streams.edge.readable import ReadableError, ReadableKey, Sealing
from streams.faults import kill_point
from streams.handles.key_file import KeyLostError, write_text
from streams.process.disk import sync
from streams.process.private_files import private_file
from streams.settings import Settings, SettingsError, parse_key

__all__ = ["NAME", "directory_key", "has_key", "kept", "sealing_of", "with_successor"]

NAME = "readable.key"
_NEW = ".made"  # behind the name of a file whose key nobody uses yet


def sealing_of(settings: Settings, data: Path | None = None) -> Sealing | None:
    """Return what an edge encrypts, None where no brand keeps anything readable.

    Parameters
    ----------
    data
        The data directory, which has the key where the settings have none; None for a server and Kafka.

    Raises
    ------
    KeyLostError
        The file of the key cannot be used.
    SettingsError
        The data are on a server, and no key is set.
    """
    if not settings.readable:
        return None
    key = _set_key(settings)
    if key is None:
        if data is None:
            raise SettingsError(
                "JOURNEY_READABLE names kinds of handle, and JOURNEY_READABLE_KEY is not set: 64 hex digits, the same wherever"
                " events come in and readable handles are read (openssl rand -hex 32)"
            )
        key = directory_key(data, make=True)
    return Sealing(settings.readable, key)


def has_key(settings: Settings) -> bool:
    """Return whether there is a key."""
    return settings.readable_key is not None or (not settings.store and (settings.data / NAME).exists())


def kept(settings: Settings) -> ReadableKey:
    """Return the key with which readable handles are read.

    Raises
    ------
    ReadableError
        There is none.
    """
    if not has_key(settings):
        where = "" if settings.store else f", and there is no {settings.data / NAME}"
        raise ReadableError(
            f"JOURNEY_READABLE_KEY is not set{where}: readable handles are given to who has their key; bring it back, or"
            " give journey readable drop --lost"
        )
    return _set_key(settings) or directory_key(settings.data, make=False)


def _set_key(settings: Settings) -> ReadableKey | None:
    """Return the key of the settings, None where they have none."""
    return None if settings.readable_key is None else ReadableKey(settings.readable_key)


def directory_key(data: Path, *, make: bool) -> ReadableKey:
    """Return the key of a data directory; two processes that make it at once have the same. Raises KeyLostError."""
    path = data / NAME
    if make and not path.exists():
        _make(path)
    try:
        return ReadableKey(parse_key(path.read_text(encoding="ascii", errors="replace")))
    except OSError as error:
        raise KeyLostError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise KeyLostError(f"{path} is damaged: it {error}; restore it from a backup") from None


def _make(path: Path) -> None:
    """Make a key, unless another process has by then."""
    draft = path.with_name(f"{path.name}{_NEW}.{os.getpid()}")
    private_file(draft)
    with draft.open("w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        with kill_point("key.write"):
            os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    sync(path.parent)


def with_successor(data: Path, in_use: Collection[str]) -> ReadableKey:
    """Return the key of a data directory with a successor, which encrypts from now on.

    The one before it stays in the file until the next rotation: what was packed under it may come yet, or be in a backup.
    Where rows are still under one that has a successor already (`in_use`, by fingerprint), no other is made.
    """
    key = directory_key(data, make=True)
    if any(one in in_use for one in key.fingerprints[:-1]):
        return key
    secret = key.secret[-KEY_BYTES:] + secrets.token_bytes(KEY_BYTES)
    _write(data, secret)
    return ReadableKey(secret)


def _write(data: Path, secret: bytes) -> None:
    parts = (secret[at : at + KEY_BYTES].hex() for at in range(0, len(secret), KEY_BYTES))
    write_text(data / NAME, " ".join(parts))
