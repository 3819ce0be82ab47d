"""Finds conflicts: repeats of an event that say something else than the one that is stored, field by field."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from journey.seen import Ids
from schemas.event import SENTIMENT_BY
from streams.log.arrow import times
from streams.log.batch import Batch
from streams.log.frame import AMOUNT_SCALE, EVENTS

__all__ = ["CONTENT", "Conflicts", "find", "near"]

# What an event says. Source, id and primary handle are the same in every repeat: they make its key. A sentiment that was
# computed from a text is nobody's word: another version of what computes it, or none, says nothing else.
CONTENT = (
    "time", "brand", "type", "handles", "content", "product", "place", "campaign", "device", "amount", "currency",
    "rating", "sentiment", "cause", "properties",
)  # fmt: skip
_KEY = ("event", "source", "id", "handle")
_COMPUTED = f'"{SENTIMENT_BY}":'
_SHOWN = 200  # characters of a value
_TOGETHER = 20_000  # repeats that are compared at a time: rows of them are in memory

Stored = Callable[[Ids, pa.Table], pa.Table]


@dataclass(frozen=True, slots=True)
class Conflicts:
    """The conflicts of a batch.

    Attributes
    ----------
    differs
        Marks the rows of the batch that repeat an event and say something else.
    rows
        Rows of the table conflicts.
    """

    differs: NDArray[np.bool_]
    rows: pa.Table


_STORED = pa.schema([EVENTS.field(name) for name in ("event", *CONTENT)])
_ROWS = pa.schema(
    [
        ("event", pa.binary(16)),
        ("source", pa.string()),
        ("id", pa.string()),
        ("handle", pa.uint64()),
        ("field", pa.string()),
        ("kept", pa.string()),
        ("repeated", pa.string()),
        ("repeated_at", pa.timestamp("us", "UTC")),
        ("_partition", pa.uint16()),
        ("_offset", pa.uint64()),
    ]
)


def find(
    batch: Batch, ids: Ids, repeated: NDArray[np.bool_], arrived_us: NDArray[np.int64], stored: Stored
) -> Conflicts:
    """Compare each repeat with the event that counts: one of the batch that is no repeat, else the stored one.

    Parameters
    ----------
    arrived_us
        When each row of the batch arrived.
    stored
        Returns the stored events with some ids, of which it is given brand, time and handle of a repeat.
    """
    differs = np.zeros(len(batch), dtype=bool)
    tables = [_ROWS.empty_table()]
    repeats = np.flatnonzero(repeated)
    if not len(repeats):
        return Conflicts(differs, tables[0])
    first = _first_in_batch(ids, repeated, repeats)
    for start in range(0, len(repeats), _TOGETHER):
        mine, kept = repeats[start : start + _TOGETHER], first[start : start + _TOGETHER]
        within, among = mine[kept >= 0], _content(batch.events, kept[kept >= 0])
        for rows, theirs in ((within, among), _from_store(batch, ids, mine[kept < 0], stored)):
            found = _compare(_content(batch.events, rows), theirs)
            differs[rows[[row for row, *_ in found]]] = True
            tables.append(_table(batch, rows, found, arrived_us))
    return Conflicts(differs, pa.concat_tables(tables))


def _first_in_batch(ids: Ids, repeated: NDArray[np.bool_], repeats: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return, for each repeat, the row of the batch that has its id and counts; -1 where there is none."""
    candidates = np.flatnonzero(~repeated & np.isin(ids.high, ids.high[repeats]))
    high, low = ids.high[candidates].tolist(), ids.low[candidates].tolist()
    rows = dict(zip(zip(high, low, strict=True), candidates.tolist(), strict=True))
    keys = zip(ids.high[repeats].tolist(), ids.low[repeats].tolist(), strict=True)
    return np.array([rows.get(key, -1) for key in keys], dtype=np.int64)


def _from_store(
    batch: Batch, ids: Ids, rows: NDArray[np.intp], stored: Stored
) -> tuple[NDArray[np.intp], pa.Table]:
    """Return those of these repeats whose event is stored, and these events."""
    if not len(rows):
        return rows, _content(batch.events, rows)
    wanted = ids.take(rows)
    _, distinct = np.unique(np.stack([wanted.high, wanted.low]), axis=1, return_index=True)
    found = stored(wanted.take(distinct), near(batch, rows[distinct])).cast(_STORED)
    place: dict[bytes, int] = {}
    for number, event in enumerate(found.column("event").to_pylist()):
        place.setdefault(event, number)
    at = np.array([place.get(event, -1) for event in batch.events.column("event").take(rows).to_pylist()])
    return rows[at >= 0], _content(found, at[at >= 0])


