"""ClickHouse: the only module that imports its client. One DSN, for a server or for the engine in this process."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from numpy.typing import NDArray

from journey.seen import UNSEEN, Ids, position
from journey.stage import STAGE_NAMES
from streams.batch import Watermark
from streams.clock import from_us
from streams.faults import boundary
from streams.ports import SEQUENCED, TABLES, StoreError

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["DATABASE", "ClickHouse", "ClickHouseError", "QueryError"]

DATABASE = "journey"
_LOOKUP_CHUNK = 20_000  # ids in one query
_WORD = np.uint64(32)

# A batch is one block in one part, and an insert has ended when it answers.
INSERT_SETTINGS: dict[str, Any] = {
    "async_insert": 0,
    "max_insert_block_size": 1_048_576,
    "min_insert_block_size_rows": 1_048_576,
    "min_insert_block_size_bytes": 1_073_741_824,
    "input_format_parallel_parsing": 0,
    "materialize_statistics_on_insert": 0,  # merges make them
    "optimize_on_insert": 0,  # a batch has each key once: there is nothing to fold
}


_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


class QueryError(RuntimeError):
    """ClickHouse refused a query; the message is its own."""


class ClickHouse:
    """The store behind the engine and the commands."""

    def __init__(self, dsn: str) -> None:
        try:
            self.client: Client = clickhouse_connect.get_client(dsn=dsn)
        except (ClickHouseError, ImportError) as error:
            raise StoreError(f"cannot open the store {dsn}: {error}") from error
        with boundary("store.open"):
            self.client.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        self.client.database = DATABASE

    def close(self) -> None:
        """Close the connection; the embedded engine is shut down with its last one."""
        self.client.close()

    def make_durable(self) -> None:
        """Have every insert reach the disk before it answers, so that it survives a power cut."""
        with boundary("store.durable"):
            for table in TABLES:
                self.client.command(
                    f"ALTER TABLE {table} MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1"
                )

    @contextmanager
    def merges_held(self) -> Iterator[None]:
        """Leave new parts unmerged meanwhile; merged once, later, they cost a third less. Dies with the process."""
        with boundary("store.merges"):
            self.client.command("SYSTEM STOP MERGES")
        try:
            yield
        finally:
            with boundary("store.merges"):
                self.client.command("SYSTEM START MERGES")

    def insert(self, table: str, rows: pa.Table) -> None:
        """Add rows as one atomic block."""
        try:
            with boundary(f"insert.{table}"):
                self.client.raw_insert(
                    table, rows.schema.names, to_ipc(rows), settings=INSERT_SETTINGS, fmt="ArrowStream"
                )
        except (ClickHouseError, OSError) as error:
            raise StoreError(f"{table} did not take {len(rows)} rows: {error}") from error

    def arrow(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Run a query and return Arrow columns, strings as strings."""
        try:
            return self.client.query_arrow(sql, parameters=dict(parameters or {}), use_strings=True)
        except ClickHouseError as error:
            raise QueryError(str(error)) from error

    def raw(self, sql: str, fmt: str) -> bytes:
        """Run any statement and return what ClickHouse prints in that format; an INSERT prints nothing."""
        try:
            if sql[:6].upper() == "INSERT":  # its VALUES would swallow the format
                with boundary("sql.insert"):
                    self.client.command(sql)
                return b""
            return self.client.raw_query(sql, fmt=fmt)
        except ClickHouseError as error:
            raise QueryError(str(error)) from error

    def stream(
        self, sql: str, fmt: str, parameters: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> Iterator[bytes]:
        """Run a query and yield what ClickHouse prints in that format, piece by piece."""
        try:
            with self.client.raw_stream(
                sql, parameters=dict(parameters), settings=dict(settings), fmt=fmt
            ) as source:
                while chunk := source.read(2**20):
                    yield chunk
        except ClickHouseError as error:
            raise QueryError(str(error)) from error

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a query and return rows by column name."""
        try:
            return list(self.client.query(sql, parameters=dict(parameters or {})).named_results())
        except ClickHouseError as error:
            raise QueryError(str(error)) from error

    def watermarks(self) -> dict[str, Watermark]:
        """Return, per table of TABLES and partition, the highest offset that it has."""
        query = "SELECT _partition, max(_offset) FROM {table:Identifier} GROUP BY _partition"
        return {
            table: {int(partition): int(offset) for partition, offset in self._query(query, {"table": table})}
            for table in TABLES
        }

    def _query(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        return self.client.query(sql, parameters=dict(parameters)).result_rows

    def newest_us(self) -> int | None:
        """Return the latest event time, None without any."""
        (row,) = self.client.query(
            "SELECT count(), toUnixTimestamp64Micro(max(time)) FROM interactions"
        ).result_rows
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
        rows = self.client.query(
            "SELECT event, _partition, _offset FROM interactions"
            " WHERE toDate32(time) BETWEEN toDate32({from:DateTime64(6, 'UTC')}) AND toDate32({to:DateTime64(6, 'UTC')})"
            " AND event IN {events:Array(UInt128)}",
            parameters={"from": from_us(low_us), "to": from_us(high_us), "events": keys},
            settings={"max_query_size": 10_000_000},
        ).result_rows
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
        return str(self._query("SELECT argMax(model, sequence) FROM stage_changes", {})[0][0])

    def sequences(self) -> dict[str, int]:
        """Return, for each table of SEQUENCED, the highest number of a write that it has, 0 without any."""
        query = "SELECT max({column:Identifier}) FROM {table:Identifier}"
        return {
            table: int(
                self.client.query(query, parameters={"table": table, "column": column}).result_rows[0][0]
            )
            for table, column in SEQUENCED.items()
        }


def to_ipc(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=_COMPRESSED) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def _numpy(table: pa.Table, name: str) -> NDArray[Any]:
    return np.asarray(table.column(name).to_numpy())


def ids_of(table: pa.Table) -> Ids:
    column = table.column("event").combine_chunks()
    if not len(column):
        none = np.empty(0, dtype=np.uint64)
        return Ids(none, none, np.empty(0, dtype=np.int64))
    words = np.frombuffer(column.buffers()[1], dtype=np.uint64)[2 * column.offset :][: 2 * len(column)]
    return Ids(words[1::2].copy(), words[0::2].copy(), _numpy(table, "time_us").astype(np.int64))
