"""Rebuilds derived tables from the interactions, each beside the one in use and switched atomically.

The interactions themselves are rebuilt without repeats: of each event the row that was stored first is kept. No program
of today stores an event twice; one that looked repeats up by time did where a repeat had another time.

A table is filled slice by slice, so that memory stays bounded, and takes the place of the old one only when it is whole.
Interrupted at any moment, the old one stays, or the new one is there; what is left over is cleared away before the next
use. Nobody may write to the tables meanwhile: a data directory has one process, and on a server a fence keeps workers out.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from journey.model import Model
from streams.clock import exact, from_us
from streams.engine.identity import Identity, kind_codes
from streams.engine.shell import Tell
from streams.faults import kill_point
from streams.recovery.derived_tables import FOLLOWING, HANDLES, LINK_ROWS, SELECTS, parameters_of
from streams.store.clickhouse import ClickHouse, QueryError
from streams.store.kept import PATHS, begin_epoch
from streams.store.port import BLOCK_ROWS
from streams.store.slices import slices
from streams.store.sql import EXPIRED

__all__ = ["BESIDE", "INTERACTIONS", "Order", "Rebuilt", "clear", "rebuild", "with_following"]

INTERACTIONS = "interactions"  # with which all that follow from them are rebuilt

_WHY = "journey rebuild"
BESIDE = "rebuilding_"  # what the names of tables that are being filled begin with
_SIMPLE = frozenset({"interactions", "stage_changes"})  # tables whose rows are not folded by key
_NO_MAP = pa.table({"handle": pa.array([], pa.uint64()), "kind": pa.array([], pa.string()), "customer": pa.array([], pa.uint64())})  # fmt: skip
_LINKS = (
    "SELECT left_handle, right_handle, any(left_kind) AS left_kind, any(right_kind) AS right_kind, sum(said) AS said,"
    " max(withdrawn_at) AS withdrawn_at, max(restored_at) AS restored_at"
    f" FROM ({LINK_ROWS}) GROUP BY left_handle, right_handle"
)
_UNLIMITED = {"max_table_size_to_drop": 0, "max_partition_size_to_drop": 0}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A table that was rebuilt: rows before (folded by key; None where they cannot be counted) and after."""

    table: str
    before: int | None
    after: int


@dataclass(frozen=True, slots=True)
class Order:
    """The tables to rebuild, and how.

    Attributes
    ----------
    tables
        Some of `streams.recovery.derived_tables.FOLLOWING`, and `kept_paths`, which is left empty: whoever keeps paths fills it; with
        `interactions`, all of them.
    now_us
        The instant up to which stages lapse.
    dry_run
        Fill and count the tables, then let go of them.
    partitions
        How many partitions the log has.
    raised
        How far versions of `identity_map` are raised above those that the table has.
    tell
        Called with a table, and how many of its slices are filled, of how many.
    check
        Called before each slice, and before and after each switch; what it raises ends the work.
    """

    tables: Collection[str]
    now_us: int
    dry_run: bool = False
    partitions: int = 1
    raised: int = 1
    tell: Tell = lambda _table, _done, _count: None
    check: Callable[[], None] = lambda: None


_DOUBLED = f"{BESIDE}doubled"  # has the keys of the events that are there more than once
# In one partition the offset says which row came first, across partitions when the frame arrived.
_FIRST = f"""
    SELECT {{columns}} FROM
    (
        SELECT * FROM interactions WHERE event IN (SELECT event FROM {_DOUBLED})
        ORDER BY event, _partition, _offset LIMIT 1 BY event, _partition
    ) AS i
    LEFT JOIN (SELECT _partition, _offset, min(received_at) AS arrived FROM deliveries GROUP BY _partition, _offset) AS d
        ON d._partition = i._partition AND d._offset = i._offset
    ORDER BY event, d.arrived, i._partition LIMIT 1 BY event
"""
# What is booked as stored and is not in a table of interactions; and what names the repeats that are not in it.
_UNBOOKED = f"""
    SELECT
        toInt64((SELECT sum(stored) FROM deliveries)) - (SELECT sum(events) FROM erasures) - (SELECT count() FROM expired_events WHERE {EXPIRED})
            - (SELECT count() FROM {{name}} WHERE (_partition, _offset) IN (SELECT _partition, _offset FROM deliveries)) AS lacking,
        (SELECT count() FROM interactions) - (SELECT count() FROM {{name}}) AS removed,
        (SELECT hex(sipHash128(groupArray(event))) FROM (SELECT event FROM {_DOUBLED} ORDER BY event)) AS receipt
"""


