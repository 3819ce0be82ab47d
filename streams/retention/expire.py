"""Expires a brand's interactions: sums them up, has the sums count in their place, then deletes them.

The sums are written under a number that nothing reads. One insert into `expiries` has them count, and from that moment the
interactions that they are made of do not: the view interactions_kept leaves them out until they are deleted. Killed
before that insert, nothing has happened; killed after it, the deletion is finished later. Batches may be written
meanwhile: an interaction of a later offset waits for the next expiry. Two expiries at once are kept apart by the caller,
and so is whatever else changes tables otherwise than by batches.

Interactions of all brands are deleted by one statement, which rewrites the parts of the table that have some. A
lightweight DELETE would cost half of that, and be wrong: ClickHouse leaves the deleted rows in projections, from which
queries then read them (https://github.com/ClickHouse/ClickHouse/issues/111791).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa

from journey.errors import UserError
from streams.clock import Clock
from streams.engine.shell import Tell
from streams.erasure import statements
from streams.erasure.statements import WHOLLY, Insert
from streams.faults import kill_point
from streams.retention.carry import CARRYING, Expiry, gone, statement
from streams.retention.terms import horizon_of, kept
from streams.store.clickhouse import ClickHouse
from streams.store.query_settings import INSERT_SETTINGS
from streams.store.slices import SLICE_ROWS
from streams.store.sql import CARRIED, EXPIRED

__all__ = ["Course", "Due", "Expired", "ExpiryError", "due", "expire", "finish"]

_SUMS = (*CARRYING, "expired_events")
_COUNT = """
    SELECT count() AS n FROM interactions_kept
    WHERE brand = {brand:String} AND time < {horizon:DateTime64(6, 'UTC')}
"""
_REPLACED = f"brand = {{brand:String}} AND number < {{number:UInt64}} AND NOT ({CARRIED})"
_OF_CONFLICTS = "SELECT event FROM expired_events WHERE number = {number:UInt64} AND event IN (SELECT event FROM conflicts)"
_PENDING = """
    SELECT number, any(brand) AS brand, any(horizon) AS horizon, any(model) AS model,
        CAST((groupArray(part), groupArray(upto)), 'Map(UInt16, UInt64)') AS upto
    FROM expiries WHERE number NOT IN (SELECT number FROM expiries WHERE state = 'deleted')
    GROUP BY number ORDER BY number
"""


class ExpiryError(UserError, RuntimeError):
    """An error of an expiry that cannot be now; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Due:
    """What is to expire of a brand: interactions before an instant, and how many there are."""

    brand: str
    horizon: datetime
    events: int


@dataclass(frozen=True, slots=True)
class Expired:
    """What expired of a brand."""

    brand: str
    horizon: datetime
    events: int


