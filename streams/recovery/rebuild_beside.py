"""Rebuilds derived tables of a data directory while batches are written: on a copy, which then takes their place.

The copy is rebuilt as a directory by itself would be. Between two batches, what came since is added to it, each table from
the interactions that came since, and the map and the announcements from those that the engine wrote; then each table of the
copy takes the place of the one in use. A data directory has one partition.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from journey.model import Model
from streams.clock import system_clock
from streams.faults import kill_point
from streams.recovery.derived_tables import FOLLOWING, SELECTS, parameters_of
from streams.store.clickhouse import ClickHouse
from streams.store.kept import PATHS, begin_epoch
from streams.store.port import SEQUENCED

__all__ = ["Copy", "switch"]

_SINCE = "_offset > {since:UInt64}"  # of the interaction, though the rows have an offset too
# Touches have no offset, and each is one interaction.
_SCOPES = {"evidence": f"event IN (SELECT event FROM interactions WHERE {_SINCE})"}
# Announcements that go on from where those of the copy end; of the other customers the engine announces what is outstanding.
_FITTING = """
    (brand, customer) IN
    (
        SELECT n.brand, n.customer FROM
        (
            SELECT brand, customer, toInt8(argMin(from_stage, sequence)) AS begins
            FROM stage_changes WHERE sequence > {before:UInt64} GROUP BY brand, customer
        ) AS n
        LEFT JOIN
        (
            SELECT brand, customer, toInt8(argMax(to_stage, sequence)) AS ends
            FROM %(copy)s.stage_changes GROUP BY brand, customer
        ) AS o ON o.brand = n.brand AND o.customer = n.customer
        WHERE n.begins = o.ends
    )
"""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the tables in which some are rebuilt.

    Attributes
    ----------
    database
        Its name.
    tables
        Those that are rebuilt.
    offset
        Of the log, up to which it has what came.
    before, after
        The highest number of a write that tables of SEQUENCED had before they were rebuilt, and have since.
    """

    database: str
    tables: Collection[str]
    offset: int
    before: Mapping[str, int]
    after: Mapping[str, int]


def switch(store: ClickHouse, model: Model, copy: Copy) -> None:
    """Add to the tables of a copy what came since, and have them take the place of those in use; nobody may be writing."""
    tables = [table for table in FOLLOWING if table in copy.tables]
    for table in tables:
        if table in SEQUENCED:
            _add_written(store, table, copy)
        else:
            _add_computed(store, table, model, copy)
    for table in tables:
        with kill_point("rebuild.switch"):
            store.client.command(f"EXCHANGE TABLES {table} AND {copy.database}.{table}")
    if {"identity_map", PATHS} & set(copy.tables):
        begin_epoch(store, "journey rebuild", system_clock())


def _add_computed(store: ClickHouse, table: str, model: Model, copy: Copy) -> None:
    """Add what follows from the interactions that came since."""
    select, _ = SELECTS[table]
    columns = ", ".join(_columns(store, table))
    rows = select(_SCOPES.get(table, _SINCE))
    parameters = parameters_of(model, "", sequence=0, partitions=1, offset=0) | {"since": copy.offset}
    with kill_point("rebuild.fill"):
        store.client.command(
            f"INSERT INTO {copy.database}.{table} ({columns}) SELECT {columns} FROM ({rows})",
            parameters=parameters,
            settings={"join_use_nulls": 1, "prefer_column_name_to_alias": int(table not in _SCOPES)},
        )


def _add_written(store: ClickHouse, table: str, copy: Copy) -> None:
    """Add the rows that the engine wrote since, numbered above those of the copy."""
    number = SEQUENCED[table]
    columns = _columns(store, table)
    shown = [f"{number} + {{more:UInt64}} AS {number}" if name == number else name for name in columns]
    fitting = _FITTING % {"copy": copy.database} if table == "stage_changes" else "1"
    before = copy.before[table]
    with kill_point("rebuild.fill"):
        store.client.command(
            f"INSERT INTO {copy.database}.{table} ({', '.join(columns)}) SELECT {', '.join(shown)} FROM"
            f" (SELECT * FROM {table} WHERE {number} > {{before:UInt64}} AND {fitting})",
            parameters={"before": before, "more": max(copy.after[table] - before, 0)},
        )


def _columns(store: ClickHouse, table: str) -> list[str]:
    return [row["name"] for row in store.rows(f"DESCRIBE TABLE {table}") if not row["default_type"]]
