"""Reads which paths are to be computed anew, computes them as the view that defines them does, and writes them with their mark."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from streams.faults import kill_point
from streams.store.clickhouse import ClickHouse
from streams.store.kept import EVER, MARKS, PATHS, STEPS
from streams.store.port import BLOCK_ROWS

__all__ = [
    "LIMITS",
    "Insert",
    "Mark",
    "Written",
    "drop_other_models",
    "everybody",
    "mark",
    "stale",
    "state",
    "write",
    "write_mark",
    "written",
]

LIMITS: Mapping[str, Any] = {
    "readonly": 2,
    "max_execution_time": 600,
    "max_memory_usage": 4 * 2**30,
    "max_bytes_before_external_group_by": 2**30,
    "max_bytes_before_external_sort": 2**30,
    "max_threads": 1,  # the others are for events and readers
}
"""Settings of the connection on which paths are computed."""

Insert = Callable[[str, pa.Table], None]
"""Adds rows to a table as one atomic block; raises StoreError."""

_STALE = "(SELECT arrayJoin((SELECT state FROM kept_state).2))"
_SLICE = "intHash64(customer) % {slices:UInt32} = {slice:UInt32}"
# Of a customer who has a path no more, a row without steps takes the place of the one before.
_ROWS = f"""
SELECT brand, customer, row.1 AS members, row.2 AS at_us, row.3 AS before, row.4 AS after, row.5 AS reasons, row.6 AS types
FROM
(
    SELECT brand, customer, argMax((members, at_us, before, after, reasons, types), has_path) AS row
    FROM
    (
        SELECT
            p.brand AS brand, p.customer AS customer, m.members AS members,
            arrayMap(s -> s.1, p.steps) AS at_us, arrayMap(s -> s.2, p.steps) AS before, arrayMap(s -> s.3, p.steps) AS after,
            arrayMap(s -> s.4, p.steps) AS reasons, arrayMap(s -> s.5, p.steps) AS types, 1 AS has_path
        FROM
        (
            SELECT toString(brand) AS brand, customer, {STEPS} AS steps
            FROM stage_steps_of(model = {{model:String}}, until = {EVER}, now = {EVER}, stale = %(stale)d, slices = {{slices:UInt32}}, slice = {{slice:UInt32}})
            WHERE %(who)s
            GROUP BY brand, customer
        ) AS p
        GLOBAL INNER JOIN
        (
            SELECT customer, arraySort(groupArray(sipHash64(handle))) AS members
            FROM (SELECT handle, customer FROM customers WHERE %(handles)s)
            WHERE %(who)s
            GROUP BY customer
        ) AS m ON m.customer = p.customer
        UNION ALL
        SELECT toString(brand), customer, [], [], [], [], [], [], 0
        FROM {PATHS} FINAL
        WHERE model = {{model:String}} AND notEmpty(at_us) AND %(who)s
    )
    GROUP BY brand, customer
)
"""
_OF_STALE = _ROWS % {
    "stale": 1,
    "who": f"customer GLOBAL IN {_STALE}",
    "handles": "handle GLOBAL IN (SELECT handle FROM stale_handles)",
}
# Whether the state that the rows were asked for was still the one of the mark before it.
_STILL_KEPT = "SELECT throwIf(NOT (SELECT state FROM kept_state).1, 'kept paths are not right any more: they are computed anew')"
_OF_SLICE = _ROWS % {"stale": 0, "who": _SLICE, "handles": "1"}
_MARK = """
SELECT
    CAST(expired, 'Array(Tuple(String, String))') AS expired,
    (
        SELECT groupArray((partition, last + 1))
        FROM (SELECT _partition AS partition, max(_offset) AS last FROM interactions GROUP BY partition)
    ) AS offsets,
    (SELECT max(version) FROM identity_map) AS version
