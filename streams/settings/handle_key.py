"""Reads the handle key from the environment, or from a file such as a mounted secret."""

import logging
import stat
from pathlib import Path

from journey.identity.handle_key import KEY_BYTES
from streams import environment
from streams.environment import SettingsError

__all__ = ["handle_key", "parse_key", "parsed_key", "secret_file"]

_log = logging.getLogger(__name__)


def parse_key(text: str) -> bytes:
    """Parse a key and its successors, in their order, each of 64 hex digits, with white space between them.

    Raises
    ------
    ValueError
        It is anything else.
    """
    try:
        keys = [bytes.fromhex(part) for part in text.split()]
    except ValueError:  # its words are Python's
        keys = []
    if not keys or any(len(key) != KEY_BYTES for key in keys) or len(set(keys)) < len(keys):
        raise ValueError(f"must be {2 * KEY_BYTES} hex digits, or several such keys, none twice")
    return b"".join(keys)


def handle_key() -> bytes | None:
    """Return the key that the environment, or a file that it names, says; None where it says none. Raises SettingsError."""
    text, path = environment.text("JOURNEY_HANDLE_KEY"), environment.path("JOURNEY_HANDLE_KEY_FILE")
    if path is None:
        return parsed_key("JOURNEY_HANDLE_KEY", text)
    if text:
        raise SettingsError("JOURNEY_HANDLE_KEY and JOURNEY_HANDLE_KEY_FILE: set one of them, not both")
    return parsed_key(
        f"JOURNEY_HANDLE_KEY_FILE = {str(path)!r}", secret_file("JOURNEY_HANDLE_KEY_FILE", path) or "empty"
    )


def secret_file(variable: str, path: Path) -> str:
    """Return what a file of a secret has, without white space around it; warn where others may read it."""
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
        mode = path.stat().st_mode
    except OSError as error:
        raise SettingsError(f"{variable} = {str(path)!r}: cannot be read: {error.strerror}") from error
    if mode & stat.S_IRWXO:
        _log.warning("%s = %s can be read by every user of this machine: chmod 0400", variable, path)
    return text


def parsed_key(variable: str, text: str) -> bytes | None:
    """Return the key that a variable has, None where it is empty. Raises SettingsError."""
    if not text:
        return None
    try:
        return parse_key(text)
    except ValueError:
        raise SettingsError(
            f"{variable}: must be {2 * KEY_BYTES} hex digits (and, with spaces between, its successors), has"
            f" {len(text)} characters"
        ) from None
