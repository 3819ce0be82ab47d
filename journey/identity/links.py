"""Holds links between handles as columns: a set of evidence from which any link can be withdrawn again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from journey.column import ABSENT, Column, RowIndex, distinct
from journey.evidence import NEVER

__all__ = ["LinkColumns", "Links", "pair_key"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Links:
    """A batch of link evidence, one row a pair of handles: `left` and `right` are slots.

    `said` counts who asserted it; `withdrawn_us` and `restored_us` are the latest decisions, NEVER without one.
    A link counts when it was asserted and not withdrawn, or restored after it was withdrawn.
    """

    left: Ints
    right: Ints
    said: NDArray[np.bool_]
    withdrawn_us: Ints
    restored_us: Ints


def pair_key(left: Ints, right: Ints) -> NDArray[np.uint64]:
    """Return one key for an unordered pair of slots."""
    low, high = np.minimum(left, right).astype(np.uint64), np.maximum(left, right).astype(np.uint64)
    return (low << np.uint64(32)) | high


class LinkColumns:
    """A table of every known link, with the links of each handle threaded through it (a forward star)."""

    def __init__(self) -> None:
        self.left = Column(np.uint32)
        self.right = Column(np.uint32)
        self.said = Column(np.bool_)
        self.live = Column(np.bool_)
        self._index = RowIndex()
        self._decisions: dict[int, tuple[int, int]] = {}  # few links are ever withdrawn
        self._next = Column(np.int32)  # per half link: 2 * link is left's, 2 * link + 1 is right's
        self._head = Column(np.int32)  # per slot: its newest half link

    def __len__(self) -> int:
        return len(self.left)

    @property
    def nbytes(self) -> int:
        """Bytes of columns and index."""
        columns = (self.left, self.right, self.said, self.live, self._next, self._head)
        return sum(column.nbytes for column in columns) + self._index.nbytes

    def update(self, links: Links, slots: int) -> Ints:
        """Merge link evidence (pairs distinct) and return the links whose `live` changed."""
        self._head.grow(slots - len(self._head), ABSENT)
        rows = self._rows(links)
        self.said.data[rows] |= links.said
        decided = (links.withdrawn_us != NEVER) | (links.restored_us != NEVER)
        for i in np.flatnonzero(decided):
            self._decide(int(rows[i]), int(links.withdrawn_us[i]), int(links.restored_us[i]))
        live = self.said.data[rows] & ~self._withdrawn(rows)
        changed = live != self.live.data[rows]
        self.live.data[rows] = live
        return np.asarray(rows[changed])

    def _rows(self, links: Links) -> Ints:
        keys = pair_key(links.left, links.right)
        rows = self._index.get(keys)
        new = np.flatnonzero(rows == ABSENT)
        if len(new):
            rows[new] = np.arange(len(self), len(self) + len(new))
            self._index.add(keys[new], rows[new])
            self.left.grow(len(new), links.left[new])
            self.right.grow(len(new), links.right[new])
            self.said.grow(len(new), fill=False)
            self.live.grow(len(new), fill=False)
            self._thread(rows[new], links.left[new], links.right[new])
        return rows

    def _thread(self, rows: Ints, left: Ints, right: Ints) -> None:
        slots = np.column_stack([left, right]).ravel()
        halves = np.column_stack([2 * rows, 2 * rows + 1]).ravel()
        self._next.grow(len(halves), ABSENT)
        order = np.argsort(slots, kind="stable")
        slots, halves = slots[order], halves[order]
        first = np.r_[True, slots[1:] != slots[:-1]]
        previous = np.where(first, self._head.data[slots], np.roll(halves, 1))
        self._next.data[halves] = previous
        last = np.r_[first[1:], True]
        self._head.data[slots[last]] = halves[last]

    def _decide(self, row: int, withdrawn_us: int, restored_us: int) -> None:
        old = self._decisions.get(row, (NEVER, NEVER))
        self._decisions[row] = max(old[0], withdrawn_us), max(old[1], restored_us)

    def _withdrawn(self, rows: Ints) -> NDArray[np.bool_]:
        if not self._decisions:
            return np.zeros(len(rows), dtype=bool)
        decisions = (self._decisions.get(int(row), (NEVER, NEVER)) for row in rows)
        over = [withdrawn != NEVER and withdrawn >= restored for withdrawn, restored in decisions]
        return np.array(over, dtype=bool)

    def of(self, slots: Ints) -> Ints:
        """Return the links that touch any of these slots, each once."""
        found = []
        half = self._head.data[slots].astype(np.int64)
        while len(half := half[half != ABSENT]):
            found.append(half // 2)
            half = self._next.data[half].astype(np.int64)
        return distinct(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)
