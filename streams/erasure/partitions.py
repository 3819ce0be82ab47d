"""Tracks erasures by partition: the handles to drop from records, from one offset to another.

While an erasure is under way, all new events of its handles are dropped too: nobody has to distinguish new ones from those
on their way. An offset decides where that begins and ends, so that a redelivered record is treated as it was before.
"""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streams.erasure.suppressed_handles import SuppressedHandles
from streams.log.messages import FORGET

__all__ = ["Erasing", "ErasureStore"]

_NOBODY = np.empty(0, np.uint64)
_NEVER = 2**63

U64 = NDArray[np.uint64]


class ErasureStore(Protocol):
    """The store's queries on erasures."""

    def erasing(self) -> dict[str, U64]:
        """Return the handles (sorted) of each erasure under way, by receipt."""

    def tombstones(self) -> dict[int, int]:
        """Return erased handles, hashed, and the instant (us) before which their events are dropped."""

    def erasure_steps(self, topic: str) -> list[tuple[str, str, int, int]]:
        """Return (receipt, verb, partition, offset): the steps of erasures under way that a topic's owners have recorded."""


class Erasing:
    """The erasures of one topic, as the tables and the log have them."""

    def __init__(self, store: ErasureStore, topic: str) -> None:
        self._store = store
        self._topic = topic
        self._handles: dict[str, U64] = {}
        self._begun: dict[tuple[str, int], int] = {}
        self._ended: dict[tuple[str, int], int] = {}
        self.tombstones = SuppressedHandles({})

    def read(self) -> None:
        """Load the erasures under way from the tables; finished ones are forgotten."""
        self._handles = self._store.erasing()
        self.tombstones = SuppressedHandles(self._store.tombstones())
        for receipt, verb, partition, offset in self._store.erasure_steps(self._topic):
            into = self._begun if verb == FORGET else self._ended
            into[receipt, partition] = min(offset, into.get((receipt, partition), _NEVER))
        for known in (self._begun, self._ended):
            for place in [place for place in known if place[0] not in self._handles]:
                del known[place]

    def begin(self, receipt: str, partition: int, offset: int) -> bool:
        """Leave the handles out from here on; False where that is so already, or the erasure is finished."""
        if receipt not in self._handles:
            self._handles = self._store.erasing()
        if receipt not in self._handles or (receipt, partition) in self._begun:
            return False
        self._begun[receipt, partition] = offset
        return True

    def end(self, receipt: str, partition: int, offset: int) -> bool:
        """Take the handles again from here on; False where that is so already."""
        if (receipt, partition) not in self._begun or (receipt, partition) in self._ended:
            return False
        self._ended[receipt, partition] = offset
        return True

    def at(self, partition: int, offset: int) -> U64:
        """Return the handles to leave out of a record (sorted)."""
        return self._union(
            receipt
            for (receipt, where), begun in self._begun.items()
            if where == partition and begun < offset < self._ended.get((receipt, where), _NEVER)
        )

    def now(self, partition: int) -> U64:
        """Return the handles that a partition leaves out where its log has come to."""
        return self.at(partition, _NEVER - 1)

    def anywhere(self) -> U64:
        """Return the handles that some partition leaves out, of erasures that no partition has ended."""
        ended = {receipt for receipt, _ in self._ended}
        return self._union({receipt for receipt, _ in self._begun} - ended)

    def _union(self, receipts: Iterable[str]) -> U64:
        found = [self._handles[receipt] for receipt in receipts]
        return np.unique(np.concatenate(found)) if found else _NOBODY
