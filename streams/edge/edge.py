"""One line in, one row out: validate, hash, put into columns; what is no event becomes a dead letter."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic_core import from_json, to_json

from schemas.event import MAX_AHEAD_S, MAX_EVENT_BYTES, MAX_PROPERTIES_BYTES, event_v1
from streams.edge.columns import Columns
from streams.edge.keys import Keys
from streams.edge.naming import Naming
from streams.edge.reasons import Refused, refused
from streams.edge.redact import redact
from streams.frames import LETTERS, Frame

__all__ = ["Edge"]

_EARLIEST_US = -2_208_988_800_000_000  # 1900-01-01, where DateTime64 begins
_validated = event_v1.validator.validate_json


class Edge:
    """Turns lines into frames under one handle key. Values of `nobody` name no one, besides the built-in ones."""

    def __init__(self, key: bytes, nobody: frozenset[str] = frozenset(), *, trusted: bool = False) -> None:
        self._key = key
        self._naming = Naming(key, nobody, trusted=trusted)
        self._keys = Keys()

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
        columns = Columns()
        places: list[int] = []
        letters: list[tuple[int, Refused]] = []
        for place, line in enumerate(lines):
            try:
                self._take(line, columns)
            except ValidationError as error:
                letters.append((place, refused(error)))
            except Refused as reason:
                letters.append((place, reason))
            else:
                places.append(place)
        events = columns.batch()
        keep, late = _check_time(events.column("time").cast(pa.int64()).to_numpy(), now_us)
        letters += [(places[i], reason) for i, reason in late]
        letters.sort(key=lambda letter: letter[0])
        if late:
            events = events.filter(pa.array(keep))
        return Frame(events, self._letters(letters, lines, partition, first_offset), topic, now_us)

    def _take(self, line: bytes, columns: Columns) -> None:
        if len(line) > MAX_EVENT_BYTES:
            raise Refused("too_large", f"/: {len(line)} bytes, at most {MAX_EVENT_BYTES}")
        event = _validated(line)
        data = event["data"]
        if "amount" in data and "currency" not in data:
            raise Refused("no_currency", "/data/currency: required with amount")
        handles = self._naming.name(data["handles"])
        if "properties" in data:
            data["properties"] = _text(data["properties"])
        columns.add(self._keys.key(event["source"], event["id"], handles[0][1]), event, handles)

    def _letters(
        self, letters: list[tuple[int, Refused]], lines: Sequence[bytes], partition: int, first_offset: int
    ) -> pa.RecordBatch:
        columns = {
            "reason": [reason.reason for _, reason in letters],
            "detail": [reason.detail for _, reason in letters],
            "topic_partition": [partition] * len(letters),
            "topic_offset": [first_offset + place for place, _ in letters],
            "bytes": [self._redacted(lines[place]) for place, _ in letters],
        }
        return pa.RecordBatch.from_pydict(columns, schema=LETTERS)

    def _redacted(self, line: bytes) -> bytes:
        return redact(line[:MAX_EVENT_BYTES], self._key, self._naming.nobody, trusted=self._naming.trusted)


def _text(properties: dict[str, Any]) -> bytes:
    text = to_json(properties)
    if len(text) > MAX_PROPERTIES_BYTES:
        raise Refused("too_large", f"/data/properties: more than {MAX_PROPERTIES_BYTES} bytes")
    if (b"NaN" in text or b"Infinity" in text) and not _is_json(text):
        raise Refused("bad_value", "/data/properties: NaN and Infinity are not JSON")
    return text


def _is_json(text: bytes) -> bool:
    try:
        from_json(text, allow_inf_nan=False)
    except ValueError:
        return False
    return True


def _check_time(
    time_us: NDArray[np.int64], now_us: int
) -> tuple[NDArray[np.bool_], list[tuple[int, Refused]]]:
    ahead = time_us > now_us + MAX_AHEAD_S * 1_000_000
    old = time_us < _EARLIEST_US
    late = [(int(i), Refused("time_ahead", "/time: more than a day ahead")) for i in np.flatnonzero(ahead)]
    late += [(int(i), Refused("time_too_old", "/time: before 1900")) for i in np.flatnonzero(old)]
    return ~(ahead | old), late
