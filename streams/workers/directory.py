"""Holds the handles that intake owns, each with the customer that identity assigned to it, by version."""

from collections.abc import Collection

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.column import Column
from journey.identity.graph import IdentityGraph
from journey.identity.handle import KINDS
from journey.identity.policy import IdentityPolicy
from streams.engine.identity import kind_codes
from streams.log.batch import Batch

__all__ = ["Directory"]

Ints = NDArray[np.int64]
U64 = NDArray[np.uint64]


class Directory:
    """The handles by slot, each with its customer and the version of identity's assignment; 0 for never.

    Parameters
    ----------
    policy
        Identity's rules.
    partitions
        How many there are: a handle belongs to its id modulo that.
    """

    def __init__(self, policy: IdentityPolicy, partitions: int) -> None:
        self.graph = IdentityGraph(policy)  # without links: handles alone
        self._count = partitions
        self._customer = Column(np.uint64)
        self._version = Column(np.uint64)

    def __len__(self) -> int:
        return len(self.graph.handles)

    def slots(self, ids: U64, kinds: NDArray[np.integer]) -> Ints:
        """Return the slot of each handle; a new one is a customer of its own until identity says otherwise."""
        slots = self.graph.slots(ids, kinds)
        first = len(self._customer)
        new = self.graph.handles.id[first:]
        self._customer.grow(len(new), new)
        self._version.grow(len(new), 0)
        return slots

    def observe(self, batch: Batch) -> Ints:
        """Return the slot of each row's primary handle."""
        kinds = batch.events.column("kinds").combine_chunks()
        first = kinds.flatten().to_numpy()[kinds.offsets.to_numpy()[:-1] - kinds.offsets[0].as_py()]
        return self.slots(np.asarray(batch.numpy("handle"), dtype=np.uint64), first)

    def find(self, ids: U64) -> Ints:
        """Return the slots of handles that are known."""
        return self.graph.handles.find(ids)

    def ids(self, slots: Ints) -> U64:
        """Return the handles at these slots."""
        return self.graph.handles.id[slots]

    def customers(self, slots: Ints) -> U64:
        """Return to whom the handles at these slots belong."""
        return self._customer.data[slots]

    def versions(self, slots: Ints) -> U64:
        """Return the versions of identity's assignments."""
        return self._version.data[slots]

    def restore(self, rows: pa.Table) -> None:
        """Take up handle, kind, customer, version as the store has them."""
        slots = self.slots(rows.column("handle").to_numpy(), kind_codes(rows.column("kind")))
        self._customer.data[slots] = rows.column("customer").to_numpy()
        self._version.data[slots] = rows.column("version").to_numpy()

    def apply_moves(self, moves: pa.Table) -> None:
        """Apply identity's assignments of handles, where they are not older than the known ones."""
        slots = self.slots(moves.column("handle").to_numpy(), kind_codes(moves.column("kind")))
        versions = moves.column("version").to_numpy()
        order = np.argsort(versions, kind="stable")  # the newest is written last
        order = order[versions[order] >= self._version.data[slots[order]]]
        self._customer.data[slots[order]] = moves.column("customer").to_numpy()[order]
        self._version.data[slots[order]] = versions[order]

    def lone_rows(self, known: int, offset: int) -> pa.Table:
        """Return rows of identity_map for handles after the first `known`: version 0, which any of identity's replaces."""
        ids = self.graph.handles.id[known:]
        kinds = self.graph.handles.kind[known:].astype(np.int8)
        return pa.table(
            {
                "handle": ids,
                "kind": pa.DictionaryArray.from_arrays(kinds, pa.array(KINDS)),
                "customer": ids,
                "previous": ids,
                "version": np.zeros(len(ids), np.uint64),
                "_partition": self.partitions(ids).astype(np.uint16),
                "_offset": np.full(len(ids), offset, np.uint64),
            }
        )

    def partitions(self, ids: U64) -> Ints:
        """Return the partition of each handle or customer."""
        return (ids % self._count).astype(np.int64)

    def among(self, ids: U64, partitions: Collection[int]) -> NDArray[np.bool_]:
        """Return which of these handles belong to some partitions."""
        return np.isin(self.partitions(ids), sorted(partitions))
