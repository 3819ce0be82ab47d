"""Computes every customer's place on the A-Path by brand from columns of evidence, and the stage changes to announce."""

from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from journey.column import ABSENT, Column, RowIndex, distinct
from journey.evidence import NEVER, add_evidence, lapse_us, stage_at, sum_by_group
from journey.model import Model
from journey.stage import STAGES

__all__ = ["Changes", "Customers", "Journeys", "Pairs", "Reason"]

Ints = NDArray[np.int64]
_LATER = np.iinfo(np.int64).max


class Reason(IntEnum):
    """The reason of a stage change: an interaction, time, handles joined to one customer or parted, or a new model."""

    EVIDENCE = 1
    LAPSE = 2
    IDENTITY = 3
    MODEL = 4


@dataclass(frozen=True, slots=True)
class Pairs:
    """A set of (brand code, slot) pairs, with the latest event time of each in microseconds, NEVER without one."""

    brand: Ints
    slot: Ints
    at_us: Ints

    @property
    def key(self) -> NDArray[np.uint64]:
        """One number for each pair."""
        return (self.brand.astype(np.uint64) << np.uint64(32)) | self.slot.astype(np.uint64)

    @classmethod
    def untold(cls, brand: Ints, slot: Ints) -> "Pairs":
        """Return pairs to which no event happened."""
        return cls(brand, slot, np.full(len(brand), NEVER))

    @classmethod
    def none(cls) -> "Pairs":
        """Return no pairs."""
        return cls.untold(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))

    def take(self, rows: Ints) -> "Pairs":
        """Return some of the pairs."""
        return Pairs(self.brand[rows], self.slot[rows], self.at_us[rows])

    def distinct(self) -> "Pairs":
        """Return each pair once, with its latest time."""
        _, first, inverse = np.unique(self.key, return_index=True, return_inverse=True)
        at = np.full(len(first), NEVER)
        np.maximum.at(at, inverse, self.at_us)
        return Pairs(self.brand[first], self.slot[first], at)


@dataclass(frozen=True, slots=True)
class Changes:
    """The announcements: customers (as slots) whose stage is not the one announced last; `reason` is a Reason."""

    brand: Ints
    slot: Ints
    old: NDArray[np.int8]
    new: NDArray[np.int8]
    at_us: Ints
    reason: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.brand)


class Nodes(Protocol):
    """Handles (or customers) by slot."""

    def __len__(self) -> int: ...

    @property
    def id(self) -> NDArray[np.uint64]:
        """Id of each slot."""


class Customers(Protocol):
    """The grouping of handles by customer: `journey.identity.graph.IdentityGraph`, or `membership.Membership`."""

    @property
    def handles(self) -> Nodes:
        """Every slot that is known."""

    def roots(self, slots: Ints) -> Ints:
        """Return the slot that names the customer of each slot."""

    def members(self, roots: Ints) -> tuple[Ints, Ints]:
        """Return (index into `roots`, member slot) for every member of these customers."""


