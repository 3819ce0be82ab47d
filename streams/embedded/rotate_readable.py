"""Rotates the key of readable handles in a data directory: every value is encrypted again, under a successor."""

from collections.abc import Callable

from streams.edge.readable import ReadableError
from streams.embedded.embedded import Embedded
from streams.handles.readable_key_file import kept, with_successor
from streams.handles.readable_rows import reencrypted, unknown_keys

__all__ = ["rotate_readable"]


def rotate_readable(embedded: Embedded, use: Callable[[Embedded], None] = lambda _: None) -> tuple[str, int]:
    """Return the fingerprint of the key that encrypts from now on, and how many values it took over. Killed anywhere, it can be given again.

    Parameters
    ----------
    use
        Called once the successor is there, for what packs events in this process.

    Raises
    ------
    ReadableError
        The key in the settings has no successor, another process encrypts with the one in force, or a value is under a key
        that is not there.
    """
    settings = embedded.settings
    if not embedded.log_is_ours:
        raise ReadableError("not now: journey collector encrypts with the key in force, stop it first")
    if settings.readable_key is None:
        key = with_successor(settings.data, unknown_keys(embedded.store, ()))
    elif len((key := kept(settings)).fingerprints) == 1:
        raise ReadableError(
            "JOURNEY_READABLE_KEY has no successor: put one behind it, with a space between (openssl rand -hex 32), and give the"
            " command again"
        )
    use(embedded)
    embedded.drain()
    return key.fingerprint, reencrypted(embedded.store, key)
