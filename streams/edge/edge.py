"""One line in, one row out: validate, hash, put into columns; what is no event becomes a dead letter."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import ValidationError

from schemas.event import MAX_AHEAD_S, MAX_EVENT_BYTES, MAX_PROPERTIES_BYTES, EventV1, event_v1
from streams.edge.naming import Naming
from streams.edge.reasons import Refused, refused
from streams.edge.redact import redact
from streams.frames import AMOUNT_SCALE, EVENTS, LETTERS, Frame

__all__ = ["Edge"]

_EARLIEST_US = -2_208_988_800_000_000  # 1900-01-01, where DateTime64 begins
_TEXTS = ("content", "product", "place", "campaign", "device", "currency", "cause")

Row = tuple[EventV1, list[tuple[int, int]], bytes, str]  # event, handles, key, properties as text


class Edge:
    """Turns lines into frames under one handle key. Values of `nobody` name no one, besides the built-in ones."""

    def __init__(self, key: bytes, nobody: frozenset[str] = frozenset(), *, trusted: bool = False) -> None:
        self._key = key
        self._naming = Naming(key, nobody, trusted=trusted)

    def pack(
        self, lines: Sequence[bytes], *, topic: str, now_us: int, partition: int = 0, first_offset: int = 1
    ) -> Frame:
        """Return a frame of all these lines: `received` of it equals their number.

        Parameters
        ----------
        lines
            One event each, as JSON; at most 5,000.
        topic, partition, first_offset
            Where they came from, for the dead letters: a file and its line numbers, or a Kafka topic.
        now_us
            The clock; event times more than a day ahead of it are refused.
        """
        rows: list[Row] = []
        places: list[int] = []
        letters: list[tuple[int, Refused]] = []
        for place, line in enumerate(lines):
            try:
                rows.append(self._row(line))
                places.append(place)
            except ValidationError as error:
                letters.append((place, refused(error)))
            except Refused as reason:
                letters.append((place, reason))
        events = _columns(rows)
        time_us = events.column("time").cast(pa.int64()).to_numpy()
        keep, late = _check_time(time_us, now_us)
        letters += [(places[i], reason) for i, reason in late]
        letters.sort(key=lambda letter: letter[0])
        if late:
            events = events.filter(pa.array(keep))
        return Frame(events, self._letters(letters, lines, partition, first_offset), topic, now_us)

    def _row(self, line: bytes) -> Row:
        if len(line) > MAX_EVENT_BYTES:
            raise Refused("too_large", f"/: {len(line)} bytes, at most {MAX_EVENT_BYTES}")
        event = event_v1.validate_json(line)
        data = event["data"]
        if "amount" in data and "currency" not in data:
            raise Refused("no_currency", "/data/currency: required with amount")
        named = self._naming.name(data["handles"])
        identity = f"{event['source']}\0{event['id']}\0{named[0][1]}"
        key = hashlib.blake2b(identity.encode(), digest_size=16).digest()
        return event, named, key, _properties(data["properties"]) if "properties" in data else ""

    def _letters(
        self, letters: list[tuple[int, Refused]], lines: Sequence[bytes], partition: int, first_offset: int
    ) -> pa.RecordBatch:
        columns = {
            "reason": [reason.reason for _, reason in letters],
            "detail": [reason.detail for _, reason in letters],
            "topic_partition": [partition] * len(letters),
            "topic_offset": [first_offset + place for place, _ in letters],
            "bytes": [redact(lines[place][:MAX_EVENT_BYTES], self._key) for place, _ in letters],
        }
        return pa.RecordBatch.from_pydict(columns, schema=LETTERS)


def _properties(properties: dict[str, Any]) -> str:
    try:
        text = json.dumps(properties, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise Refused("bad_value", "/data/properties: NaN and Infinity are not JSON") from error
    if len(text.encode()) > MAX_PROPERTIES_BYTES:
        raise Refused("too_large", f"/data/properties: more than {MAX_PROPERTIES_BYTES} bytes")
    return text


def _check_time(time_us: NDArray[np.int64], now_us: int) -> tuple[NDArray[np.bool_], list[tuple[int, Refused]]]:
    ahead = time_us > now_us + MAX_AHEAD_S * 1_000_000
    old = time_us < _EARLIEST_US
    late = [(int(i), Refused("time_ahead", "/time: more than a day ahead")) for i in np.flatnonzero(ahead)]
    late += [(int(i), Refused("time_too_old", "/time: before 1900")) for i in np.flatnonzero(old)]
    return ~(ahead | old), late


def _columns(rows: list[Row]) -> pa.RecordBatch:
    events = [row[0] for row in rows]
    datas: list[Any] = [event["data"] for event in events]
    columns: dict[str, pa.Array] = {
        "event": pa.array([row[2] for row in rows], pa.binary(16)),
        "time": pa.array([event["time"] for event in events], pa.timestamp("us", "UTC")),
        "brand": pa.array([data["brand"] for data in datas], pa.string()),
        "type": pa.array([event["type"] for event in events], pa.string()),
        "source": pa.array([event["source"] for event in events], pa.string()),
        "id": pa.array([event["id"] for event in events], pa.string()),
        "rating": pa.array([data.get("rating") for data in datas], pa.float64()),
        "sentiment": pa.array([data.get("sentiment") for data in datas], pa.float64()),
        "amount": _amounts([data.get("amount") for data in datas]),
        "properties": pa.array([row[3] for row in rows], pa.string()),
    }
    columns |= {name: pa.array([data.get(name, "") for data in datas], pa.string()) for name in _TEXTS}
    columns |= _handles([row[1] for row in rows])
    return pa.RecordBatch.from_arrays([columns[field.name] for field in EVENTS], schema=EVENTS)


def _amounts(values: list[float | None]) -> pa.Array:
    amounts = np.array(values, dtype=np.float64)  # None becomes NaN
    absent = np.isnan(amounts)
    whole = np.rint(np.where(absent, 0.0, amounts) * AMOUNT_SCALE).astype(np.int64)
    return pa.array(whole, mask=absent)


def _handles(named: list[list[tuple[int, int]]]) -> dict[str, pa.Array]:
    sizes = np.fromiter((len(handles) for handles in named), dtype=np.int32, count=len(named))
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32))
    kinds = pa.array([code for handles in named for code, _ in handles], pa.uint8())
    ids = pa.array([identifier for handles in named for _, identifier in handles], pa.uint64())
    return {
        "handle": pa.array([handles[0][1] for handles in named], pa.uint64()),
        "handles": pa.ListArray.from_arrays(offsets, ids),
        "kinds": pa.ListArray.from_arrays(offsets, kinds),
    }