def near(batch: Batch, rows: NDArray[np.integer]) -> pa.Table:
    """Return brand, time and handle of these rows of a batch."""
    return batch.events.select(["brand", "time", "handle"]).take(pa.array(rows, pa.int64()))


def _content(events: pa.Table, rows: NDArray[np.integer]) -> pa.Table:
    return _said(events.select(CONTENT).take(pa.array(rows, pa.int64())).combine_chunks())


def _said(events: pa.Table) -> pa.Table:
    """Return events without sentiments that were computed."""
    perhaps = pc.fill_null(pc.match_substring(events.column("properties"), _COMPUTED), False)  # noqa: FBT003 - as below
    rows = np.flatnonzero(perhaps.to_numpy())
    if not len(rows):
        return events
    computed = np.zeros(len(events), dtype=bool)
    texts = events.column("properties").take(pa.array(rows)).to_pylist()
    computed[rows] = [SENTIMENT_BY in json.loads(text) for text in texts]
    place = events.schema.get_field_index("sentiment")
    said = pc.if_else(pa.array(computed), pa.scalar(None, pa.float64()), events.column(place))
    return events.set_column(place, events.schema.field(place), said)


def _compare(mine: pa.Table, kept: pa.Table) -> list[tuple[int, str, str, str]]:
    """Return the fields that differ: the row, the field, the value that is kept and the one that was repeated."""
    found = []
    for name in CONTENT:
        left, right = mine.column(name), kept.column(name)
        for row in _unequal(left, right):
            pair = _shown(name, right[row].as_py(), left[row].as_py())
            if pair is not None:
                found.append((row, name, *pair))
    return found


def _unequal(left: pa.ChunkedArray, right: pa.ChunkedArray) -> list[int]:
    if pa.types.is_list(left.type):
        pairs = zip(left.to_pylist(), right.to_pylist(), strict=True)
        return [row for row, (one, other) in enumerate(pairs) if set(one) != set(other)]
    unlike = pc.or_(
        pc.fill_null(pc.not_equal(left, right), False),  # noqa: FBT003 - what null becomes
        pc.not_equal(pc.is_null(left), pc.is_null(right)),
    )
    return np.flatnonzero(unlike.to_numpy()).tolist()


def _shown(name: str, kept: Any, repeated: Any) -> tuple[str, str] | None:
    """Return two values as text; None where they are written in two ways and mean the same. Handles name nobody."""
    if name == "handles":
        common = set(kept) & set(repeated)
        return tuple(f"{len(set(each) - common)} others" for each in (kept, repeated))  # type: ignore[return-value]
    if name == "properties":
        one, other = (json.loads(each) if each else {} for each in (kept, repeated))
        keys = [
            key
            for key in {**one, **other}
            if key != SENTIMENT_BY and (key not in one or key not in other or one[key] != other[key])
        ]
        if not keys:
            return None
        kept, repeated = (_json({key: each[key] for key in keys if key in each}) for each in (one, other))
    if name == "amount":
        kept, repeated = (None if each is None else Decimal(each) / AMOUNT_SCALE for each in (kept, repeated))
    return _text(kept), _text(repeated)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    text = str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _table(
    batch: Batch,
    rows: NDArray[np.intp],
    found: list[tuple[int, str, str, str]],
    arrived_us: NDArray[np.int64],
) -> pa.Table:
    """Return rows of the table conflicts for what was found of these rows of the batch."""
    at = rows[[row for row, *_ in found]]
    columns = {name: batch.events.column(name).take(pa.array(at, pa.int64())) for name in _KEY}
    for number, name in enumerate(("field", "kept", "repeated"), 1):
        columns[name] = pa.array([each[number] for each in found], pa.string())
    columns["repeated_at"] = times(arrived_us[at])
    columns["_partition"], columns["_offset"] = pa.array(batch.partition[at]), pa.array(batch.offset[at])
    return pa.table(columns, _ROWS)
