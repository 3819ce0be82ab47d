"""Feeds links from events into the identity graph, and produces rows of identity_links and identity_map."""

from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from journey.column import Column
from journey.evidence import NEVER
from journey.identity.graph import IdentityGraph, Moved
from journey.identity.handle import KINDS
from journey.identity.links import Links, pair_key
from journey.identity.policy import IdentityPolicy
from schemas.event import LINK, UNLINK
from streams.log.arrow import last_offsets, timestamps
from streams.log.batch import Batch

__all__ = ["Identity", "distinct_links", "kind_codes", "link_rows"]


Ints = NDArray[np.int64]


class Identity:
    """The identity graph, and the customer that the table identity_map has for each handle."""

    def __init__(self, policy: IdentityPolicy) -> None:
        self.graph = IdentityGraph(policy)
        self._mapped = Column(np.uint64)  # per slot: the customer that the table says; 0 for none

    def restore(self, links: pa.Table, mapped: pa.Table) -> None:
        """Load the links, and the rows of identity_map; `unmapped` then finds where that table lags behind."""
        kinds = kind_codes(mapped.column("kind"))
        slots = self.graph.slots(mapped.column("handle").to_numpy(), kinds)
        self._grow()
        self._mapped.data[slots] = mapped.column("customer").to_numpy()
        ends = [
            self.graph.slots(
                links.column(f"{side}_handle").to_numpy(), kind_codes(links.column(f"{side}_kind"))
            )
            for side in ("left", "right")
        ]
        said = links.column("said").to_numpy() > 0
        times = [timestamps(links.column(name)) for name in ("withdrawn_at", "restored_at")]
        self.graph.update(Links(ends[0], ends[1], said, times[0], times[1]))

    def observe(self, batch: Batch) -> NDArray[np.int64]:
        """Make every handle of the batch known and return the slot of each row's primary handle."""
        ids, kinds, starts = _flat(batch)
        slots = self.graph.slots(ids, kinds)
        return np.asarray(slots[starts])

    def process(self, batch: Batch) -> tuple[pa.Table, Moved]:
        """Merge the batch's links; return rows of identity_links and the handles that changed customer."""
        rows = link_rows(batch)
        if not len(rows):
            return rows, Moved.nobody()
        left, right = (
            self.graph.slots(
                rows.column(f"{side}_handle").to_numpy(), kind_codes(rows.column(f"{side}_kind"))
            )
            for side in ("left", "right")
        )
        return rows, self.graph.update(distinct_links(rows, left, right))

    def unmapped(self) -> Ints:
        """Return the slots whose customer is not the one that identity_map has. Looks at every handle."""
        self._grow()
        everyone = np.arange(len(self.graph.handles))
        return np.asarray(everyone[self.graph.customers(everyone) != self._mapped.data])

    def changed(self, moved: Moved) -> Ints:
        """Return the slots that `unmapped` would, after one batch: handles that are new or moved."""
        known = len(self._mapped)
        self._grow()
        slots = np.union1d(moved.slot, np.arange(known, len(self._mapped)))
        return np.asarray(slots[self.graph.customers(slots) != self._mapped.data[slots]])

    def map_rows(self, slots: Ints, version: int, place: tuple[int, int]) -> pa.Table:
        """Return rows of identity_map for these slots, and take them as written."""
        customers = self.graph.customers(slots)
        ids = self.graph.handles.id[slots]
        previous = self._mapped.data[slots]
        previous = np.where(previous == 0, ids, previous)
        self._mapped.data[slots] = customers
        size = len(slots)
        return pa.table(
            {
                "handle": pa.array(ids),
                "kind": pa.DictionaryArray.from_arrays(
                    self.graph.handles.kind[slots].astype(np.int8), pa.array(KINDS)
                ),
                "customer": pa.array(customers),
                "previous": pa.array(previous),
                "version": pa.array(np.full(size, version, dtype=np.uint64)),
                "_partition": pa.array(np.full(size, place[0], dtype=np.uint16)),
                "_offset": pa.array(np.full(size, place[1], dtype=np.uint64)),
            }
        )

    def _grow(self) -> None:
        self._mapped.grow(len(self.graph.handles) - len(self._mapped), 0)

    @property
    def nbytes(self) -> int:
        """Bytes of all columns and indexes."""
        return self.graph.nbytes + self._mapped.nbytes


