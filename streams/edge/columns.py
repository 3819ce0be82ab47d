"""Events that were read, one below the other, and the columns of a frame that they become."""

from collections.abc import Sequence
from dataclasses import dataclass

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
        return self if rows.all() else self._take(np.flatnonzero(rows))

    def with_others(self, other: "Rows") -> "Rows":
        """Return these rows and the others, in the order of places."""
        if not len(other):
            return self
        mine, theirs = self.columns, other.columns
        both = Columns(
            {name: values + theirs.values[name] for name, values in mine.values.items()},
            {name: pa.concat_arrays([texts, theirs.texts[name]]) for name, texts in mine.texts.items()},
        )
        places = self.places + other.places
        rows = Rows(places, both, np.concatenate([self.time_us, other.time_us]))
        return rows._take(np.argsort(places))

    def _take(self, rows: NDArray[np.int64]) -> "Rows":
        listed, at = rows.tolist(), pa.array(rows)
        columns = Columns(
            {name: [values[row] for row in listed] for name, values in self.columns.values.items()},
            {name: texts.take(at) for name, texts in self.columns.texts.items()},
        )
        return Rows([self.places[row] for row in listed], columns, self.time_us[rows])


def batch(rows: Rows, keys: Keys) -> pa.RecordBatch:
    """Return the columns of `streams.frames.EVENTS`."""
    values = rows.columns.values
    codes, ids, primaries = zip(*values["handles"], strict=True) if len(rows) else ((), (), ())
    own = pa.py_buffer(keys.keys(values["source"], values["id"], primaries))
    columns = rows.columns.texts | {
        "event": pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(rows), [None, own]),
        "time": times(rows.time_us),
        "amount": _amounts(np.array(values["amount"], np.float64)),
        "rating": _numbers(np.array(values["rating"], np.float64)),
        "sentiment": _numbers(np.array(values["sentiment"], np.float64)),
        **{name: pa.array(values[name], pa.string()) for name in ("id", "source", "properties")},
        **_handles(codes, ids),
    }
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
