"""Remembers the keys of recently accepted events, to report repeats to clients; nothing is dropped because of it."""

from collections.abc import Iterable

__all__ = ["Recent"]


class Recent:
    """A set of event keys that remembers between a half and all of the last `most`."""

    def __init__(self, most: int) -> None:
        self._half = max(1, most // 2)
        self._new: set[bytes] = set()
        self._old: set[bytes] = set()

    def __contains__(self, key: bytes) -> bool:
        return key in self._new or key in self._old

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def add(self, keys: Iterable[bytes]) -> None:
        """Remember keys whose events the log has."""
        for key in keys:
            if len(self._new) >= self._half:
                self._old, self._new = self._new, set()
            self._new.add(key)
