"""Reads who is in an audience and who is to be by its query, and writes what changes: always in blocks, each whole or not at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from streams.audiences.conditions import query
from streams.audiences.config import Audience
from streams.handles.key import IN_FORCE
from streams.read_only.judge import Reach, RefusedError
from streams.read_only.statement import reach, read
from streams.store.clickhouse import ClickHouse
from streams.store.port import BLOCK_ROWS

__all__ = [
    "CONDITIONS",
    "FILE",
    "LIMITS",
    "TABLE",
    "Changes",
    "HeldError",
    "Insert",
    "Stamp",
    "changes",
    "check",
    "count",
    "leaving",
    "others",
    "stamp",
    "write",
]

TABLE = "audience_changes"
CONDITIONS, FILE = "conditions", "file"  # reasons of a change

LIMITS: Mapping[str, Any] = {
    "readonly": 2,
    "max_execution_time": 30,
    "max_memory_usage": 2 * 2**30,
    "max_bytes_before_external_group_by": 2**29,  # above which a difference goes on on the disk
    "max_threads": 2,
    "max_block_size": 16_384,  # a query is looked at between two blocks: smaller ones end sooner
}
"""Settings of the connection on which audiences are asked: who only reads has such limits too."""

Insert = Callable[[str, pa.Table], None]
"""Adds rows to a table as one atomic block; raises StoreError."""

Stamp = tuple[object, ...]
"""What an answer relies on beside events: the key by which customers are named, who was erased, and the changes so far."""

_IN = "FROM audience_members WHERE brand = {brand:String} AND audience = {audience:String}"
# One for each customer: 1 of those whom the query gives, 2 of members.
_DIFFERENCE = f"""
SELECT member AS customer, sum(side) = 1 AS enters FROM
(
    SELECT DISTINCT assumeNotNull(customer) AS member, 1 AS side FROM (
%s
) WHERE customer IS NOT NULL
    UNION ALL
    SELECT customer AS member, 2 AS side {_IN}
)
GROUP BY member HAVING sum(side) != 3 ORDER BY member LIMIT {BLOCK_ROWS}
"""
_LEAVING = f"SELECT customer, false AS enters {_IN} ORDER BY customer LIMIT {BLOCK_ROWS}"
_STAMP = f"""
SELECT
    (SELECT count() FROM erasing) AS erasing,
    (SELECT count() FROM erasures) AS erased,
    (SELECT (if(count() = 0, '{IN_FORCE}', toString(argMax(state, (at, state)))), argMax(fingerprint, (at, state))) FROM handle_keys) AS key,
    (SELECT max(number) FROM {TABLE}) AS number
"""
_KINDS = {"UInt64", "Nullable(UInt64)"}
_WHEN = pa.timestamp("us", "UTC")


class HeldError(RuntimeError):
    """Nothing is written just now, for a reason that passes; the audience stays as it was."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be written of one audience: customers in their order, and of each whether they enter."""

    brand: str
    audience: str
    reason: str
    customers: pa.Array
    enters: pa.Array

    def __len__(self) -> int:
        return len(self.customers)

    @property
    def entered(self) -> int:
        """How many enter."""
        return int(np.count_nonzero(self.enters.to_numpy(zero_copy_only=False)))


def stamp(store: ClickHouse) -> Stamp:
    """Return what an answer that is asked for now relies on.

    Raises
    ------
    HeldError
        Somebody is being erased, or handles get another key.
    """
    (row,) = store.rows(_STAMP)
    if row["erasing"]:
        raise HeldError("somebody is being erased")
    state, key = row["key"]
    if state != IN_FORCE:
        raise HeldError("handles get another key")
    return key, row["erased"], row["number"]


def check(store: ClickHouse, audience: Audience, within: Reach | None = None) -> None:
    """See that an audience's own SQL is a SELECT of customers for readers; those of conditions are ours.

    Raises
    ------
    RefusedError
        It is not.
    QueryError
        ClickHouse does not take it.
    """
    if audience.sql is None:
        return
    sql = query(audience)
    judged = read(store.query, sql, within or reach(store.query, store.database)).judged
    if not judged.selects:
        raise RefusedError("it must be a SELECT")
    if unknown := judged.parameters - {"brand"}:
        raise RefusedError(f"the parameter {min(unknown)} is unknown: there is brand")
    rows = store.query(f"DESCRIBE (\n{sql}\n)", {"brand": audience.brand})
    kinds = {str(row[0]): str(row[1]) for row in rows}
    if "customer" not in kinds:
        raise RefusedError(f"it has no column customer, but {', '.join(kinds)}")
    if kinds["customer"] not in _KINDS:
        raise RefusedError(f"its column customer is {kinds['customer']}, not UInt64 as that of the views")


def changes(store: ClickHouse, audience: Audience) -> Changes:
    """Return by what the members differ from the answer of the query; at most `BLOCK_ROWS` of it."""
    asked = {"brand": audience.brand, "audience": audience.name}
    rows = store.arrow(_DIFFERENCE % query(audience), asked)
    return _changes(audience.brand, audience.name, CONDITIONS, rows)


def leaving(store: ClickHouse, brand: str, audience: str) -> Changes:
    """Return that all members leave an audience that is in the file no more; at most `BLOCK_ROWS` of them."""
    rows = store.arrow(_LEAVING, {"brand": brand, "audience": audience})
    return _changes(brand, audience, FILE, rows)


def _changes(brand: str, audience: str, reason: str, rows: pa.Table) -> Changes:
    customers, enters = (rows.column(name).combine_chunks() for name in ("customer", "enters"))
    return Changes(brand, audience, reason, customers.cast(pa.uint64()), enters.cast(pa.bool_()))


def others(store: ClickHouse, audiences: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return brand and name of audiences that have members and are not among these, which are brands by name."""
    rows = store.rows(
        "SELECT DISTINCT toString(brand) AS brand, toString(audience) AS audience FROM audience_members"
    )
    found = [(str(row["brand"]), str(row["audience"])) for row in rows]
    return sorted(one for one in found if audiences.get(one[1]) != one[0])


def count(store: ClickHouse, brand: str, audience: str) -> int:
    """Return how many members an audience has."""
    (row,) = store.rows(f"SELECT count() AS n {_IN}", {"brand": brand, "audience": audience})
    return int(row["n"])


def write(insert: Insert, found: Changes, number: int, now_us: int) -> None:
    """Write changes as one block.

    Parameters
    ----------
    number
        The highest that was given. New ones are from the instant in microseconds on, or above it: a store that was restored,
        and lacks the latest, gives none of those again.
    """
    rows = len(found)
    first = max(number + 1, now_us)
    given = np.arange(first, first + rows, dtype=np.uint64)
    change = pa.DictionaryArray.from_arrays(found.enters.cast(pa.int8()), ["left", "entered"]).cast(
        pa.string()
    )
    table = {
        "brand": pa.array([found.brand] * rows),
        "audience": pa.array([found.audience] * rows),
        "number": pa.array(given),
        "customer": found.customers,
        "change": change,
        "reason": pa.array([found.reason] * rows),
        "at": pa.array(np.full(rows, now_us, "datetime64[us]"), _WHEN),
    }
    insert(TABLE, pa.table(table))
