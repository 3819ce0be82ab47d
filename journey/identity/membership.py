"""Holds the customer of each handle as versioned assignments: for a worker that has some customers and no links.

A customer has a slot of its own, besides the slots of its handles: it may be known before, and longer than, the
handle that names it.
"""

import numpy as np
from numpy.typing import NDArray

from journey.column import Column, RowIndex, distinct
from journey.identity.components import along, ring
from journey.identity.graph import Moved

__all__ = ["Membership"]

Ints = NDArray[np.int64]
U64 = NDArray[np.uint64]


class Nodes:
    """The ids of handles and customers by slot: one sequence of slots, one index for each of the two."""

    def __init__(self) -> None:
        self._id = Column(np.uint64)
        self._handles = RowIndex()
        self._customers = RowIndex()

    def __len__(self) -> int:
        return len(self._id)

    @property
    def id(self) -> U64:
        """Id of each slot."""
        return self._id.data

    @property
    def nbytes(self) -> int:
        """Bytes of the column and both indexes."""
        return self._id.nbytes + self._handles.nbytes + self._customers.nbytes

    def has(self, ids: U64) -> NDArray[np.bool_]:
        """Return, for each handle, whether it has a slot."""
        return np.asarray(self._handles.get(ids) >= 0)

    def slots(self, ids: U64, *, customers: bool) -> Ints:
        """Return the slot of each handle (or customer); those not known yet get one."""
        index = self._customers if customers else self._handles
        slots = index.get(ids)
        missing = slots < 0
        if missing.any():
            new = distinct(ids[missing])
            index.add(new, np.arange(len(self), len(self) + len(new)))
            self._id.grow(len(new), new)
            slots = index.get(ids)
        return slots


class Membership:
    """The handles of each customer, with the version of each assignment: the newest wins. About 60 bytes a slot.

    It takes the place of `journey.identity.graph.IdentityGraph` for `Journeys`: `roots` and `members` mean the same. A handle
    that belongs to nobody here is a root of its own.
    """

    def __init__(self) -> None:
        self.handles = Nodes()
        self._root = Column(np.uint32)
        self._ring = Column(np.uint32)
        self._version = Column(np.uint64)

    @property
    def nbytes(self) -> int:
        """Bytes of all columns and indexes."""
        return self.handles.nbytes + self._root.nbytes + self._ring.nbytes + self._version.nbytes

    def handle_slots(self, ids: U64) -> Ints:
        """Return the slot of each handle; a new one belongs to nobody."""
        return self._grown(self.handles.slots(ids, customers=False))

    def knows(self, ids: U64) -> NDArray[np.bool_]:
        """Return, for each handle, whether it was ever assigned to a customer."""
        return self.handles.has(ids)

    def customer_slots(self, ids: U64) -> Ints:
        """Return the slot of each customer; a new one has no handles."""
        return self._grown(self.handles.slots(ids, customers=True))

    def _grown(self, slots: Ints) -> Ints:
        count = len(self.handles) - len(self._root)
        own = np.arange(len(self._root), len(self.handles))
        self._root.grow(count, own)
        self._ring.grow(count, own)
        self._version.grow(count, 0)
        return slots

    def roots(self, slots: Ints) -> Ints:
        """Return the slot of the customer of each slot; a customer's, and a nobody's handle's, is itself."""
        return self._root.data[slots].astype(np.int64)

    def members(self, roots: Ints) -> tuple[Ints, Ints]:
        """Return (index into `roots`, member slot) for every member of these customers, the customer included."""
        return along(self._ring.data, roots)

    def versions(self, slots: Ints) -> U64:
        """Return the version of the last assignment of each handle."""
        return np.asarray(self._version.data[slots])

    def assign(self, slots: Ints, roots: Ints, versions: U64) -> Moved:
        """Assign handles (distinct) to these customers; an assignment older than the known one has no effect.

        `roots` are slots of customers, or the handle's own slot for nobody here.
        """
        newer = versions >= self._version.data[slots]
        slots, roots = slots[newer], roots[newer]
        self._version.data[slots] = versions[newer]
        old = self.roots(slots)
        moved = old != roots
        slots, roots, old = slots[moved], roots[moved], old[moved]
        if not len(slots):
            return Moved.nobody()
        _, members = self.members(distinct(np.concatenate([old, roots])))
        members = distinct(np.concatenate([members, slots]))
        self._root.data[slots] = roots
        self._ring.data[members] = ring(self._root.data[members].astype(np.int64), members)
        return Moved(slots, old, roots)
