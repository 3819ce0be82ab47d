"""One line in, one row out: validate, hash, put into columns; what is no event becomes a dead letter."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import ValidationError

from journey.handle import fingerprint
from schemas.event import MAX_AHEAD_S, MAX_EVENT_BYTES, event_v1
from streams.edge import plain
from streams.edge.columns import Rows, batch
from streams.edge.keys import Keys
from streams.edge.naming import Naming, packed
from streams.edge.properties import Properties, stored
from streams.edge.reasons import DENIED, Refused, refused
from streams.edge.redact import redact
from streams.edge.times import parsed
from streams.frames import LETTERS, Frame

__all__ = ["Edge", "Letters", "Rows", "Screen"]

_EARLIEST_US = -2_208_988_800_000_000  # 1900-01-01, where DateTime64 begins
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_AHEAD = ("time_ahead", "/time: more than a day ahead")
_OLD = ("time_too_old", "/time: before 1900")
_NO = Refused(DENIED, "")
_SAYS_NO = re.compile(rb'"consent"\s*:\s*"denied"')  # in what is no event, too
_validated = event_v1.validator.validate_json

Letters = list[tuple[int, Refused]]  # by the place of the line
Screen = Callable[[Rows], Letters]  # tells which events the sender had no right to say


class Edge:
    """Turns lines into frames under one handle key. Values of `nobody` name no one, besides the built-in ones."""

    def __init__(self, key: bytes, nobody: frozenset[str] = frozenset(), *, trusted: bool = False) -> None:
        self._key = key
        self._fingerprint = fingerprint(key)
        self._naming = Naming(key, nobody, trusted=trusted)
        self._properties = Properties()
        self._keys = Keys()

    def pack(  # noqa: PLR0913 - keywords, each once
        self,
        lines: Sequence[bytes],
        *,
        topic: str,
        now_us: int,
        partition: int = 0,
        first_offset: int = 1,
        refused: Mapping[int, Refused] | None = None,
        screen: Screen | None = None,
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
        refused
            Lines, by their place, that are dead letters already, and why; they are not read.
        screen
            Asked of the events that the contract takes.
        """
        rows = self._plain(lines)
        letters = [(place, _unless_denied(lines[place], why)) for place, why in (refused or {}).items()]
        if refused:
            rows = rows.keep(_others(rows, letters))
        if len(rows) + len(letters) < len(lines):
            unread = set(range(len(lines))).difference(rows.places, refused or ())
            others, wrong = self._by_contract(lines, sorted(unread))
            rows, letters = rows.with_others(others), letters + wrong
        rows, denied = _consented(rows)
        timely, late = _check_time(rows, now_us)
        rows, letters = rows.keep(timely), letters + denied + late
        if screen is not None and (barred := screen(rows)):
            rows, letters = rows.keep(_others(rows, barred)), letters + barred
        letters.sort(key=lambda letter: letter[0])
        events = batch(rows, self._keys)
        refusals = self._letters(letters, lines, partition, first_offset)
        return Frame(events, refusals, topic, now_us, self._fingerprint)

    def check(self, line: bytes, now_us: int) -> None:
        """Raise Refused unless `pack` would take this line for an event."""
        try:
            time_us = (self._take(line)["time"] - _EPOCH) // _US
        except ValidationError as error:
            raise refused(error) from None
        if time_us > now_us + MAX_AHEAD_S * 1_000_000:
            raise Refused(*_AHEAD)
        if time_us < _EARLIEST_US:
            raise Refused(*_OLD)

    def _plain(self, lines: Sequence[bytes]) -> Rows:
        """Return the events that it does not take the contract to understand."""
        places, columns = plain.read(lines)
        values, texts = columns.values, columns.texts
        time_us, fit = parsed(texts.pop("time"))
        values["handles"] = self._naming.read(values["handles"])
        values["properties"] = self._properties.read(values["properties"])
        if not all(values["handles"]) or None in values["properties"]:
            fit &= [None not in both for both in zip(values["handles"], values["properties"], strict=True)]
        if wrong := [name for name in texts["type"].unique().to_pylist() if not plain.is_type(name)]:
            fit &= ~pc.is_in(texts["type"], pa.array(wrong)).to_numpy(zero_copy_only=False)
        priced = pc.not_equal(texts["currency"], "").to_numpy(zero_copy_only=False)
        return Rows(places, columns, time_us).keep(fit & (priced | np.isnan(values["amount"])))

    def _by_contract(self, lines: Sequence[bytes], places: Iterable[int]) -> tuple[Rows, Letters]:
        """Return the events at these places, and why the others are none."""
        taken: list[tuple[int, dict[str, Any]]] = []
        letters: Letters = []
        for place in places:
            try:
                taken.append((place, self._take(lines[place])))
            except ValidationError as error:
                letters.append((place, _unless_denied(lines[place], refused(error))))
            except Refused as reason:
                letters.append((place, _unless_denied(lines[place], reason)))
        time_us = np.array([(event.pop("time") - _EPOCH) // _US for _, event in taken], np.int64)
        columns = plain.Columns(
            {name: [event[name] for _, event in taken] for name in plain.VALUES},
            {
                name: pa.array([event[name] for _, event in taken], pa.string())
                for name in plain.TEXTS
                if name != "time"
            },
        )
        return Rows([place for place, _ in taken], columns, time_us), letters

    def _take(self, line: bytes) -> dict[str, Any]:
        if len(line) > MAX_EVENT_BYTES:
            raise Refused("too_large", f"/: {len(line)} bytes, at most {MAX_EVENT_BYTES}")
        event = _validated(line)
        data = event["data"]
        if "amount" in data and "currency" not in data:
            raise Refused("no_currency", "/data/currency: required with amount")
        handles = packed(self._naming.name(data["handles"]))
        properties = stored(data["properties"]) if "properties" in data else b""
        row: dict[str, Any] = plain.ABSENT | event | data | {"handles": handles, "properties": properties}
        return row

    def _letters(
        self, letters: Letters, lines: Sequence[bytes], partition: int, first_offset: int
    ) -> pa.RecordBatch:
        columns = {
            "reason": [reason.reason for _, reason in letters],
            "detail": [reason.detail for _, reason in letters],
            "topic_partition": [partition] * len(letters),
            "topic_offset": [first_offset + place for place, _ in letters],
            "bytes": [b"" if reason is _NO else self._redacted(lines[place]) for place, reason in letters],
        }
        return pa.RecordBatch.from_pydict(columns, schema=LETTERS)

    def _redacted(self, line: bytes) -> bytes:
        return redact(line[:MAX_EVENT_BYTES], self._key, self._naming.nobody, trusted=self._naming.trusted)


def _others(rows: Rows, letters: Letters) -> NDArray[np.bool_]:
    """Return which rows are none of these."""
    return ~np.isin(rows.places, [place for place, _ in letters])


def _unless_denied(line: bytes, reason: Refused) -> Refused:
    return _NO if _SAYS_NO.search(line) else reason


def _consented(rows: Rows) -> tuple[Rows, Letters]:
    """Return the events that may be kept, and a letter without content for each other."""
    denied = pc.equal(rows.columns.texts["consent"], "denied").to_numpy(zero_copy_only=False)
    if not denied.any():
        return rows, []
    return rows.keep(~denied), [(rows.places[i], _NO) for i in np.flatnonzero(denied)]


def _check_time(rows: Rows, now_us: int) -> tuple[NDArray[np.bool_], Letters]:
    ahead = rows.time_us > now_us + MAX_AHEAD_S * 1_000_000
    old = rows.time_us < _EARLIEST_US
    late = [(rows.places[i], Refused(*_AHEAD)) for i in np.flatnonzero(ahead)]
    late += [(rows.places[i], Refused(*_OLD)) for i in np.flatnonzero(old)]
    return ~(ahead | old), late
