"""Events that were read, one below the other, and the columns of a frame that they become."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from operator import attrgetter

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.columns import times
from streams.edge.keys import Keys
from streams.edge.naming import Handles
from streams.edge.plain import Event, Interaction
from streams.frames import AMOUNT_SCALE, EVENTS

__all__ = ["Rows", "batch"]

_TEXTS = ("brand", "content", "product", "place", "campaign", "device", "currency", "cause")
_NUMBERS = ("rating", "sentiment")


@dataclass(slots=True)
class Rows:
    """Events by the place of the line that each came from, with what was made of their handles, properties, time."""

    places: list[int]
    events: list[Event]
    handles: list[Handles]
    properties: list[bytes]
    time_us: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.places)

    def keep(self, rows: NDArray[np.bool_]) -> "Rows":
        """Return the marked rows."""
        if rows.all():
            return self
        kept = (list(compress(column, rows)) for column in (self.places, self.events, self.handles, self.properties))
        return Rows(*kept, self.time_us[rows])  # type: ignore[arg-type]

    def with_others(self, other: "Rows") -> "Rows":
        """Return these rows and the others, in the order of places."""
        if not len(other):
            return self
        places = self.places + other.places
        order = np.argsort(places)
        columns = (self.events + other.events, self.handles + other.handles, self.properties + other.properties)
        ordered = ([column[row] for row in order] for column in (places, *columns))
        return Rows(*ordered, np.concatenate([self.time_us, other.time_us])[order])  # type: ignore[arg-type]


def batch(rows: Rows, keys: Keys) -> pa.RecordBatch:
    """Return the columns of `streams.frames.EVENTS`."""
    data = [event.data for event in rows.events]
    types = [event.type for event in rows.events]
    ids = [event.id for event in rows.events]
    sources = [event.source for event in rows.events]
    codes, named, primaries = zip(*rows.handles, strict=True) if len(rows) else ((), (), ())
    own = pa.py_buffer(keys.keys(sources, ids, primaries))
    columns = {
        "event": pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(rows), [None, own]),
        "time": times(rows.time_us),
        "type": pa.array(types, pa.string()),
        "source": pa.array(sources, pa.string()),
        "id": pa.array(ids, pa.string()),
        "properties": pa.array(rows.properties, pa.string()),
        "amount": _amounts(_numbers(data, "amount")),
    }
    columns |= {name: pa.array(list(map(attrgetter(name), data)), pa.string()) for name in _TEXTS}
    columns |= {name: pa.array(_numbers(data, name), from_pandas=True) for name in _NUMBERS}
    columns |= _handles(codes, named)
    return pa.RecordBatch.from_arrays([columns[field.name] for field in EVENTS], schema=EVENTS)


def _numbers(data: list[Interaction], name: str) -> NDArray[np.float64]:
    return np.fromiter(map(attrgetter(name), data), np.float64, len(data))


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
