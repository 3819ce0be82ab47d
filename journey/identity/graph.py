"""Groups handles into customers, incrementally; the result depends on the set of links alone, not on their order.

A customer is a connected component of the links that count, named by its smallest handle id. A link counts
while it is live and neither of its ends is *shared*: a handle with more live links to handles of one kind than
the policy's cap (a kiosk, a family phone). So identity does not depend on the order in which links were found.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from journey.column import Column, distinct
from journey.identity.components import along, components, ring
from journey.identity.handle import KINDS
from journey.identity.handle_index import Handles
from journey.identity.links import LinkColumns, Links
from journey.identity.policy import IdentityPolicy

__all__ = ["IdentityGraph", "Moved"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Moved:
    """Handles that changed customer, as slots, with the slots that name the old and the new customer."""

    slot: Ints
    old: Ints
    new: Ints

    @classmethod
    def nobody(cls) -> "Moved":
        """Return the outcome of links that changed nothing."""
        none = np.empty(0, dtype=np.int64)
        return cls(none, none, none)


class IdentityGraph:
    """The graph of handles, links and components; about 60 bytes a handle and 40 a link.

    `root` of a slot is the slot that names its customer. The members of a customer are threaded in a ring.
    """

    def __init__(self, policy: IdentityPolicy) -> None:
        self.handles = Handles()
        self.links = LinkColumns()
        self._caps = np.array(policy.caps)
        self._root = Column(np.uint32)
        self._ring = Column(np.uint32)
        self._degree = Column(np.int32, width=len(KINDS))  # live links of a slot, by kind of the other end

    @property
    def nbytes(self) -> int:
        """Bytes of all columns and indexes."""
        columns = (self._root, self._ring, self._degree)
        return sum(c.nbytes for c in columns) + self.handles.nbytes + self.links.nbytes

    def slots(self, ids: NDArray[np.uint64], kinds: NDArray[np.integer]) -> Ints:
        """Return the slot of each handle; a new handle is a customer of its own."""
        slots = self.handles.slots(ids, kinds)
        first, count = len(self._root), len(self.handles) - len(self._root)
        if count:
            own = np.arange(first, first + count)
            self._root.grow(count, own)
            self._ring.grow(count, own)
            self._degree.grow(count, 0)
        return slots

    def roots(self, slots: Ints) -> Ints:
        """Return the slot that names the customer of each slot."""
        return self._root.data[slots].astype(np.int64)

    def customers(self, slots: Ints) -> NDArray[np.uint64]:
        """Return the customer id of each slot: the smallest handle id of its component."""
        return self.handles.id[self.roots(slots)]

    def members(self, roots: Ints) -> tuple[Ints, Ints]:
        """Return (index into `roots`, member slot) for every member of these customers."""
        return along(self._ring.data, roots)

    def shared(self, slots: Ints) -> NDArray[np.bool_]:
        """Mark handles that hang on too many others to be one person."""
        return np.asarray((self._degree.data[slots] > self._caps).any(axis=1))

    def update(self, links: Links) -> Moved:
        """Merge evidence about links (pairs distinct) and return the handles that changed customer."""
        rows = self.links.update(links, len(self.handles))
        if not len(rows):
            return Moved.nobody()
        affected = self._count(rows)
        if not len(affected):
            return Moved.nobody()
        _, members = self.members(distinct(self.roots(affected)))
        return self._relabel(np.sort(members))

    def _ends(self, rows: Ints) -> tuple[Ints, Ints]:
        return self.links.left.data[rows].astype(np.int64), self.links.right.data[rows].astype(np.int64)

    def _count(self, rows: Ints) -> Ints:
        """Bring degrees up to date for links whose life changed; return slots whose component may change."""
        left, right = self._ends(rows)
        ends = distinct(np.concatenate([left, right]))
        before = self.shared(ends)
        step = np.where(self.links.live.data[rows], 1, -1)
        degree = self._degree.data
        np.add.at(degree, (left, self.handles.kind[right]), step)
        np.add.at(degree, (right, self.handles.kind[left]), step)
        after = self.shared(ends)
        flipped = ends[before != after]
        still = ends[before & after]  # links of a handle that stays shared have no effect
        idle = np.isin(left, still) | np.isin(right, still)
        touched = [left[~idle], right[~idle], flipped]
        unshared = ends[before & ~after]
        if len(unshared):
            touched += self._ends(self.links.of(unshared))
        return distinct(np.concatenate(touched))

    def _relabel(self, members: Ints) -> Moved:
        """Find the components among whole components (`members`, sorted) afresh."""
        rows = self.links.of(members[~self.shared(members)])
        left, right = self._ends(rows)
        counts = self.links.live.data[rows] & ~self.shared(left) & ~self.shared(right)
        ends = np.searchsorted(members, left[counts]), np.searchsorted(members, right[counts])
        label = components(ends[0], ends[1], len(members))
        ids = self.handles.id[members]
        order = np.argsort(ids, kind="stable")[::-1]
        namer = np.empty(len(members), dtype=np.int64)
        namer[label[order]] = members[order]  # the smallest id is written last
        old, new = self.roots(members), namer[label]
        self._root.data[members] = new
        self._ring.data[members] = ring(label, members)
        moved = old != new
        return Moved(members[moved], old[moved], new[moved])
