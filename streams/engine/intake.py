"""Drops duplicates, counts what came in, and turns frames into rows of interactions and dead letters."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.identity.handle import KINDS
from journey.seen import UNSEEN, Ids, SeenIds, duplicates, position
from streams.engine import conflicts
from streams.engine.readable import KnownReadable, ReadableHandles
from streams.log.arrow import last_offsets, names
from streams.log.batch import Batch, Record, Rows, Watermark, codes

__all__ = ["Intake", "Known", "Taken"]

_FALSE = 0.02  # of a batch without repeats may be "perhaps"; of more, most are repeats


class Known(KnownReadable, Protocol):
    """The part of a store that knows the events of all of history: see `streams.store.port.Store`."""

    def first_positions(self, ids: Ids, near: pa.Table | None) -> NDArray[np.uint64]:
        """Return the first position of each id, UNSEEN for none."""

    def stored(self, ids: Ids, near: pa.Table) -> pa.Table:
        """Return the events with these ids as they are stored."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The result of intake: the events that are new (or replayed), how many were repeats, and of these conflicts."""

    batch: Batch
    received: int
    duplicates: int
    conflicting: int
    dead_letters: dict[str, int]
    deliveries: pa.Table
    conflicts: pa.Table


class Intake:
    """A deduplicator that knows the ids of all events; see `journey.seen`.

    Parameters
    ----------
    window_us
        How long after its arrival an id is remembered with its position.
    known
        The store, asked for other ids that may have been seen, and for what events with some ids say.
    """

    def __init__(self, window_us: int, known: Known) -> None:
        self.seen = SeenIds(window_us)
        self.readable = ReadableHandles(known)
        self._known = known

    def restore(
        self, count: int, slices: Iterable[tuple[Ids, NDArray[np.uint64]]], recent: Watermark
    ) -> None:
        """Take up the ids that the store has, `count` of them: those from the offsets in `recent` on with their positions."""
        since = np.full(2**16, 2**48, dtype=np.uint64)
        for partition, offset in recent.items():
            since[partition] = offset
        self.seen.expect(count)
        for ids, positions in slices:
            new = (positions & np.uint64(2**48 - 1)) >= since[positions >> np.uint64(48)]
            self.seen.remember(ids.take(new), positions[new])
            self.seen.note(ids.take(~new))

    def process(self, records: Sequence[Record]) -> Taken:
        """Take frames, in log order."""
        batch = Batch.of(records)
        ids = event_ids(batch)
        positions = position(batch.partition, batch.offset)
        first = self._first(batch, ids)
        repeated = duplicates(ids, positions, first)
        new = ~repeated & (first == UNSEEN)
        sizes = [len(record.frame.events) for record in records]
        arrived_us = np.repeat(np.array([record.frame.packed_us for record in records], np.int64), sizes)
        found = conflicts.find(batch, ids, repeated, arrived_us, self._known.stored)
        self.seen.remember(ids.take(new), positions[new], int(arrived_us.max(initial=0)))
        return Taken(
            batch.keep(~repeated),
            received=sum(record.frame.received for record in records),
            duplicates=int(repeated.sum()),
            conflicting=int(found.differs.sum()),
            dead_letters=_count_reasons(records),
            deliveries=_deliveries(records, repeated, found.differs),
            conflicts=found.rows,
        )

    def _first(self, batch: Batch, ids: Ids) -> NDArray[np.uint64]:
        first, unknown = self.seen.first_positions(ids)
        if len(unknown):
            some = len(unknown) > _FALSE * len(ids)
            near = conflicts.near(batch, unknown) if some else None
            first[unknown] = self._known.first_positions(ids.take(unknown), near)
        return first


def event_ids(batch: Batch) -> Ids:
    """Return the event keys as two columns of 64 bits."""
    column = batch.events.column("event").combine_chunks()
    raw = np.frombuffer(column.buffers()[1], dtype=np.uint64)[2 * column.offset :][: 2 * len(column)]
    return Ids(raw[1::2].copy(), raw[0::2].copy())


def _count_reasons(records: Sequence[Record]) -> dict[str, int]:
    reasons = pa.chunked_array([record.frame.letters.column("reason") for record in records])
    return {count["values"]: count["counts"] for count in reasons.value_counts().to_pylist()}


