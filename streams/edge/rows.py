"""Holds the parsed events of a frame by row, and converts them to the frame's columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from streams.edge.event_keys import Keys
from streams.edge.fast_path import Columns
from streams.edge.handles import HandleHasher
from streams.log.arrow import times
from streams.log.frame import AMOUNT_SCALE, EVENTS, READABLE

__all__ = ["Rows", "batch", "readable_of"]


@dataclass(slots=True)
class Rows:
    """The events by the place of the line that each came from; `handles` and `properties` as they are kept.

    `suspects` are the places of events whose texts may repeat a handle.
    """

    places: list[int]
    columns: Columns
    time_us: NDArray[np.int64]
    suspects: set[int] = field(default_factory=set)

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
        suspects = self.suspects | other.suspects
        rows = Rows(places, both, np.concatenate([self.time_us, other.time_us]), suspects)
        return rows._take(np.argsort(places))

    def _take(self, rows: NDArray[np.int64]) -> "Rows":
        listed, at = rows.tolist(), pa.array(rows)
        columns = Columns(
            {name: [values[row] for row in listed] for name, values in self.columns.values.items()},
            {name: texts.take(at) for name, texts in self.columns.texts.items()},
        )
        return Rows([self.places[row] for row in listed], columns, self.time_us[rows], self.suspects)


def batch(rows: Rows, keys: Keys) -> pa.RecordBatch:
    """Return the columns of `streams.log.frame.EVENTS`."""
    values = rows.columns.values
    codes, ids, primaries, _ = zip(*values["handles"], strict=True) if len(rows) else ((), (), (), ())
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


def readable_of(events: pa.RecordBatch, naming: HandleHasher) -> pa.RecordBatch | None:
    """Return columns of `streams.log.frame.READABLE`: each readable handle that events name, once a brand; None for none."""
    found: dict[tuple[str, int], tuple[int, bytes]] = {}
    for brand in events.column("brand").unique().to_pylist():
        theirs = events.filter(pc.equal(events.column("brand"), brand))
        handles = theirs.column("handles").flatten().to_numpy()
        kinds = theirs.column("kinds").flatten().to_numpy()
        each, place = np.unique(handles, return_index=True)
        for handle, kind in zip(each.tolist(), kinds[place].tolist(), strict=True):
            if (sealed := naming.sealed(brand, handle)) is not None:
                found[brand, handle] = (kind, sealed)
    if not found or naming.sealing is None:
        return None
    columns = {
        "brand": [brand for brand, _ in found],
        "kind": [kind for kind, _ in found.values()],
        "handle": [handle for _, handle in found],
        "fingerprint": [naming.sealing.key.fingerprint] * len(found),
        "sealed": [sealed for _, sealed in found.values()],
    }
    return pa.RecordBatch.from_pydict(columns, schema=READABLE)
