"""The columns of a frame, filled event by event: an event is let go of as soon as its values stand in columns."""

from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.frames import AMOUNT_SCALE, EVENTS

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Columns"]

_REQUIRED = ("event", "time", "type", "source", "id", "brand")
_OPTIONAL = (
    "content", "product", "place", "campaign", "device", "amount", "currency", "rating", "sentiment", "cause", "properties",
)  # fmt: skip


class Columns:
    """Values of events, in the order in which they were added.

    Most events lack most of the optional fields, so of those only what is there is kept, by the row it is for.
    """

    def __init__(self) -> None:
        self._rows: list[
            tuple[bytes, datetime, str, str, str, str]
        ] = []  # what every event has, in _REQUIRED order
        self._ends: list[int] = []  # of the handles of each row, which stand in the next two
        self._kinds = bytearray()
        self._ids = array("Q")
        self._optional: dict[str, dict[int, Any]] = {name: {} for name in _OPTIONAL}

    def add(self, key: bytes, event: Mapping[str, Any], handles: Sequence[tuple[int, int]]) -> None:
        """Take the values of one event, its properties as JSON text; `handles` are (kind code, id), the primary one first.

        The event's data is emptied of what has been taken.
        """
        data, row = event["data"], len(self._rows)
        del data["handles"]
        self._rows.append(
            (key, event["time"], event["type"], event["source"], event["id"], data.pop("brand"))
        )
        for code, identifier in handles:
            self._kinds.append(code)
            self._ids.append(identifier)
        self._ends.append(len(self._kinds))
        for name, value in data.items():
            self._optional[name][row] = value

    def batch(self) -> pa.RecordBatch:
        """Return the columns of `streams.frames.EVENTS`."""
        keys, times, *texts = zip(*self._rows, strict=True) if self._rows else [()] * len(_REQUIRED)
        columns = {
            "event": pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(16), len(keys), [None, pa.py_buffer(b"".join(keys))]
            ),
            "time": pa.array(times, pa.timestamp("us", "UTC")),
        }
        columns |= {
            name: pa.array(text, pa.string()) for name, text in zip(_REQUIRED[2:], texts, strict=True)
        }
        columns |= {name: self._spread(name, values) for name, values in self._optional.items()}
        columns |= self._handles()
        return pa.RecordBatch.from_arrays([columns[field.name] for field in EVENTS], schema=EVENTS)

    def _spread(self, name: str, values: dict[int, Any]) -> pa.Array:
        """Put each value into its row; the other rows are empty text, or null where the column holds numbers."""
        kind = EVENTS.field(name).type
        absent = pa.scalar("" if kind == pa.string() else None, kind)
        if not values:
            return pa.repeat(absent, len(self._rows))
        present = _amounts(values) if name == "amount" else list(values.values())
        taken = np.full(len(self._rows), len(values))
        taken[np.fromiter(values, np.int64, len(values))] = np.arange(len(values))
        return pa.concat_arrays([pa.array(present, kind), pa.repeat(absent, 1)]).take(pa.array(taken))

    def _handles(self) -> dict[str, pa.Array]:
        ids = pa.array(np.frombuffer(self._ids, np.uint64))
        kinds = pa.array(np.frombuffer(self._kinds, np.uint8))
        offsets = pa.array([0, *self._ends], pa.int32())
        return {
            "handle": ids.take(offsets[:-1]),
            "handles": pa.ListArray.from_arrays(offsets, ids),
            "kinds": pa.ListArray.from_arrays(offsets, kinds),
        }


def _amounts(values: Mapping[int, float]) -> NDArray[np.int64]:
    amounts = np.fromiter(values.values(), np.float64, len(values))
    return np.rint(amounts * AMOUNT_SCALE).astype(np.int64)
