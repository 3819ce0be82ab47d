"""Intake: drops repeats, keeps the books, and turns frames into the rows of interactions and dead letters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.handle import KINDS
from journey.seen import UNSEEN, Ids, SeenIds, duplicates, position
from streams.batch import Batch, Record, Rows
from streams.columns import last_offsets

__all__ = ["Intake", "Lookup", "Taken"]

# Where the store has each of these ids first (a `position`), UNSEEN for none: for ids older than the window.
Lookup = Callable[[Ids], NDArray[np.uint64]]


@dataclass(frozen=True, slots=True)
class Taken:
    """What intake made of frames: the events that are new (or replayed), and how many were repeats."""

    batch: Batch
    received: int
    duplicates: int
    dead_letters: dict[str, int]
    deliveries: pa.Table


class Intake:
    """Remembers ids for a window of event time; see `journey.seen`."""

    def __init__(self, window_us: int, lookup: Lookup) -> None:
        self.seen = SeenIds(window_us)
        self._lookup = lookup

    def restore(self, ids: Ids, positions: NDArray[np.uint64]) -> None:
        """Take up ids that the store has."""
        self.seen.remember(ids, positions)

    def process(self, records: Sequence[Record]) -> Taken:
        """Take frames, in log order."""
        batch = Batch.of(records)
        ids = event_ids(batch)
        positions = position(batch.partition, batch.offset)
        first = self._first(ids)
        repeated = duplicates(ids, positions, first)
        new = ~repeated & (first == UNSEEN)
        self.seen.remember(Ids(ids.high[new], ids.low[new], ids.time_us[new]), positions[new])
        return Taken(
            batch.keep(~repeated),
            received=sum(record.frame.received for record in records),
            duplicates=int(repeated.sum()),
            dead_letters=_count_reasons(records),
            deliveries=_deliveries(records, repeated),
        )

    def _first(self, ids: Ids) -> NDArray[np.uint64]:
        first = self.seen.first_positions(ids)
        unknown = np.flatnonzero((first == UNSEEN) & self.seen.beyond(ids))
        if len(unknown):
            first[unknown] = self._lookup(Ids(ids.high[unknown], ids.low[unknown], ids.time_us[unknown]))
        return first


def event_ids(batch: Batch) -> Ids:
    """Return the event keys as two columns of 64 bits."""
    column = batch.events.column("event").combine_chunks()
    raw = np.frombuffer(column.buffers()[1], dtype=np.uint64)[2 * column.offset :][: 2 * len(column)]
    return Ids(raw[1::2].copy(), raw[0::2].copy(), batch.numpy("time").astype(np.int64))


def _count_reasons(records: Sequence[Record]) -> dict[str, int]:
    reasons = pa.chunked_array([record.frame.letters.column("reason") for record in records])
    return {count["values"]: count["counts"] for count in reasons.value_counts().to_pylist()}


def _deliveries(records: Sequence[Record], repeated: NDArray[np.bool_]) -> pa.Table:
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
    minute = batch.numpy("time").astype(np.int64) // 60_000_000 * 60
    rows = pa.table(
        {
            "brand": batch.events.column("brand"),
            "minute": pa.array(minute).cast(pa.timestamp("s", "UTC")),
            "type": batch.events.column("type"),
            "_partition": pa.array(batch.partition),
        }
    )
    counted = rows.group_by(["brand", "minute", "type", "_partition"]).aggregate([([], "count_all")])
    offsets = last_offsets(counted.column("_partition"), batch)
    return counted.rename_columns({"count_all": "touches"}).append_column("_offset", offsets)


def rows_of(records: Sequence[Record], taken: Taken) -> Rows:
    """Return all rows that intake adds, before any watermark."""
    return {
        "interactions": interactions(taken.batch),
        "dead_letters": dead_letters(records),
        "deliveries": taken.deliveries,
    }
