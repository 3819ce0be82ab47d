"""Rotates the handle key of a data directory without losing identities."""

from functools import partial

from journey.identity.handle_key import HandleKey
from streams.embedded.embedded import Embedded
from streams.handles.key_file import promote, successor
from streams.handles.readable_key_file import kept
from streams.handles.rekey import RekeyError, next_key, rekey

__all__ = ["rotate"]


def rotate(embedded: Embedded, given: bytes | None = None) -> str:
    """Activate a successor of the key; return its fingerprint. Killed anywhere, it can be given again.

    Parameters
    ----------
    given
        The key with its successor; else JOURNEY_HANDLE_KEY has them, or the successor is made here.

    Raises
    ------
    RekeyError
        The successor cannot be activated.
    """
    if embedded.rotated:
        done, embedded.rotated = embedded.rotated, ""
        return done
    if not embedded.log_is_ours:
        raise RekeyError("not now: journey collector hashes with the key in force, stop it first")
    given = given or embedded.settings.handle_key
    old = embedded.key
    key = (
        next_key(given, old) if given else HandleKey(successor(embedded.settings.data), separate=old.separate)
    )
    embedded.drain()
    rekey(embedded.store, key, embedded.clock(), readable=partial(kept, embedded.settings))
    embedded.use_key(key)
    if not given:
        promote(embedded.settings.data, key.fingerprint)
    embedded.log.scrub()
    return key.fingerprint
