"""Computes the key of an event, by which repeats are found: a hash of source, id and primary handle."""

from collections.abc import Callable, Iterable
from hashlib import blake2b

__all__ = ["Keys"]

_REMEMBERED = 10_000  # sources in the cache; when it is full, it is cleared


class Keys:
    """A hasher of event keys, 16 bytes each: what events share with their source is hashed once."""

    def __init__(self) -> None:
        self._begun: dict[
            str, Callable[[], blake2b]
        ] = {}  # by source: gives a hash that has taken the source

    def keys(self, sources: Iterable[str], ids: Iterable[str], primaries: Iterable[bytes]) -> bytes:
        """Return, end to end, the keys of events by source, id, and `Handles.primary`."""
        begun, keys = self._begun, []
        for source, name, primary in zip(sources, ids, primaries, strict=True):
            key = (begun.get(source) or self._learn(source))()
            key.update(name.encode() + primary)
            keys.append(key.digest())
        return b"".join(keys)

    def _learn(self, source: str) -> Callable[[], blake2b]:
        if len(self._begun) >= _REMEMBERED:
            self._begun.clear()
        # A source that holds the separator says how long it is, so that no two events run together.
        text = f"\0{len(source)}\0{source}" if "\0" in source else f"{source}\0"
        begun = self._begun[source] = blake2b(text.encode(), digest_size=16).copy
        return begun
