"""Maps the id of each handle to a slot: a small row number that every other column uses."""

import numpy as np
from numpy.typing import NDArray

from journey.column import ABSENT, Column, RowIndex

__all__ = ["Handles"]


class Handles:
    """The ids and kinds of handles by slot. Slots are given in order of appearance and never change."""

    def __init__(self) -> None:
        self._id = Column(np.uint64)
        self._kind = Column(np.uint8)
        self._index = RowIndex()

    def __len__(self) -> int:
        return len(self._id)

    @property
    def id(self) -> NDArray[np.uint64]:
        """Id of each slot."""
        return self._id.data

    @property
    def kind(self) -> NDArray[np.uint8]:
        """Kind of each slot, as a code into `journey.identity.handle.KINDS`."""
        return self._kind.data

    @property
    def nbytes(self) -> int:
        """Bytes of columns and index."""
        return self._id.nbytes + self._kind.nbytes + self._index.nbytes

    def find(self, ids: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the slot of each id, or ABSENT."""
        return self._index.get(ids)

    def slots(self, ids: NDArray[np.uint64], kinds: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the slot of each id; ids not known yet get one, in the order in which they first appear."""
        slots = self._index.get(ids)
        missing = np.flatnonzero(slots == ABSENT)
        if len(missing):
            new, first, inverse = np.unique(ids[missing], return_index=True, return_inverse=True)
            rank = np.empty(len(new), dtype=np.int64)
            rank[np.argsort(first)] = np.arange(len(new))
            created = len(self) + rank
            self._index.add(new, created)
            order = np.argsort(rank)
            self._id.grow(len(new), new[order])
            self._kind.grow(len(new), kinds[missing][first][order])
            slots[missing] = created[inverse]
        return slots
