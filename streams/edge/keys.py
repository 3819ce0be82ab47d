"""The key of an event: an event is the same event when source, id and primary handle are the same."""

from hashlib import blake2b

__all__ = ["Keys"]

_REMEMBERED = 10_000  # sources whose hash is kept at hand; then all are forgotten and learnt anew


class Keys:
    """Keys of 16 bytes: a hash of source, id and primary handle; what they share with the source is hashed once."""

    def __init__(self) -> None:
        self._sources: dict[str, blake2b] = {}

    def key(self, source: str, name: str, primary: int) -> bytes:
        """Return the key of the event `name` of that source whose primary handle has that id."""
        known = self._sources.get(source)
        if known is None:
            known = self._learn(source)
        key = known.copy()
        key.update(f"{name}\0{primary}".encode())
        return key.digest()

    def _learn(self, source: str) -> blake2b:
        if len(self._sources) >= _REMEMBERED:
            self._sources.clear()
        # A source that holds the separator says how long it is, so that no two events run together.
        text = f"\0{len(source)}\0{source}" if "\0" in source else f"{source}\0"
        known = self._sources[source] = blake2b(text.encode(), digest_size=16)
        return known