def kind_codes(kinds: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return names of kinds as codes into `journey.identity.handle.KINDS`."""
    return np.asarray(pc.index_in(kinds.cast(pa.string()), pa.array(KINDS)).to_numpy().astype(np.int64))


def _flat(batch: Batch) -> tuple[NDArray[np.uint64], NDArray[np.uint8], Ints]:
    """Return all handles and kinds of the batch end to end, and where each row starts."""
    lists = batch.events.column("handles").combine_chunks()
    kinds = batch.events.column("kinds").combine_chunks()
    starts = lists.offsets.to_numpy().astype(np.int64)
    ids = lists.flatten().to_numpy()
    return ids, kinds.flatten().to_numpy(), starts[:-1] - (starts[0] if len(starts) else 0)


def link_rows(batch: Batch) -> pa.Table:
    """Return what the batch says of each pair of handles, per source and partition, as rows of identity_links."""
    ids, kinds, starts = _flat(batch)
    sizes = np.diff(np.append(starts, len(ids)))
    pairs = [_pairs(starts, sizes, size) for size in range(2, int(sizes.max(initial=0)) + 1)]
    row, one, other = (
        np.concatenate([part[i] for part in pairs] or [np.empty(0, np.int64)]) for i in range(3)
    )
    swap = ids[one] > ids[other]
    left, right = np.where(swap, other, one), np.where(swap, one, other)
    time_us = batch.numpy("time").astype(np.int64)[row]
    type_codes, types = batch.type_codes
    links, unlinks = (np.array([name == said for name in types], dtype=bool) for said in (LINK, UNLINK))
    restores, withdraws = links[type_codes[row]], unlinks[type_codes[row]]
    named = pa.array(KINDS)
    rows = pa.table(
        {
            "left_handle": ids[left],
            "right_handle": ids[right],
            "left_kind": named.take(pa.array(kinds[left])),
            "right_kind": named.take(pa.array(kinds[right])),
            "source": batch.events.column("source").combine_chunks().take(pa.array(row)),
            "_partition": batch.partition[row],
            "said": (~withdraws).astype(np.uint64),
            "seen": pa.array(time_us, pa.timestamp("us", "UTC")),
            "withdrawn_at": pa.array(time_us, pa.timestamp("us", "UTC"), mask=~withdraws),
            "restored_at": pa.array(time_us, pa.timestamp("us", "UTC"), mask=~restores),
        }
    )
    keys = ["left_handle", "right_handle", "left_kind", "right_kind", "source", "_partition"]
    kept = {
        ("said", "sum"): "said", ("seen", "min"): "first_seen", ("seen", "max"): "last_seen",
        ("withdrawn_at", "max"): "withdrawn_at", ("restored_at", "max"): "restored_at",
    }  # fmt: skip
    names = {f"{column}_{function}": name for (column, function), name in kept.items()}
    grouped = rows.group_by(keys).aggregate(list(kept)).rename_columns(names)
    return grouped.append_column("_offset", last_offsets(grouped.column("_partition"), batch))


def _pairs(starts: Ints, sizes: Ints, size: int) -> tuple[Ints, Ints, Ints]:
    """Return (row, place of one handle, place of another) for each pair in the rows that have `size` handles."""
    rows = np.flatnonzero(sizes == size)
    ends = np.array(list(combinations(range(size), 2)))
    return (
        np.repeat(rows, len(ends)),
        (starts[rows, None] + ends[:, 0]).ravel(),
        (starts[rows, None] + ends[:, 1]).ravel(),
    )


def distinct_links(rows: pa.Table, left: Ints, right: Ints) -> Links:
    """Fold sources and partitions: one row a pair."""
    _, first, group = np.unique(pair_key(left, right), return_index=True, return_inverse=True)
    said = np.zeros(len(first), dtype=bool)
    np.logical_or.at(said, group, rows.column("said").to_numpy() > 0)
    decided = []
    for name in ("withdrawn_at", "restored_at"):
        latest = np.full(len(first), NEVER)
        np.maximum.at(latest, group, timestamps(rows.column(name)))
        decided.append(latest)
    return Links(left[first], right[first], said, decided[0], decided[1])