def with_following(tables: Collection[str]) -> set[str]:
    """Return tables to rebuild, with all that follow from the interactions where those are among them."""
    return {*tables, *(FOLLOWING if INTERACTIONS in tables else ())}


def clear(store: ClickHouse) -> None:
    """Drop what a rebuild that was interrupted has left beside the tables in use."""
    left = store.rows(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, {beside:String})",
        {"beside": BESIDE},
    )
    for row in left:
        _drop(store, row["name"])


def rebuild(store: ClickHouse, model: Model, order: Order) -> Sequence[Rebuilt]:
    """Rebuild tables from the interactions, under the active model; return the outcome of each.

    Tables come in the order in which one needs another. Killed between two of them, those before are new and those after
    are old; given again, it restarts.

    Raises
    ------
    QueryError, StoreError
        The interactions cannot be read, or there is no room; the table that was being filled is as it was.
    """
    clear(store)
    work = _Work(store, model, order)
    wanted = with_following(order.tables)
    moves = {INTERACTIONS, "identity_map", PATHS} & wanted and not order.dry_run
    try:
        if moves:
            begin_epoch(store, _WHY, order.now_us)
        done = [work.make(table) for table in (INTERACTIONS, *FOLLOWING, PATHS) if table in wanted]
        if moves:  # whoever keeps paths may have done so from what is replaced now
            begin_epoch(store, _WHY, order.now_us)
        return done
    finally:
        clear(store)


def _drop(store: ClickHouse, name: str) -> None:
    with kill_point("rebuild.clear"):
        store.client.command(f"DROP TABLE IF EXISTS {name} SYNC", settings=_UNLIMITED)


