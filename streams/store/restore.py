"""Queries the state that a restart restores from the tables."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.seen import UNSEEN, Ids, position
from journey.stage import STAGE_NAMES
from streams.log.batch import Watermark
from streams.store.port import SEQUENCED, TABLES

__all__ = ["COUNT_IDS", "GIVEN", "RECENT", "STORED", "Restoring", "id_slices", "ids_of"]

_LOOKUP_CHUNK = 20_000  # ids in one query
_PARAMETER_CHUNK = 3_000  # ids in one parameter: a server takes 128 KiB for each
_SLICE = 2_000_000  # ids that are restored together
_LONG = {"max_query_size": 10_000_000}
_DAY_US = 86_400_000_000
_NEAR = (
    "brand IN {{brands:Array(String)}} AND (toDate32(time), handle) IN"
    " (SELECT arrayJoin(arrayZip(arrayMap(day -> toDate32(day), {days}), {handles})))"
)
_ANYWHERE = "(brand, toDate32(time), handle) IN (SELECT brand, toDate32(time), handle FROM interactions WHERE event IN {among})"

# What an event says, as frames have it; `event` and `handle` are the same in every repeat.
STORED = (
    "event, time, brand, type, handles, content, product, place, campaign, device,"
    " CAST(toDecimal128(amount, 4) * 10000 AS Nullable(Int64)) AS amount, currency, rating, sentiment, cause, properties"
)
RECENT = """
    SELECT _partition, min(_offset) FROM
    (
        SELECT _partition, _offset,
            sum(stored) OVER (ORDER BY received_at DESC, _partition, _offset DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS newer
        FROM deliveries
        WHERE {scope} AND received_at >= (SELECT max(received_at) FROM deliveries WHERE {scope}) - toIntervalMicrosecond({{window_us:UInt64}})
    )
    WHERE newer <= {{most:UInt64}}
    GROUP BY _partition
"""

# One question for all tables: each open of a data directory asks it. Interactions may have expired up to the last one.
_WATERMARKS = " UNION ALL ".join(
    (
        *(f"SELECT '{table}', _partition, max(_offset) FROM {table} GROUP BY _partition" for table in TABLES),
        "SELECT 'interactions', part, max(upto) FROM expiries GROUP BY part",
    )
)
# Events that were there once. Those of an expiry that was interrupted are among them too, at the same place as in interactions.
_EVENTS = "(SELECT event, handle, _partition, _offset FROM interactions UNION ALL SELECT event, handle, _partition, _offset FROM expired_events)"
# Of announcements that were erased since: readers of the feed may stand there.
GIVEN = "SELECT max(sequence) FROM announced_numbers"
COUNT_IDS = "SELECT (SELECT count() FROM interactions WHERE {scope}) + (SELECT count() FROM expired_events WHERE {scope})"


READABLE = """
    SELECT DISTINCT toString(brand), handle, toString(fingerprint) FROM readable_handles
    WHERE brand IN {brands:Array(String)} AND handle IN {handles:Array(UInt64)}
"""
_ASKED = 4_000  # handles in one question: a server takes 128 KiB of parameters


class Restoring(ABC):
    """An implementation of the queries of `streams.store.port.Store`, over any store that runs a query."""

    @abstractmethod
    def query(
        self, sql: str, parameters: Mapping[str, Any], settings: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Run a query and return rows."""

    @abstractmethod
    def arrow(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> pa.Table:
        """Run a query and return Arrow columns, strings as strings."""

    def watermarks(self) -> dict[str, Watermark]:
        """Return, per table of TABLES and partition, the highest offset that it has."""
        found: dict[str, dict[int, int]] = {table: {} for table in TABLES}
        for table, partition, offset in self.query(_WATERMARKS, {}):
            mark = found[table]
            mark[int(partition)] = max(int(offset), mark.get(int(partition), 0))
        return {**found}

    def known_ids(self) -> Iterator[tuple[Ids, NDArray[np.uint64]]]:
        """Yield the ids of all events with their positions, in slices; of expired ones too."""
        for sql, parameters in id_slices(self.count_ids()):
            found = self.arrow(sql, parameters)
            yield ids_of(found), position(_numpy(found, "_partition"), _numpy(found, "_offset"))

    def count_ids(self) -> int:
        """Return how many events there are, and were before they expired."""
        ((count,),) = self.query(COUNT_IDS.format(scope="1"), {})
        return int(count)

    def recent(self, window_us: int, most: int) -> Watermark:
        """Return, per partition, the first offset of the frames that arrived last: `most` events, within `window_us`."""
        rows = self.query(RECENT.format(scope="1"), {"window_us": window_us, "most": most})
        return {int(partition): int(offset) for partition, offset in rows}

    def first_positions(self, ids: Ids, near: pa.Table | None) -> NDArray[np.uint64]:
        """Return the first position of each id, UNSEEN for none."""
        found = np.full(len(ids), UNSEEN, dtype=np.uint64)
        for rows, table in self._found(ids, near, "event, _partition, _offset", "1"):
            keys = [
                (high, low) for high, low in zip(ids.high[rows].tolist(), ids.low[rows].tolist(), strict=True)
            ]
            events, at = ids_of(table), position(_numpy(table, "_partition"), _numpy(table, "_offset"))
            places: dict[tuple[int, int], int] = {}
            for key, place in zip(
                zip(events.high.tolist(), events.low.tolist(), strict=True), at.tolist(), strict=True
            ):
                places[key] = min(place, places.get(key, place))
            found[rows] = [places.get(key, int(UNSEEN)) for key in keys]
        if len(unknown := np.flatnonzero(found == UNSEEN)):
            found[unknown] = self._expired(ids.take(unknown))
        return found

    def _expired(self, ids: Ids) -> NDArray[np.uint64]:
        """Return the position that each event had before it expired, UNSEEN for none."""
        found = np.full(len(ids), UNSEEN, dtype=np.uint64)
        for start in range(0, len(ids), _LOOKUP_CHUNK):
            rows = slice(start, start + _LOOKUP_CHUNK)
            some = Ids(ids.high[rows], ids.low[rows])
            table = self._where(some, "1", "event, _partition, _offset", {}, "expired_events")
            events, at = ids_of(table), position(_numpy(table, "_partition"), _numpy(table, "_offset"))
            places = dict(
                zip(zip(events.high.tolist(), events.low.tolist(), strict=True), at.tolist(), strict=True)
            )
            keys = zip(some.high.tolist(), some.low.tolist(), strict=True)
            found[rows] = [places.get(key, int(UNSEEN)) for key in keys]
        return found

    def stored(self, ids: Ids, near: pa.Table) -> pa.Table:
        """Return the events with these ids as they are stored: columns STORED, of an event the first row first."""
        return pa.concat_tables(table for _, table in self._found(ids, near, STORED, _ANYWHERE))

    def _found(
        self, ids: Ids, near: pa.Table | None, columns: str, anywhere: str
    ) -> Iterator[tuple[slice, pa.Table]]:
        """Yield columns of the events with these ids, some at a time, with the rows of the ids that were asked for.

        First where a repeat would be if it had the brand, time and handle of the first, as most do: rows that are asked
        for together lie together. Those that are not there are where the projection by_event says.
        """
        for start in range(0, len(ids), _LOOKUP_CHUNK):
            rows = slice(start, start + _LOOKUP_CHUNK)
            some, tables = Ids(ids.high[rows], ids.low[rows]), []
            missing = np.ones(len(some), dtype=bool)
            if near is not None:
                tables.append(self._where(some, _NEAR, columns, _near(near.slice(start, _LOOKUP_CHUNK))))
                missing = ~np.isin(some.high, ids_of(tables[0]).high)
            if missing.any():
                tables.append(self._where(some.take(missing), anywhere, columns, {}))
            yield rows, pa.concat_tables([table.cast(tables[0].schema) for table in tables])

    def _where(
        self, ids: Ids, scope: str, columns: str, parameters: dict[str, Any], table: str = "interactions"
    ) -> pa.Table:
        keys = [high << 64 | low for high, low in zip(ids.high.tolist(), ids.low.tolist(), strict=True)]
        names = {f"events_{n}": keys[n : n + _PARAMETER_CHUNK] for n in range(0, len(keys), _PARAMETER_CHUNK)}
        among = _joined(names, "UInt128")
        return self.arrow(
            f"SELECT {columns} FROM {table} WHERE event IN {among} AND {scope.format(among=among, **_lists(parameters))}"
            " ORDER BY _partition, _offset",
            names | parameters,
            _LONG,
        )

    def readable(self, brands: Collection[str], handles: Sequence[int]) -> set[tuple[str, int, str]]:
        """Return brand, handle and fingerprint of the key, of the rows of readable_handles that these brands' handles have."""
        return readable(self.query, brands, handles)

    def evidence(self, model: str) -> pa.Table:
        """Return brand, handle and the five sums (NaN for no evidence), one row each."""
        sums = ", ".join(f"ifNull(sum({name}), nan) AS {name}" for name in STAGE_NAMES)
        return self.arrow(
            f"SELECT brand, handle, {sums} FROM evidence WHERE model = {{model:String}} GROUP BY brand, handle",
            {"model": model},
        )

    def links(self) -> pa.Table:
        """Return left_handle, right_handle, kinds, said, withdrawn_at, restored_at, one row a pair."""
        return self.arrow(
            "SELECT left_handle, right_handle, any(left_kind) AS left_kind, any(right_kind) AS right_kind,"
            " sum(said) AS said, max(withdrawn_at) AS withdrawn_at, max(restored_at) AS restored_at"
            " FROM identity_links GROUP BY left_handle, right_handle"
        )

    def identity_map(self) -> pa.Table:
        """Return handle, kind, customer: the newest version of each."""
        return self.arrow("SELECT handle, kind, customer FROM customers")

    def announced(self) -> pa.Table:
        """Return brand, customer, stage: the latest announcement of each customer that has a stage."""
        return self.arrow(
            "SELECT brand, customer, toString(argMax(to_stage, sequence)) AS stage FROM stage_changes"
            " GROUP BY brand, customer HAVING stage != 'none'"
        )

    def announced_under(self) -> str:
        """Return the hash of the model of the latest announcement, empty without any."""
        return str(self.query("SELECT argMax(model, sequence) FROM stage_changes", {})[0][0])

    def sequences(self) -> dict[str, int]:
        """Return, for each table of SEQUENCED, the highest number of a write that it has or had, 0 without any."""
        query = "SELECT max({column:Identifier}) FROM {table:Identifier}"
        found = {
            table: int(self.query(query, {"table": table, "column": column})[0][0])
            for table, column in SEQUENCED.items()
        }
        ((given,),) = self.query(GIVEN, {})
        return found | {"stage_changes": max(found["stage_changes"], int(given))}


def readable(
    query: Callable[[str, dict[str, Any]], Sequence[Sequence[Any]]],
    brands: Collection[str],
    handles: Sequence[int],
) -> set[tuple[str, int, str]]:
    """Return which readable handles the table has, by any way to ask it: see `Restoring.readable`."""
    found: set[tuple[str, int, str]] = set()
    for start in range(0, len(handles), _ASKED):
        asked = {"brands": sorted(brands), "handles": handles[start : start + _ASKED]}
        found |= {(str(brand), int(handle), str(key)) for brand, handle, key in query(READABLE, asked)}
    return found


def _numpy(table: pa.Table, name: str) -> NDArray[Any]:
    return np.asarray(table.column(name).to_numpy())


def ids_of(table: pa.Table) -> Ids:
    """Return the column `event` (UInt128) as ids."""
    column = table.column("event").combine_chunks()
    if not len(column):
        none = np.empty(0, dtype=np.uint64)
        return Ids(none, none)
    words = np.frombuffer(column.buffers()[1], dtype=np.uint64)[2 * column.offset :][: 2 * len(column)]
    return Ids(words[1::2].copy(), words[0::2].copy())


def id_slices(count: int, scope: str = "1") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield queries of ids and their places that cut so many ids into ranges, which the projection by_event has sorted."""
    slices = count // _SLICE + 1
    sql = (
        f"SELECT event, _partition, _offset FROM {_EVENTS}"
        " WHERE event BETWEEN bitShiftLeft(toUInt128({first:UInt64}), 64)"
        f" AND bitOr(bitShiftLeft(toUInt128({{last:UInt64}}), 64), toUInt128({2**64 - 1})) AND {scope}"
    )
    for number in range(slices):
        first, last = (2**64 * edge // slices for edge in (number, number + 1))
        yield sql, {"first": first, "last": last - 1}


def _near(places: pa.Table) -> dict[str, Any]:
    """Return parameters that have the brands, and the days and handles, of some events."""
    days = (_numpy(places, "time").astype("datetime64[us]").astype(np.int64) // _DAY_US).tolist()
    handles = _numpy(places, "handle").tolist()
    brands = {"brands": places.column("brand").unique().to_pylist()}
    for start in range(0, len(days), _PARAMETER_CHUNK):
        brands[f"days_{start}"] = days[start : start + _PARAMETER_CHUNK]
        brands[f"handles_{start}"] = handles[start : start + _PARAMETER_CHUNK]
    return brands


def _lists(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the SQL of the days and handles that parameters have."""
    return {
        kind: _joined([name for name in parameters if name.startswith(f"{kind}_")], given)
        for kind, given in (("days", "Int32"), ("handles", "UInt64"))
    }


def _joined(names: Iterable[str], kind: str) -> str:
    return f"arrayConcat({', '.join(f'{{{name}:Array({kind})}}' for name in names)})"
