"""Converts between Arrow columns and numpy arrays."""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.evidence import NEVER

if TYPE_CHECKING:
    from streams.log.batch import Batch, Watermark

__all__ = ["after", "last_offsets", "names", "times", "times_or_null", "timestamps", "to_ipc"]

_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


def timestamps(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return times as int64 microseconds, NEVER for null."""
    numbers = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).fill_null(NEVER)
    return np.asarray(numbers.to_numpy())


def times(at_us: NDArray[np.int64]) -> pa.Array:
    """Return int64 microseconds as a column of times in UTC."""
    return pa.array(at_us, pa.timestamp("us", "UTC"))


def times_or_null(at_us: NDArray[np.int64]) -> pa.Array:
    """Return int64 microseconds as a column of times in UTC, NEVER as null."""
    return pa.array(at_us, pa.timestamp("us", "UTC"), mask=at_us == NEVER)


def names(codes: NDArray[np.integer], values: list[str]) -> pa.DictionaryArray:
    """Return codes into `values` as a column of names."""
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(values, pa.string()))


def last_offsets(partitions: pa.ChunkedArray, batch: "Batch") -> pa.Array:
    """Return, for each of these partitions, the last offset that the batch has of it."""
    last = np.zeros(2**16, dtype=np.uint64)
    np.maximum.at(last, batch.partition, batch.offset)
    return pa.array(last[partitions.to_numpy()])


def after(rows: pa.Table, watermark: "Watermark") -> pa.Table:
    """Return the rows that a table with this watermark lacks."""
    if not watermark or not len(rows):
        return rows
    limits = np.zeros(2**16, dtype=np.uint64)
    for partition, offset in watermark.items():
        limits[partition] = offset
    missing = rows.column("_offset").to_numpy() > limits[rows.column("_partition").to_numpy()]
    return rows if missing.all() else rows.filter(pa.array(missing))


def to_ipc(rows: pa.Table) -> bytes:
    """Return a table as an Arrow stream, compressed with LZ4."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=_COMPRESSED) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())
