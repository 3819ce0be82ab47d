"""Events that were read, one below the other, and the columns of a frame that they become."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.columns import times
from streams.edge.keys import Keys
from streams.edge.plain import Columns
from streams.frames import AMOUNT_SCALE, EVENTS

__all__ = ["Rows", "batch"]

@dataclass(slots=True)
class Rows:
    """Events by the place of the line that each came from; `handles` and `properties` as they are kept."""

    places: list[int]
    columns: Columns
    time_us: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.places)

    def keep(self, rows: NDArray[np.bool_]) -> "Rows":
        """Return the marked rows."""
        if rows.all():
            return self
        columns = {name: list(compress(column, rows)) for name, column in self.columns.items()}
        return Rows(list(compress(self.places, rows)), columns, self.time_us[rows])

    def with_others(self, other: "Rows") -> "Rows":
        """Return these rows and the others, in the order of places."""
        if not len(other):
            return self
        places = self.places + other.places
        order = np.argsort(places).tolist()
        columns = {name: column + other.columns[name] for name, column in self.columns.items()}
        return Rows(
            sorted(places),
            {name: [column[row] for row in order] for name, column in columns.items()},
            np.concatenate([self.time_us, other.time_us])[order],
        )


def batch(rows: Rows, keys: Keys) -> pa.RecordBatch:
    """Return the columns of `streams.frames.EVENTS`."""
    read = rows.columns
    codes, ids, primaries = zip(*read["handles"], strict=True) if len(rows) else ((), (), ())
    own = pa.py_buffer(keys.keys(read["source"], read["id"], primaries))
    columns = {
        "event": pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(rows), [None, own]),
        "time": times(rows.time_us),
        "amount": _amounts(np.array(read["amount"], np.float64)),
        **_handles(codes, ids),
    }
    for field in EVENTS:
        if field.type == pa.string():
            columns[field.name] = pa.array(read[field.name], field.type)
        elif field.type == pa.float64():
            columns[field.name] = _numbers(np.array(read[field.name], np.float64))
    return pa.RecordBatch.from_arrays([columns[name] for name in EVENTS.names], schema=EVENTS)


def _numbers(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def _amounts(amounts: NDArray[np.float64]) -> pa.Array:
    absent = np.isnan(amounts)
    return pa.array(np.rint(np.where(absent, 0.0, amounts) * AMOUNT_SCALE).astype(np.int64), mask=absent)


def _handles(codes: Sequence[bytes], ids: Sequence[bytes]) -> dict[str, pa.Array]:
    offsets = np.zeros(len(codes) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, codes), np.int32, len(codes)), out=offsets[1:])
    values, places = pa.array(np.frombuffer(b"".join(ids), "<u8")), pa.array(offsets)
    return {
        "handle": values.take(places[:-1]),
        "handles": pa.ListArray.from_arrays(places, values),
        "kinds": pa.ListArray.from_arrays(places, pa.array(np.frombuffer(b"".join(codes), np.uint8))),
    }
