"""Which events were accepted not long ago, to tell a client of a repeat; nothing is ever dropped because of it."""

from collections.abc import Iterable

__all__ = ["Recent"]


class Recent:
    """Keys of events, of which between a half and all of the last `most` are remembered."""

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
