"""Combines whole frames of the log into a batch: one table of columns, with partition and offset of each row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from journey.channel import IDENTITY_AREA, area_of
from journey.evidence import Touches
from streams.log.frame import AMOUNT_SCALE, Frame

__all__ = ["Batch", "Record", "Rows", "Watermark", "codes"]

Watermark = Mapping[int, int]  # partition to the highest offset that a table has; absent is 0
Rows = dict[str, pa.Table]  # table to the rows that a batch adds to it


@dataclass(frozen=True, slots=True)
class Record:
    """A frame with its partition and offset in the log."""

    partition: int
    offset: int
    frame: Frame


def codes(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], list[str]]:
    """Return a string column as codes and the distinct values."""
    encoded = pc.dictionary_encode(column.combine_chunks())
    return encoded.indices.to_numpy(), encoded.dictionary.to_pylist()


@dataclass(frozen=True)
class Batch:
    """The events (columns of `streams.log.frame.EVENTS`) in log order, with partition and offset of each row."""

    events: pa.Table
    partition: NDArray[np.uint16]
    offset: NDArray[np.uint64]

    @classmethod
    def of(cls, records: Sequence[Record]) -> "Batch":
        """Put the events of frames one below the other."""
        sizes = [len(record.frame.events) for record in records]
        batches = [record.frame.events.replace_schema_metadata(None) for record in records]
        return cls(
            pa.Table.from_batches(batches).combine_chunks(),
            np.repeat(np.array([record.partition for record in records], dtype=np.uint16), sizes),
            np.repeat(np.array([record.offset for record in records], dtype=np.uint64), sizes),
        )

    def __len__(self) -> int:
        return len(self.partition)

    def keep(self, rows: NDArray[np.bool_]) -> "Batch":
        """Return the marked rows."""
        if rows.all():
            return self
        return Batch(
            self.events.filter(pa.array(rows)).combine_chunks(), self.partition[rows], self.offset[rows]
        )

    def after(self, watermark: Watermark) -> "Batch":
        """Return the rows that a table with this watermark lacks."""
        limits = np.zeros(2**16, dtype=np.uint64)
        for partition, offset in watermark.items():
            limits[partition] = offset
        return self.keep(self.offset > limits[self.partition])

    def touches_only(self) -> "Batch":
        """Return the rows that are touches: all but identity.link and identity.unlink."""
        type_codes, types = self.type_codes
        is_touch = np.array([area_of(name) != IDENTITY_AREA for name in types], dtype=bool)
        return self.keep(is_touch[type_codes])

    def numpy(self, name: str) -> NDArray[np.generic]:
        """Return a column of numbers or times (as int64 microseconds)."""
        column = self.events.column(name).combine_chunks()
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        return np.asarray(column.to_numpy(zero_copy_only=False))

    @cached_property
    def type_codes(self) -> tuple[NDArray[np.int32], list[str]]:
        """Event types as codes."""
        return codes(self.events.column("type"))

    @cached_property
    def touches(self) -> Touches:
        """The columns that evidence is weighed from."""
        type_codes, types = self.type_codes
        return Touches(
            self.numpy("time").astype(np.int64),
            type_codes,
            tuple(types),
            self.numpy("rating").astype(np.float64),
            self.numpy("sentiment").astype(np.float64),
            self.numpy("amount").astype(np.float64) / AMOUNT_SCALE,
        )
