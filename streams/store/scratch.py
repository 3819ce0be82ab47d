"""Copies the tables of the engine in this process, as of one instant, into a database that queries read in peace.

A copy takes no room and no time to speak of: it links to the same parts. The engine's thread makes the copy between two
batches, so that all tables are as of the same batch; databases and views are made before, and used again.
"""

from collections.abc import Sequence

from streams.faults import kill_point
from streams.store import migrations
from streams.store.clickhouse import DATABASE, ClickHouse

__all__ = ["PREFIX", "clear", "drop", "empty", "fill", "make"]

PREFIX = "beside_"  # what names of such databases begin with
_UNLIMITED = {"max_table_size_to_drop": 0, "max_partition_size_to_drop": 0}


def make(store: ClickHouse, name: str) -> None:
    """Make a database with the same tables and views as ours, without rows, on a connection to ours."""
    with kill_point("scratch.make"):
        store.client.command(f"CREATE DATABASE {name}", use_database=False)
    store.client.database = name
    for table in _tables(store):
        with kill_point("scratch.make"):
            store.client.command(f"CREATE TABLE {name}.{table} AS {DATABASE}.{table}")
    migrations.views(store.client)


def fill(store: ClickHouse, name: str) -> None:
    """Have a database without rows show the rows of our tables; nobody may be writing to these."""
    for table in _tables(store, "AND total_rows > 0"):
        with kill_point("scratch.fill"):
            store.client.command(f"ALTER TABLE {name}.{table} ATTACH PARTITION ALL FROM {DATABASE}.{table}")


def empty(store: ClickHouse, name: str) -> None:
    """Let go of the rows again, so that what is deleted from our tables leaves the disk."""
    for table in _tables(store):
        with kill_point("scratch.empty"):
            store.client.command(f"TRUNCATE TABLE {name}.{table}", settings=_UNLIMITED)


def drop(store: ClickHouse, name: str) -> None:
    """Delete such a database."""
    with kill_point("scratch.drop"):
        store.client.command(f"DROP DATABASE IF EXISTS {name} SYNC", settings=_UNLIMITED, use_database=False)


def clear(store: ClickHouse) -> None:
    """Delete what a process that was killed has left."""
    for row in store.rows(
        "SELECT name FROM system.databases WHERE startsWith(name, {prefix:String})", {"prefix": PREFIX}
    ):
        drop(store, row["name"])


def _tables(store: ClickHouse, which: str = "") -> Sequence[str]:
    rows = store.rows(
        "SELECT name FROM system.tables WHERE database = {database:String} AND endsWith(engine, 'MergeTree')"
        f" AND name IN {{made:Array(String)}} {which} ORDER BY name",
        {"database": DATABASE, "made": sorted(migrations.made())},
    )
    return [str(row["name"]) for row in rows]
