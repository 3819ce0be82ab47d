"""Packs lines into frames: validates each line and hashes its handles; an invalid one becomes a dead letter."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import ValidationError

from journey.identity.handle_key import AnyKey, HandleKey
from journey.identity.rules import HandleRules
from schemas.event import MAX_AHEAD_S, MAX_EVENT_BYTES, event_v1
from streams.edge import encoded_data, fast_path, repeats
from streams.edge.event_keys import Keys
from streams.edge.handles import HandleHasher
from streams.edge.properties import Properties, stored
from streams.edge.readable import Sealing
from streams.edge.reasons import DENIED, Refused, refused
from streams.edge.redact import redact
from streams.edge.rows import Rows, batch, readable_of
from streams.edge.shapes import FIELDS
from streams.edge.spoken import Spoken, parted, taken, with_moods
from streams.edge.texts import Hiding
from streams.edge.times import parsed
from streams.edge.unlinked import Letters, Screen, alone, alone_in, barred_too
from streams.edge.unlinks import in_all_forms
from streams.edge.unpackable import unpackable
from streams.log.frame import LETTERS, Frame
from streams.mood.moods import NO_MOODS, Moods
from streams.text.encodings import foreign_form
from streams.text.json_parts import BOM

__all__ = ["Edge", "Letters", "Rows", "Screen"]

_EARLIEST_US = -2_208_988_800_000_000  # 1900-01-01, where DateTime64 begins
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_AHEAD = ("time_ahead", "/time: more than a day ahead")
_OLD = ("time_too_old", "/time: before 1900")
_NO = Refused(DENIED, "")
_SAYS_NO = re.compile(rb'"consent"\s*:\s*"denied"')  # in what is no event, too
_WORD = re.compile(r"[a-z_]+")  # of a pointer: what may be a name
_validated = event_v1.validator.validate_json
_RULES = HandleRules()


class Edge:
    """A packer of lines into frames under one handle key.

    Values of `nobody` name no one, besides the built-in ones; `moods` reads what was written; `sealing` keeps the values
    of some handles readable, encrypted, None for none.
    """

    def __init__(  # noqa: PLR0913 - by name, all but the first two
        self,
        key: AnyKey,
        nobody: frozenset[str] = frozenset(),
        *,
        trusted: bool = False,
        rules: HandleRules = _RULES,
        moods: Moods = NO_MOODS,
        sealing: Sealing | None = None,
    ) -> None:
        self._key = HandleKey.of(key)
        self._fingerprint = self._key.fingerprint
        self._naming = HandleHasher(self._key, nobody, trusted=trusted, rules=rules, sealing=sealing)
        self._properties = Properties()
        self._hiding = Hiding(self._key)
        self._keys = Keys()
        self._moods = moods

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
            Asked of the events that the contract takes; without one, the sender may say everything.
        """
        where: dict[str, Any] = {"topic": topic, "partition": partition, "first_offset": first_offset}
        try:
            return self._packed(lines, now_us, refused or {}, screen, **where)
        except Exception as error:  # noqa: BLE001 - an error of ours over one line is to refuse that line alone
            odd = unpackable(lines, lambda some: self._packed(some, now_us, {}, None, **where), error)
            unread = [b"" if place in odd else line for place, line in enumerate(lines)]
            return self._packed(unread, now_us, {**(refused or {}), **odd}, screen, **where)

    def _packed(  # noqa: PLR0913 - as `pack`
        self,
        lines: Sequence[bytes],
        now_us: int,
        refused: Mapping[int, Refused],
        screen: Screen | None,
        *,
        topic: str,
        partition: int,
        first_offset: int,
    ) -> Frame:
        rows, spoken = self._plain(lines), dict[int, Spoken]()
        if len(rows) < len(lines):  # what is plain has its data as they are, and no text
            lines = encoded_data.with_decoded(lines)
            lines, spoken = taken(lines, sorted(set(range(len(lines))).difference(rows.places)))
            rows = rows.with_others(self._plain_at(lines, list(spoken)))
        letters = [(place, _unless_denied(lines[place], why)) for place, why in refused.items()]
        if refused:
            rows = rows.keep(_others(rows, letters))
        if len(rows) + len(letters) < len(lines):
            unread = set(range(len(lines))).difference(rows.places, refused)
            others, wrong = self._by_contract(lines, sorted(unread))
            rows, letters = rows.with_others(others), letters + wrong
        rows, denied = _consented(rows)
        letters += denied
        if screen is not None:  # first: what is refused for its time may be replayed when that has come
            barred = screen.barred(rows)
            rows = rows.keep(_others(rows, barred)) if barred else rows
            letters = [*barred_too(letters, lines, screen), *barred]
        timely, late = _check_time(rows, now_us)
        rows, letters = rows.keep(timely), letters + late
        if screen is not None:
            alone(rows, screen)
        rows = in_all_forms(rows)
        letters.sort(key=lambda letter: letter[0])
        rows = self._hiding.applied(rows, lines)
        if spoken and self._moods:
            rows = with_moods(rows, spoken, self._moods)
        events = batch(rows, self._keys)
        refusals = self._letters(letters, lines, partition, first_offset, screen)
        sealed = readable_of(events, self._naming) if self._naming.sealing is not None else None
        return Frame(events, refusals, topic, now_us, self._fingerprint, sealed)

    def check(self, line: bytes, now_us: int) -> None:
        """Raise Refused unless `pack` would take this line for an event."""
        try:
            time_us = (self._take(parted(encoded_data.decoded(line))[0])["time"] - _EPOCH) // _US
        except ValidationError as error:
            raise _why(error, line) from None
        if time_us > now_us + MAX_AHEAD_S * 1_000_000:
            raise Refused(*_AHEAD)
        if time_us < _EARLIEST_US:
            raise Refused(*_OLD)

    def _plain(self, lines: Sequence[bytes]) -> Rows:
        """Return the events that it does not take the contract to understand."""
        places, columns = fast_path.read(lines)
        values, texts = columns.values, columns.texts
        time_us, fit = parsed(texts.pop("time"))
        read = self._naming.read(values["handles"], texts["brand"])
        suspects = repeats.suspects(places, columns, [each and each[1] for each in read])
        suspects.update(self._properties.suspects(places, values["properties"]))
        values["handles"] = [each and each[0] for each in read]
        values["properties"] = self._properties.read(values["properties"])
        if not all(values["handles"]) or None in values["properties"]:
            fit &= [None not in both for both in zip(values["handles"], values["properties"], strict=True)]
        if wrong := [name for name in texts["type"].unique().to_pylist() if not fast_path.is_type(name)]:
            fit &= ~pc.is_in(texts["type"], pa.array(wrong)).to_numpy(zero_copy_only=False)
        priced = pc.not_equal(texts["currency"], "").to_numpy(zero_copy_only=False)
        return Rows(places, columns, time_us, suspects).keep(fit & (priced | np.isnan(values["amount"])))

    def _plain_at(self, lines: Sequence[bytes], places: list[int]) -> Rows:
        """Return those of these lines that `_plain` understands."""
        rows = self._plain([lines[place] for place in places])
        return Rows(
            [places[row] for row in rows.places],
            rows.columns,
            rows.time_us,
            {places[row] for row in rows.suspects},
        )

    def _by_contract(self, lines: Sequence[bytes], places: Iterable[int]) -> tuple[Rows, Letters]:
        """Return the events at these places, and why the others are none."""
        taken: list[tuple[int, dict[str, Any]]] = []
        letters: Letters = []
        for place in places:
            try:
                taken.append((place, self._take(lines[place])))
            except ValidationError as error:
                letters.append((place, _unless_denied(lines[place], _why(error, lines[place]))))
            except Refused as reason:
                letters.append((place, _unless_denied(lines[place], reason)))
        time_us = np.array([(event.pop("time") - _EPOCH) // _US for _, event in taken], np.int64)
        columns = fast_path.Columns(
            {name: [event[name] for _, event in taken] for name in fast_path.VALUES},
            {
                name: pa.array([event[name] for _, event in taken], pa.string())
                for name in fast_path.TEXTS
                if name != "time"
            },
        )
        places = [place for place, _ in taken]
        return Rows(places, columns, time_us, set(places)), letters

    def _take(self, line: bytes) -> dict[str, Any]:
        if len(line) > MAX_EVENT_BYTES:
            raise Refused("too_large", f"/: {len(line)} bytes, at most {MAX_EVENT_BYTES}")
        if (why := encoded_data.fault(line)) is not None:
            raise why
        event = _validated(line.removeprefix(BOM))
        data = event["data"]
        if "amount" in data and "currency" not in data:
            raise Refused("no_currency", "/data/currency: required with amount")
        handles = self._naming.name(data["handles"], data["brand"])
        properties = stored(data["properties"]) if "properties" in data else b""
        row: dict[str, Any] = fast_path.ABSENT | event | data | {"handles": handles, "properties": properties}
        return row

    def _letters(
        self,
        letters: Letters,
        lines: Sequence[bytes],
        partition: int,
        first_offset: int,
        screen: Screen | None,
    ) -> pa.RecordBatch:
        kept = [
            b"" if reason is _NO else self._redacted(lines[place], place, screen) for place, reason in letters
        ]
        columns = {
            "reason": [reason.reason for _, reason in letters],
            "detail": [
                _without_names(reason.detail, line) for (_, reason), line in zip(letters, kept, strict=True)
            ],
            "topic_partition": [partition] * len(letters),
            "topic_offset": [first_offset + place for place, _ in letters],
            "bytes": kept,
        }
        return pa.RecordBatch.from_pydict(columns, schema=LETTERS)

    def _redacted(self, line: bytes, place: int, screen: Screen | None) -> bytes:
        found = redact(
            line[:MAX_EVENT_BYTES],
            self._key,
            self._naming.nobody,
            trusted=self._naming.trusted,
            rules=self._naming.rules,
        )
        return found if screen is None or screen.may_link(place) else alone_in(found, self._key.rank)


def _others(rows: Rows, letters: Letters) -> NDArray[np.bool_]:
    """Return which rows are none of these."""
    return ~np.isin(rows.places, [place for place, _ in letters])


def _why(error: ValidationError, line: bytes) -> Refused:
    if form := foreign_form(line):
        return Refused("not_json", f"/: this is {form}; events are JSON in UTF-8")
    return refused(error)


def _unless_denied(line: bytes, reason: Refused) -> Refused:
    return _NO if _SAYS_NO.search(line) else reason


def _without_names(detail: str, letter: bytes) -> str:
    """Return where and what is wrong without names of fields that the letter does not show: a handle may be one."""
    pointer, colon, what = detail.partition(":")
    parts = [
        part if part in FIELDS or not _WORD.fullmatch(part) or f'"{part}":'.encode() in letter else "?"
        for part in pointer.split("/")
    ]
    return f"{'/'.join(parts)}{colon}{what}" if pointer[:1] == "/" else detail


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
