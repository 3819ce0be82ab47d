"""The key of an event: an event is the same event when source, id and primary handle are the same."""

from collections.abc import Iterable
from hashlib import blake2b

__all__ = ["Keys"]

_REMEMBERED = 10_000  # sources whose hash is kept at hand; then all are forgotten and learnt anew


class Keys:
    """Keys of 16 bytes: a hash of source, id and primary handle; what they share with the source is hashed once."""

    def __init__(self) -> None:
        self._sources: dict[str, blake2b] = {}

    def keys(self, events: Iterable[tuple[str, str, bytes]]) -> bytes:
        """Return, end to end, the keys of events by source, id, and primary handle as decimal text."""
        known, keys = self._sources, []
        for source, name, primary in events:
            key = (known.get(source) or self._learn(source)).copy()
            key.update(b"%b\0%b" % (name.encode(), primary))
            keys.append(key.digest())
        return b"".join(keys)

    def _learn(self, source: str) -> blake2b:
        if len(self._sources) >= _REMEMBERED:
            self._sources.clear()
        # A source that holds the separator says how long it is, so that no two events run together.
        text = f"\0{len(source)}\0{source}" if "\0" in source else f"{source}\0"
        known = self._sources[source] = blake2b(text.encode(), digest_size=16)
        return known