class _Work:
    """A rebuild in progress."""

    def __init__(self, store: ClickHouse, model: Model, order: Order) -> None:
        self._store, self._model, self._order = store, model, order
        self._slices = slices(store)
        self._offset = max(store.watermarks()["interactions"].values(), default=0)

    def make(self, table: str) -> Rebuilt:
        """Fill a table beside the one in use, and have it take its place."""
        store, name = self._store, f"{BESIDE}{table}"
        before = self._count(table, table)
        with kill_point("rebuild.create"):
            store.client.command(f"CREATE TABLE {name} AS {table}")
        if table == INTERACTIONS:
            self._fill_interactions(name)
        elif table == "identity_map":
            self._fill_map(name)
        elif table != PATHS:
            self._fill(table, name)
        after = self._count(table, name) or 0
        if not self._order.dry_run:
            self._order.check()
            if table == INTERACTIONS:
                self._book_repeats(name)
            _switch(store, table)
            self._order.check()
        _drop(store, name)
        return Rebuilt(table, before, after)

    def _count(self, table: str, name: str) -> int | None:
        final = "" if table in _SIMPLE else "FINAL"
        try:
            return int(self._store.rows(f"SELECT count() AS n FROM {name} {final}")[0]["n"])
        except QueryError as error:
            _log.warning("the rows of %s cannot be counted: %s", name, error)
            return None

    def _parts(self, table: str, key: str) -> Iterator[str]:
        """Yield the conditions that cut the interactions into slices by a key."""
        for number in range(self._slices):
            self._order.check()
            self._order.tell(table, number, self._slices)
            yield f"modulo({key}, {self._slices}) = {number}" if self._slices > 1 else "1"

    def _fill_interactions(self, name: str) -> None:
        """Fill a table with the interactions, of each event the row that was stored first."""
        store = self._store
        with kill_point("rebuild.create"):
            store.client.command(
                f"CREATE TABLE {_DOUBLED} (event UInt128) ENGINE = MergeTree ORDER BY event COMMENT 'Events that are there twice'"
            )
        sql = f"INSERT INTO {_DOUBLED} SELECT event FROM interactions WHERE {{part}} GROUP BY event HAVING count() > 1"
        for part in self._parts(INTERACTIONS, "toUInt64(event)"):
            with kill_point("rebuild.fill"):
                store.client.command(sql.format(part=part))
        columns = ", ".join(row["name"] for row in store.rows(f"DESCRIBE TABLE {INTERACTIONS}"))
        once = f"SELECT {columns} FROM interactions WHERE {{part}} AND event NOT IN (SELECT event FROM {_DOUBLED})"
        mine = ", ".join(f"i.{column} AS {column}" for column in columns.split(", "))
        for part in self._parts(INTERACTIONS, "toUInt64(event)"):
            with kill_point("rebuild.fill"):
                store.client.command(f"INSERT INTO {name} ({columns}) {once.format(part=part)}")
        with kill_point("rebuild.fill"):
            store.client.command(f"INSERT INTO {name} ({columns}) {_FIRST.format(columns=mine)}")

    def _book_repeats(self, name: str) -> None:
        """Enter repeats that were booked as stored, once: received = stored + duplicates + refused stays true."""
        (row,) = self._store.rows(_UNBOOKED.format(name=name))
        events, receipt = min(int(row["lacking"]), int(row["removed"])), f"repeats-{row['receipt'].lower()}"
        known = "SELECT 1 FROM erasures WHERE receipt = {receipt:String} LIMIT 1"
        if events <= 0 or self._store.rows(known, {"receipt": receipt}):
            return
        columns = {
            "receipt": [receipt],
            "at": pa.array([self._order.now_us], pa.timestamp("us", "UTC")),
            "what": ["repeats"],
            "reason": ["an event was stored more than once; the first one is kept"],
            "events": pa.array([events], pa.uint64()),
        }
        with kill_point("rebuild.books"):
            self._store.insert("erasures", pa.table(columns))

    def _fill(self, table: str, name: str) -> None:
        select, key = SELECTS[table]
        parameters = self._parameters(table)
        described = self._store.rows(f"DESCRIBE TABLE {table}")
        columns = ", ".join(row["name"] for row in described if not row["default_type"])
        for part in self._parts(table, key):
            sql = f"INSERT INTO {name} ({columns}) SELECT {columns} FROM ({select(part)})"
            with kill_point("rebuild.fill"):
                self._store.client.command(sql, parameters=parameters, settings={"join_use_nulls": 1})
        if table == "evidence":
            self._keep_other_models(name, columns)

    def _parameters(self, table: str) -> dict[str, Any]:
        last = self._store.sequences()[table] if table == "stage_changes" else 0
        return parameters_of(
            self._model,
            exact(from_us(self._order.now_us)),
            sequence=last,
            partitions=self._order.partitions,
            offset=self._offset,
        )

    def _last(self, table: str, column: str) -> int:
        return int(self._store.rows(f"SELECT max({column}) AS last FROM {table}")[0]["last"])

    def _keep_other_models(self, name: str, columns: str) -> None:
        """Keep evidence under models that were active before; no query reads it, so damaged parts are left out."""
        sql = f"INSERT INTO {name} ({columns}) SELECT {columns} FROM evidence WHERE model != {{model:String}}"
        try:
            with kill_point("rebuild.fill"):
                self._store.client.command(sql, parameters={"model": self._model.hash})
        except Exception as error:  # noqa: BLE001 - whatever ClickHouse says of a damaged part
            _log.warning("evidence of models that are not in force any more is left out: %s", error)

    def _fill_map(self, name: str) -> None:
        identity, linked = self._identity()
        version = self._last("identity_map", "version") + self._order.raised
        lone = np.setdiff1d(np.arange(len(identity.graph.handles)), linked)
        for slots, number in ((lone, 0), (linked, version)):
            for first in range(0, len(slots), BLOCK_ROWS):
                rows = identity.map_rows(slots[first : first + BLOCK_ROWS], number, (0, self._offset))
                with kill_point("rebuild.fill"):
                    self._store.insert(name, rows)

    def _identity(self) -> tuple[Identity, Any]:
        """Return identity as the interactions have it, and the slots of the handles that are in a link."""
        identity = Identity(self._model.identity)
        for part in self._parts("identity_map", "intHash64(end.1)"):
            found = self._store.arrow(HANDLES.format(scope=part))
            identity.graph.slots(found.column("handle").to_numpy(), kind_codes(found.column("kind")))
        links = self._store.arrow(_LINKS.format(scope="1"))
        identity.restore(links, _NO_MAP)
        ends = [links.column(side).to_numpy() for side in ("left_handle", "right_handle")]
        return identity, identity.graph.handles.find(np.unique(np.concatenate(ends)))


def _switch(store: ClickHouse, table: str) -> None:
    """Have the new table, or its rows, take the place of the old one in one step."""
    with kill_point("rebuild.switch"):
        if not store.shared:
            store.client.command(f"EXCHANGE TABLES {table} AND {BESIDE}{table}")
            return
        # The engine's user may not drop or rename a table that is in use.
        some = store.rows(f"SELECT 1 FROM {BESIDE}{table} LIMIT 1")
        what = f"REPLACE PARTITION ID 'all' FROM {BESIDE}{table}" if some else "DROP PARTITION ID 'all'"
        store.client.command(f"ALTER TABLE {table} {what}", settings=_UNLIMITED)
