"""What a restart needs to know of the tables, asked in SQL."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.seen import UNSEEN, Ids, position
from journey.stage import STAGE_NAMES
from streams.batch import Watermark
from streams.clock import from_us
from streams.ports import SEQUENCED, TABLES

__all__ = ["Restoring", "ids_of"]

_LOOKUP_CHUNK = 20_000  # ids in one query
_PARAMETER_CHUNK = 3_000  # ids in one parameter: a server takes 128 KiB for each
_WORD = np.uint64(32)


class Restoring(ABC):
    """The questions of `streams.ports.Store`, for who can run a query."""

    @abstractmethod
    def query(
        self, sql: str, parameters: Mapping[str, Any], settings: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Run a query and return rows."""

    @abstractmethod
    def arrow(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Run a query and return Arrow columns, strings as strings."""

    def watermarks(self) -> dict[str, Watermark]:
        """Return, per table of TABLES and partition, the highest offset that it has."""
        query = "SELECT _partition, max(_offset) FROM {table:Identifier} GROUP BY _partition"
        return {
            table: {int(partition): int(offset) for partition, offset in self.query(query, {"table": table})}
            for table in TABLES
        }

    def newest_us(self) -> int | None:
        """Return the latest event time, None without any."""
        (row,) = self.query("SELECT count(), toUnixTimestamp64Micro(max(time)) FROM interactions", {})
        return int(row[1]) if row[0] else None

    def ids_since(self, time_us: int) -> tuple[Ids, NDArray[np.uint64]]:
        """Return ids and positions of the events at or after an instant."""
        found = self.arrow(
            "SELECT event, toUnixTimestamp64Micro(time) AS time_us, _partition, _offset FROM interactions"
            " WHERE time >= {since:DateTime64(6, 'UTC')}",
            {"since": from_us(time_us)},
        )
        return ids_of(found), position(_numpy(found, "_partition"), _numpy(found, "_offset"))

    def first_positions(self, ids: Ids, slack_us: int) -> NDArray[np.uint64]:
        """Return where each id stands, UNSEEN for none."""
        found = np.full(len(ids.high), UNSEEN, dtype=np.uint64)
        order = np.argsort(ids.time_us, kind="stable")  # a narrow range of time a query
        for start in range(0, len(order), _LOOKUP_CHUNK):
            rows = order[start : start + _LOOKUP_CHUNK]
            found[rows] = self._lookup(Ids(ids.high[rows], ids.low[rows], ids.time_us[rows]), slack_us)
        return found

    def _lookup(self, ids: Ids, slack_us: int) -> NDArray[np.uint64]:
        keys = [int(high) << 64 | int(low) for high, low in zip(ids.high, ids.low, strict=True)]
        low_us, high_us = int(ids.time_us.min()) - slack_us, int(ids.time_us.max()) + slack_us
        chunks = range(0, len(keys), _PARAMETER_CHUNK)
        events = {f"events_{start}": keys[start : start + _PARAMETER_CHUNK] for start in chunks}
        rows = self.query(
            "SELECT event, _partition, _offset FROM interactions"
            " WHERE toDate32(time) BETWEEN toDate32({from:DateTime64(6, 'UTC')}) AND toDate32({to:DateTime64(6, 'UTC')})"
            f" AND event IN arrayConcat({', '.join(f'{{{name}:Array(UInt128)}}' for name in events)})",
            {"from": from_us(low_us), "to": from_us(high_us)} | events,
            {"max_query_size": 10_000_000},
        )
        places = {event: partition << 48 | offset for event, partition, offset in rows}
        return np.array([places.get(key, int(UNSEEN)) for key in keys], dtype=np.uint64)

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
        """Return, for each table of SEQUENCED, the highest number of a write that it has, 0 without any."""
        query = "SELECT max({column:Identifier}) FROM {table:Identifier}"
        return {
            table: int(self.query(query, {"table": table, "column": column})[0][0])
            for table, column in SEQUENCED.items()
        }


def _numpy(table: pa.Table, name: str) -> NDArray[Any]:
    return np.asarray(table.column(name).to_numpy())


def ids_of(table: pa.Table) -> Ids:
    """Return the column `event` (UInt128) with `time_us` as ids."""
    column = table.column("event").combine_chunks()
    if not len(column):
        none = np.empty(0, dtype=np.uint64)
        return Ids(none, none, np.empty(0, dtype=np.int64))
    words = np.frombuffer(column.buffers()[1], dtype=np.uint64)[2 * column.offset :][: 2 * len(column)]
    return Ids(words[1::2].copy(), words[0::2].copy(), _numpy(table, "time_us").astype(np.int64))
