"""Sets how long the interactions of a brand are kept, and computes the horizon that follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from journey.errors import UserError
from streams.clock import from_us
from streams.faults import kill_point
from streams.store.clickhouse import ClickHouse
from streams.store.sql import EXPIRED

__all__ = ["Kept", "TermError", "horizon_of", "idle_months", "kept", "set_idle", "set_term"]

MOST_MONTHS = 1_200
_HANDLES = ""  # in the place of a brand
_KEPT = f"""
    SELECT b.brand AS brand, t.months AS months, if(h.brand = '', NULL, h.horizon) AS horizon, e.n AS expired,
        b.earliest AS earliest, b.total AS interactions
    FROM
    (
        SELECT toString(brand) AS brand, minIf(first, n > 0) AS earliest, sum(n) AS total FROM
        (
            SELECT brand, min(time) AS first, count() AS n FROM interactions_kept GROUP BY brand
            UNION ALL
            SELECT brand, toDateTime64(0, 6, 'UTC') AS first, toUInt64(0) AS n FROM retention WHERE brand != ''
        )
        GROUP BY brand
    ) AS b
    LEFT JOIN (SELECT toString(brand) AS brand, months FROM retention FINAL) AS t ON t.brand = b.brand
    LEFT JOIN (SELECT toString(brand) AS brand, horizon FROM horizons) AS h ON h.brand = b.brand
    LEFT JOIN
    (
        SELECT toString(brand) AS brand, count() AS n FROM expired_events
        WHERE {EXPIRED} GROUP BY brand
    ) AS e ON e.brand = b.brand
    ORDER BY brand
"""


class TermError(UserError, ValueError):
    """An error of a term that cannot be: the message says why."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How long a brand's interactions are kept, and what that has come to.

    Attributes
    ----------
    months
        For how many whole months; 0 for ever.
    horizon
        Instant before which interactions have expired; None where none has.
    expired
        How many have.
    earliest
        When the earliest one that is there was; None without any.
    interactions
        How many are there.
    """

    brand: str
    months: int
    horizon: datetime | None
    expired: int
    earliest: datetime | None
    interactions: int


def set_term(store: ClickHouse, brand: str, months: int, now_us: int) -> None:
    """Keep the interactions of a brand for so many whole months from now on; 0 for ever.

    Raises
    ------
    TermError
        No such number of months, or the brand is unknown.
    """
    known = [row.brand for row in kept(store)]
    if brand not in known:
        raise TermError(
            f"no interaction is of the brand {brand!r}; the brands are: {', '.join(known) or 'none yet'}"
        )
    _enter(store, brand, months, now_us)


def set_idle(store: ClickHouse, months: int, now_us: int) -> None:
    """Let go of handles of customers whom no brand has met for so many whole months; 0 for never. Raises TermError."""
    _enter(store, _HANDLES, months, now_us)


def idle_months(store: ClickHouse) -> int:
    """Return for how many months handles are kept of which nothing is heard; 0 for ever."""
    rows = store.rows("SELECT months FROM retention FINAL WHERE brand = {brand:String}", {"brand": _HANDLES})
    return int(rows[0]["months"]) if rows else 0


def _enter(store: ClickHouse, brand: str, months: int, now_us: int) -> None:
    if not 0 <= months <= MOST_MONTHS:
        raise TermError(f"--months {months}: must be from 1 to {MOST_MONTHS:,}, or 0 for ever")
    with kill_point("retention.set"):
        columns = {
            "brand": [brand],
            "months": pa.array([months], pa.uint16()),
            "set_at": pa.array([now_us], pa.timestamp("us", "UTC")),
        }
        store.insert("retention", pa.table(columns))


def kept(store: ClickHouse) -> Sequence[Kept]:
    """Return each brand with its term and what has expired, in the order of their names."""
    return [
        Kept(
            row["brand"],
            int(row["months"]),
            row["horizon"] and row["horizon"].replace(tzinfo=UTC),
            int(row["expired"]),
            row["earliest"].replace(tzinfo=UTC) if row["interactions"] else None,
            int(row["interactions"]),
        )
        for row in store.rows(_KEPT)
    ]


def horizon_of(now_us: int, months: int) -> datetime:
    """Return the first instant of the month that is so many months before this one: what is earlier expires.

    >>> horizon_of(1_796_083_200_000_000, 25)
    datetime.datetime(2024, 11, 1, 0, 0, tzinfo=datetime.timezone.utc)
    """
    now = from_us(now_us).astimezone(UTC)
    month = now.year * 12 + now.month - 1 - months
    return datetime(max(month // 12, 1900), month % 12 + 1, 1, tzinfo=UTC)