FROM kept_expiries
"""
_VERSION = f"""
SELECT (SELECT model FROM model_in_force) AS model, max(epoch) AS epoch, max(number) AS number, (SELECT max(number) FROM {PATHS}) AS written
FROM {MARKS}
"""
_STATE = "SELECT s.1 AS is_kept, length(s.2) AS stale FROM (SELECT state AS s FROM kept_state)"
_SETTINGS = {"join_use_nulls": 0}


@dataclass(frozen=True, slots=True)
class Written:
    """What was written so far: the model in force, the epoch, and the highest number of a mark."""

    model: str
    epoch: int
    number: int


@dataclass(frozen=True, slots=True)
class Mark:
    """The interactions and moves of handles that were there at a moment, and what else paths depend on.

    Attributes
    ----------
    offsets
        Partition of the log to the offset before which all interactions are there.
    """

    of: Written
    expired: Mapping[str, str]
    offsets: Mapping[int, int]
    version: int


def written(store: ClickHouse) -> tuple[Written, int]:
    """Return what was written so far, and the highest number of a path."""
    (row,) = store.rows(_VERSION)
    return Written(str(row["model"]), int(row["epoch"]), int(row["number"])), int(row["written"])


def mark(store: ClickHouse) -> Mark:
    """Return how things are now."""
    of, _ = written(store)
    (row,) = store.rows(_MARK)
    return Mark(
        of,
        {str(brand): str(expiry) for brand, expiry in row["expired"]},
        {int(partition): int(offset) for partition, offset in row["offsets"]},
        int(row["version"]),
    )


def state(store: ClickHouse) -> tuple[bool, int]:
    """Return whether kept paths are taken, and of how many customers they are not."""
    (row,) = store.rows(_STATE)
    return bool(row["is_kept"]), int(row["stale"])


def stale(store: ClickHouse, model: str) -> pa.Table:
    """Return the paths of the customers whose kept one is not right any more.

    Raises
    ------
    QueryError
        None is right any more.
    """
    rows = store.arrow(_OF_STALE, {"model": model, "slices": 1, "slice": 0}, _SETTINGS)
    store.rows(_STILL_KEPT)
    return rows


def everybody(store: ClickHouse, model: str, slices: int, number: int) -> pa.Table:
    """Return the paths of one of so many slices of all customers."""
    return store.arrow(_OF_SLICE, {"model": model, "slices": slices, "slice": number}, _SETTINGS)


def write(insert: Insert, model: str, rows: pa.Table, number: int) -> None:
    """Write paths, in blocks; none of them counts before the mark that is written after them."""
    for first in range(0, len(rows), BLOCK_ROWS):
        block = rows.slice(first, BLOCK_ROWS)
        block = block.append_column("model", pa.array([model] * len(block)))
        insert(PATHS, block.append_column("number", pa.array([number] * len(block), pa.uint64())))


def write_mark(insert: Insert, found: Mark, number: int) -> None:
    """Write up to where paths are right from now on."""
    row = {
        "model": pa.array([found.of.model]),
        "epoch": pa.array([found.of.epoch], pa.uint64()),
        "expired": pa.array([list(found.expired.items())], pa.map_(pa.string(), pa.string())),
        "offsets": pa.array([list(found.offsets.items())], pa.map_(pa.uint16(), pa.uint64())),
        "version": pa.array([found.version], pa.uint64()),
        "number": pa.array([number], pa.uint64()),
    }
    insert(MARKS, pa.table(row))


def drop_other_models(store: ClickHouse, model: str) -> None:
    """Let go of the paths under other models than this one."""
    given = {"model": model}
    for table, others in ((MARKS, "model NOT IN ('', {model:String})"), (PATHS, "model != {model:String}")):
        if store.rows(f"SELECT 1 FROM {table} WHERE {others} LIMIT 1", given):
            with kill_point("kept.drop"):
                store.client.command(
                    f"ALTER TABLE {store.parts_of(table)} DELETE WHERE {others}",
                    parameters=given,
                    settings={"mutations_sync": 2},
                )