def _deliveries(
    records: Sequence[Record], repeated: NDArray[np.bool_], differs: NDArray[np.bool_]
) -> pa.Table:
    sizes = np.array([len(record.frame.events) for record in records])
    frame = np.repeat(np.arange(len(records)), sizes)
    repeats = np.bincount(frame[repeated], minlength=len(records))
    u32 = pa.uint32()
    return pa.table(
        {
            "topic": pa.array([record.frame.topic for record in records]),
            "received": pa.array([record.frame.received for record in records], u32),
            "stored": pa.array(sizes - repeats, u32),
            "duplicates": pa.array(repeats, u32),
            "conflicts": pa.array(np.bincount(frame[differs], minlength=len(records)), u32),
            "dead_letters": pa.array([len(record.frame.letters) for record in records], u32),
            "received_at": pa.array(
                [record.frame.packed_us for record in records], pa.timestamp("us", "UTC")
            ),
            "_partition": pa.array([record.partition for record in records], pa.uint16()),
            "_offset": pa.array([record.offset for record in records], pa.uint64()),
        }
    )


def interactions(batch: Batch) -> pa.Table:
    """Return the rows of the table interactions."""
    events = batch.events
    columns = {name: events.column(name) for name in events.column_names}
    for name in ("brand", "type", "source", "place", "campaign", "device", "currency"):
        columns[name] = columns[name].dictionary_encode()
    columns["kinds"] = _kinds(events.column("kinds").combine_chunks())
    columns["amount"] = _decimal(events.column("amount").combine_chunks())
    columns["_partition"] = pa.array(batch.partition)
    columns["_offset"] = pa.array(batch.offset)
    return pa.table(columns)


def _kinds(lists: pa.ListArray) -> pa.ListArray:
    named = pa.DictionaryArray.from_arrays(lists.flatten().cast(pa.int8()), pa.array(KINDS))
    return pa.ListArray.from_arrays(lists.offsets, named)


def _decimal(whole: pa.Array) -> pa.Array:
    wide = whole.cast(pa.decimal128(19, 0))
    return pa.Array.from_buffers(
        pa.decimal128(18, 4), len(wide), wide.buffers(), wide.null_count, wide.offset
    )


def dead_letters(records: Sequence[Record]) -> pa.Table:
    """Return the rows of the table dead_letters."""
    tables = []
    for record in records:
        letters, size = record.frame.letters, len(record.frame.letters)
        columns = {name: letters.column(name) for name in letters.schema.names} | {
            "topic": pa.array([record.frame.topic] * size, pa.string()),
            "received": pa.array([record.frame.packed_us] * size, pa.timestamp("us", "UTC")),
            "_partition": pa.array([record.partition] * size, pa.uint16()),
            "_offset": pa.array([record.offset] * size, pa.uint64()),
            "_index": pa.array(range(size), pa.uint32()),
        }
        tables.append(pa.table(columns))
    return pa.concat_tables(tables)


def minute_counts(batch: Batch) -> pa.Table:
    """Return the rows of the table minute_counts: interactions per brand, minute, type and partition."""
    batch = batch.touches_only()
    brand, brands = codes(batch.events.column("brand"))
    type_code, types = batch.type_codes
    minute = batch.numpy("time").astype(np.int64) // 60_000_000
    first = int(minute.min()) if len(minute) else 0
    span = int(minute.max(initial=first)) - first + 1
    kind = (brand.astype(np.int64) * max(len(types), 1) + type_code) << 16 | batch.partition
    kinds, place = np.unique(kind, return_inverse=True)
    keys, touches = np.unique(place * span + (minute - first), return_counts=True)
    kind, minute = kinds[keys // span], keys % span + first
    brand, type_code = np.divmod(kind >> 16, max(len(types), 1))
    rows = pa.table(
        {
            "brand": names(brand, brands),
            "minute": pa.array(minute * 60).cast(pa.timestamp("s", "UTC")),
            "type": names(type_code, types),
            "_partition": pa.array((kind & 0xFFFF).astype(np.uint16)),
            "touches": pa.array(touches),
        }
    )
    return rows.append_column("_offset", last_offsets(rows.column("_partition"), batch))


def rows_of(records: Sequence[Record], taken: Taken) -> Rows:
    """Return all rows that intake adds, before any watermark."""
    return {
        "interactions": interactions(taken.batch),
        "dead_letters": dead_letters(records),
        "conflicts": taken.conflicts,
        "deliveries": taken.deliveries,
    }
