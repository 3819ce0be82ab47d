"""Remembers what may be taken back, where a removal does not say when that happened: for each, the event that takes it back."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

__all__ = ["Originals"]

_REMEMBERED = 50_000  # of some 600 bytes each; then the oldest are forgotten


@dataclass(frozen=True, slots=True)
class _Original:
    """The last original under a key and the line that takes it back; of a removal that came before it, the time alone."""

    at: datetime
    reversal: bytes | None


class Originals:
    """A bounded memory of events by what they have in common with their removal; any thread may use it.

    A removal that comes first is remembered too: what it takes back is taken back when it comes. So the order in which
    both come makes no difference, as long as both are remembered.
    """

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._originals: OrderedDict[bytes, _Original] = OrderedDict()
        self._lock = threading.Lock()

    def made(self, key: bytes, at: datetime, reversal: bytes) -> bool:
        """Remember an event and what takes it back; return whether a later removal of it came already."""
        with self._lock:
            known = self._originals.get(key)
            if known and known.reversal is None and at <= known.at:
                return True
            if known is None or known.reversal is None or known.at <= at:
                self._keep(key, _Original(at, reversal))
            return False

    def removed(self, key: bytes, at: datetime) -> bytes | None:
        """Return the line that takes back what was made last before, None where that is not remembered."""
        with self._lock:
            known = self._originals.get(key)
            if known and known.reversal is not None:
                return known.reversal if known.at <= at else None
            self._keep(key, _Original(max(at, known.at) if known else at, None))
            return None

    def dropped(self, key: bytes, reversal: bytes) -> None:
        """Forget what was made, unless something else was made since: the log does not have it."""
        with self._lock:
            known = self._originals.get(key)
            if known and known.reversal == reversal:
                del self._originals[key]

    def _keep(self, key: bytes, original: _Original) -> None:
        self._originals[key] = original
        self._originals.move_to_end(key)
        if len(self._originals) > self._remembered:
            self._originals.popitem(last=False)