class Journeys:
    """The table of journeys, one row a (brand, handle): five sums, the stage announced last, and its lapse.

    About 85 bytes a row, the index included; `nbytes` counts them. Bounds are 2^32 brands, 2^32 handles and 2^31 rows, which
    take 180 GB.
    """

    def __init__(self, model: Model, graph: Customers) -> None:
        self.model = model
        self.graph = graph
        self._index = RowIndex()
        self._brand = Column(np.uint32)
        self._slot = Column(np.uint32)
        self._sums = Column(np.float64, width=len(STAGES))
        self._announced = Column(np.int8)
        self._lapse = Column(np.int64)
        self._next = Column(np.int32)  # next row of the same handle, with another brand
        self._head = Column(np.int32)  # per slot: its newest row

    def __len__(self) -> int:
        return len(self._brand)

    @property
    def nbytes(self) -> int:
        """Bytes of all columns and the index; the identity graph is counted by itself."""
        columns = (self._brand, self._slot, self._sums, self._announced, self._lapse, self._next, self._head)
        return sum(column.nbytes for column in columns) + self._index.nbytes

    def add(self, pairs: Pairs, sums: NDArray[np.float64]) -> None:
        """Add evidence to handles; pairs must be distinct."""
        rows = self._rows(pairs)
        self._sums.data[rows] = add_evidence(self._sums.data[rows], sums)

    def put(self, pairs: Pairs, sums: NDArray[np.float64]) -> None:
        """Replace the evidence of handles; pairs must be distinct."""
        rows = self._rows(pairs)
        self._sums.data[rows] = sums

    def own(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return the evidence of handles by themselves, shape (pairs, 5); NaN for what is not known."""
        rows = self._index.get(pairs.key)
        sums = np.full((len(rows), len(STAGES)), np.nan)
        sums[rows != ABSENT] = self._sums.data[rows[rows != ABSENT]]
        return sums

    def of_handles(self, slots: Ints) -> Pairs:
        """Return the (brand, handle) pairs of every brand that knows one of these handles by itself."""
        slots = slots[slots < len(self._head)]
        rows = self._head.data[slots].astype(np.int64)
        brands, handles = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        while (going := rows != ABSENT).any():
            rows, slots = rows[going], slots[going]
            brands.append(self._brand.data[rows].astype(np.int64))
            handles.append(slots)
            rows = self._next.data[rows].astype(np.int64)
        return Pairs.untold(np.concatenate(brands), np.concatenate(handles))

    def restore_announced(self, pairs: Pairs, stages: NDArray[np.int8]) -> None:
        """Take up what was announced before a restart; pairs must be distinct. Announce `everyone` after it."""
        rows = self._rows(pairs)
        self._announced.data[rows] = stages

    def _rows(self, pairs: Pairs) -> Ints:
        keys = pairs.key
        rows = self._index.get(keys)
        new = np.flatnonzero(rows == ABSENT)
        if len(new):
            rows[new] = np.arange(len(self), len(self) + len(new))
            self._index.add(keys[new], rows[new])
            self._brand.grow(len(new), pairs.brand[new])
            self._slot.grow(len(new), pairs.slot[new])
            self._sums.grow(len(new), np.nan)
            self._announced.grow(len(new), 0)
            self._lapse.grow(len(new), _LATER)
            self._next.grow(len(new), ABSENT)
            self._thread(rows[new], pairs.slot[new])
        return rows

    def _thread(self, rows: Ints, slots: Ints) -> None:
        self._head.grow(max(0, len(self.graph.handles) - len(self._head)), ABSENT)
        order = np.argsort(slots, kind="stable")
        rows, slots = rows[order], slots[order]
        first = np.r_[True, slots[1:] != slots[:-1]]
        self._next.data[rows] = np.where(first, self._head.data[slots], np.roll(rows, 1))
        last = np.r_[first[1:], True]
        self._head.data[slots[last]] = rows[last]

    def customers_of(self, slots: Ints) -> Pairs:
        """Return the (brand, customer) pairs of every brand that knows a handle of these slots' customers."""
        roots = distinct(self.graph.roots(slots))
        _, members = self.graph.members(roots)
        known = self.of_handles(members)
        return Pairs.untold(known.brand, self.graph.roots(known.slot)).distinct()

    def everyone(self) -> Pairs:
        """Return every (brand, customer) pair."""
        slots = self.graph.roots(self._slot.data.astype(np.int64))
        return Pairs.untold(self._brand.data.astype(np.int64), slots).distinct()

    def due(self, now_us: int) -> Pairs:
        """Return the customers whose announced stage has lapsed."""
        rows = np.flatnonzero(self._lapse.data < now_us)
        slots = self.graph.roots(self._slot.data[rows].astype(np.int64))
        return Pairs.untold(self._brand.data[rows].astype(np.int64), slots).distinct()

    def hush(self, slots: Ints) -> None:
        """Let no stage of these handles lapse: nothing is announced of them unless something happens."""
        self._lapse.data[self._index.get(self.of_handles(slots).key)] = _LATER

    def sums_of(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return the evidence of customers: the sum over their handles, shape (pairs, 5)."""
        index, keys = self._member_keys(pairs)
        rows = self._index.get(keys)
        known = rows != ABSENT
        return sum_by_group(self._sums.data[rows[known]], index[known], len(pairs.slot))

    def _member_keys(self, pairs: Pairs) -> tuple[Ints, NDArray[np.uint64]]:
        index, members = self.graph.members(pairs.slot)
        return index, Pairs.untold(pairs.brand[index], members).key

    def announce(self, pairs: Pairs, now_us: int) -> Changes:
        """Compare customers (distinct pairs of roots) with what was announced; take up and return the changes.

        A handle that named a customer and has joined another is announced as having no stage.
        """
        lapses = lapse_us(self.sums_of(pairs), self.model)
        stage = stage_at(lapses, now_us)
        absorbed = self._absorbed(pairs, now_us)
        mine = np.flatnonzero((stage > 0) | (self._index.get(pairs.key) != ABSENT))
        pairs, lapses, stage = pairs.take(mine), lapses[mine], stage[mine]
        rows = self._rows(pairs)
        old = self._announced.data[rows]
        self._announced.data[rows] = stage
        self._lapse.data[rows] = np.where(stage > 0, _of_stage(lapses, stage), _LATER)
        changed = np.flatnonzero(old != stage)
        told = _explain(pairs.take(changed), old[changed], stage[changed], lapses[changed], now_us)
        return _join(absorbed, told)

    def _absorbed(self, pairs: Pairs, now_us: int) -> Changes:
        index, keys = self._member_keys(pairs)
        rows = self._index.get(keys)
        index, rows = index[rows != ABSENT], rows[rows != ABSENT]
        gone = (self._announced.data[rows] > 0) & (self._slot.data[rows] != pairs.slot[index])
        index, rows = index[gone], rows[gone]
        old = self._announced.data[rows]
        self._announced.data[rows] = 0
        self._lapse.data[rows] = _LATER
        slots = self._slot.data[rows].astype(np.int64)
        at, reason = np.full(len(rows), now_us), np.full(len(rows), Reason.IDENTITY, np.int8)
        return Changes(pairs.brand[index], slots, old, np.zeros_like(old), at, reason)


def _of_stage(lapses: Ints, stage: NDArray[np.int8]) -> Ints:
    column = np.maximum(stage.astype(np.int64) - 1, 0)
    return lapses[np.arange(len(lapses)), column]


def _explain(
    pairs: Pairs, old: NDArray[np.int8], new: NDArray[np.int8], lapses: Ints, now_us: int
) -> Changes:
    """Say when and why: an event's time if there was one, else the lapse of the old stage, else now."""
    lapse = np.where(old > new, _of_stage(lapses, old), NEVER)
    happened = pairs.at_us != NEVER
    lapsed = ~happened & (lapse != NEVER) & (lapse < now_us)
    at = np.where(happened, pairs.at_us, np.where(lapsed, lapse, now_us))
    reason = np.where(happened, Reason.EVIDENCE, np.where(lapsed, Reason.LAPSE, Reason.IDENTITY))
    return Changes(pairs.brand, pairs.slot, old, new, at, reason.astype(np.int8))


def _join(first: Changes, second: Changes) -> Changes:
    fields = ((getattr(first, f.name), getattr(second, f.name)) for f in dataclass_fields(Changes))
    return Changes(*(np.concatenate(pair) for pair in fields))