def due(store: ClickHouse, now_us: int, *, late_too: bool) -> list[Due]:
    """Return what is to expire by the terms that hold.

    Parameters
    ----------
    late_too
        Also of brands of which only events that came late are older than a horizon that is reached already.
    """
    if not store.rows("SELECT 1 FROM retention FINAL WHERE months > 0 AND brand != '' LIMIT 1"):
        return []
    found = []
    for brand in kept(store):
        if not brand.months or brand.earliest is None:
            continue
        horizon = horizon_of(now_us, brand.months)
        reached = brand.horizon or datetime.min.replace(tzinfo=UTC)
        if brand.earliest >= horizon or horizon < reached or (horizon == reached and not late_too):
            continue
        (row,) = store.rows(_COUNT, {"brand": brand.brand, "horizon": horizon})
        found.append(Due(brand.brand, horizon, int(row["n"])))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How expiries go in a shell.

    Attributes
    ----------
    insert
        Adds rows to a table as one atomic block.
    model
        Returns the hash of the model in force.
    between
        Calls a function between two batches, where this process writes them, and returns its result.
    check
        Called before each statement that sums up; what it raises ends the work, and nothing more expires.
    """

    insert: Insert
    clock: Clock
    model: Callable[[], str]
    tell: Tell
    between: Callable[[Callable[[], Any]], Any] = lambda work: work()
    check: Callable[[], None] = lambda: None


def expire(store: ClickHouse, course: Course, *, late_too: bool) -> Sequence[Expired]:
    """Finish what was interrupted, then expire what is due, brand by brand.

    Raises
    ------
    ExpiryError
        The tables are those of a cluster.
    """
    _clear(store)
    done = list(finish(store, course.insert, course.clock()))
    began = False
    for wanted in due(store, course.clock(), late_too=late_too):
        # Between two batches: of one that is being written, interactions may be there, and what follows from them not yet.
        expiry = course.between(partial(_begin, store, wanted, course))
        _carry(store, expiry, wanted.events, course)
        # And here, so that a copy of the tables that is made there has all of it, or nothing.
        course.between(partial(_enter, course.insert, expiry, "expired", course.clock()))
        began = True
    if began:
        course.tell("deletion", 0, 1)
        done += finish(store, course.insert, course.clock())
    return done


def _begin(store: ClickHouse, wanted: Due, course: Course) -> Expiry:
    if store.cluster:
        raise ExpiryError(
            "on a ClickHouse cluster interactions do not expire: its tables have no sums of them"
        )
    (row,) = store.rows("SELECT max(number) AS last FROM expiries")
    number = max(course.clock(), int(row["last"]) + 1)
    upto = dict(store.watermarks()["interactions"])
    return Expiry(number, wanted.brand, wanted.horizon, course.model(), upto)


def _clear(store: ClickHouse) -> None:
    """Clear away what expiries that were interrupted have left: sums and keys of a number that does not count."""
    for table in _SUMS:
        if store.rows(f"SELECT 1 FROM {table} WHERE NOT ({EXPIRED}) LIMIT 1"):
            with kill_point("expiry.clear"):
                store.client.command(f"ALTER TABLE {table} DELETE WHERE NOT ({EXPIRED})", settings=WHOLLY)


def _carry(store: ClickHouse, expiry: Expiry, events: int, course: Course) -> None:
    """Write the sums and the keys of what expires, under a number that nothing reads yet."""
    old = "SELECT count() AS n FROM {} WHERE brand = {{brand:String}}"
    carried = [int(store.rows(old.format(table), {"brand": expiry.brand})[0]["n"]) for table in CARRYING]
    many = (events + max(carried)) // SLICE_ROWS + 1  # what was carried before is summed up again
    for table in _SUMS:
        sql = statement(table)
        for number in range(many):
            course.check()
            course.tell(table, number, many)
            given = expiry.parameters | {"slices": many, "slice": number}
            with kill_point("expiry.carry"):
                store.client.command(sql, parameters=given, settings=INSERT_SETTINGS)


def _enter(insert: Insert, expiry: Expiry, state: str, now_us: int) -> None:
    """Enter a state in one insert: once expired, the sums count, and what they are made of does not."""
    count = len(expiry.upto)
    at = pa.timestamp("us", "UTC")
    columns = {
        "number": pa.array([expiry.number] * count, pa.uint64()),
        "brand": [expiry.brand] * count,
        "horizon": pa.array([expiry.horizon] * count, at),
        "model": [expiry.model] * count,
        "state": [state] * count,
        "part": pa.array(list(expiry.upto), pa.uint16()),
        "upto": pa.array(list(expiry.upto.values()), pa.uint64()),
        "at": pa.array([now_us] * count, at),
    }
    with kill_point("expiry.enter"):
        insert("expiries", pa.table(columns))


def _pending(store: ClickHouse) -> list[Expiry]:
    """Return expiries whose interactions are not all deleted yet."""
    return [
        Expiry(
            int(row["number"]), row["brand"], row["horizon"].replace(tzinfo=UTC), row["model"],
            {int(part): int(offset) for part, offset in row["upto"].items()},
        )
        for row in store.rows(_PENDING)
    ]  # fmt: skip


def finish(store: ClickHouse, insert: Insert, now_us: int) -> Sequence[Expired]:
    """Finish the deletion of what has expired; return what that was. Again is harmless."""
    pending = _pending(store)
    if not pending:
        return []
    for expiry in (
        pending
    ):  # conflicts before the events that they are about, and sums that those of this expiry replace
        _delete(store, "conflicts", f"event IN ({_OF_CONFLICTS})", {"number": expiry.number})
        for table in CARRYING:
            _delete(store, table, _REPLACED, {"brand": expiry.brand, "number": expiry.number})
    which, parameters = gone(pending)
    _delete(store, "interactions", which, parameters)
    statements.scrub(store, "interactions", "conflicts", *CARRYING)
    for expiry in pending:
        _enter(insert, expiry, "deleted", now_us)
    return [_expired(store, expiry) for expiry in pending]


def _delete(store: ClickHouse, table: str, which: str, parameters: dict[str, Any]) -> None:
    with kill_point("expiry.delete"):
        store.client.command(
            f"ALTER TABLE {table} DELETE WHERE {which}", parameters=parameters, settings=WHOLLY
        )


def _expired(store: ClickHouse, expiry: Expiry) -> Expired:
    (row,) = store.rows(
        "SELECT count() AS n FROM expired_events WHERE number = {number:UInt64}", {"number": expiry.number}
    )
    return Expired(expiry.brand, expiry.horizon, int(row["n"]))
