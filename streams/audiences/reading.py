"""Reads audiences for people and exports: which there are, and who is in one, with where they stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from journey.errors import UserError
from streams.audiences.config import Audience
from streams.clock import aware
from streams.store.clickhouse import ClickHouse

__all__ = [
    "COLUMNS",
    "FORMATS",
    "MEMBERS",
    "AudienceError",
    "Listed",
    "brand_of",
    "listed",
    "shown",
    "with_revenue",
]

COLUMNS = (
    "customer", "brand", "audience", "entered_at", "stage", "since", "lapses_at", "first_seen", "last_seen", "touches", "revenue",
)  # fmt: skip
FORMATS: Mapping[str, str] = {"csv": "CSVWithNames", "parquet": "Parquet"}

# A customer without a standing is one whose interactions an operator's own query does not look at.
MEMBERS = """
SELECT
    leftPad(lower(hex(m.customer)), 16, '0') AS customer,
    toString(m.brand) AS brand,
    toString(m.audience) AS audience,
    m.entered_at AS entered_at,
    if(s.customer = 0, NULL, toString(s.stage)) AS stage,
    h.since AS since,
    s.lapses_at AS lapses_at,
    if(s.customer = 0, NULL, s.first_seen) AS first_seen,
    if(s.customer = 0, NULL, s.last_seen) AS last_seen,
    toUInt64(s.touches) AS touches,
    {revenue} AS revenue
FROM (SELECT * FROM audience_members WHERE brand = {{brand:String}} AND audience = {{audience:String}}) AS m
LEFT JOIN (SELECT * FROM standings WHERE brand = {{brand:String}}) AS s ON s.customer = m.customer
LEFT JOIN
(
    SELECT c.customer AS customer, toNullable(max(a.at)) AS since
    FROM stage_changes AS a INNER JOIN customers AS c ON c.handle = a.customer
    WHERE a.brand = {{brand:String}}
    GROUP BY customer
) AS h ON h.customer = m.customer
ORDER BY m.entered_at DESC, customer
"""
_AS_JSON = "toJSONString(mapApply((k, v) -> (toString(k), toString(v)), s.revenue))"
_LISTED = """
SELECT toString(brand) AS brand, toString(audience) AS audience, countIf(last = 'entered') AS members, max(latest) AS changed_at FROM
(
    SELECT brand, audience, customer, argMax(change, number) AS last, max(at) AS latest
    FROM audience_changes GROUP BY brand, audience, customer
)
GROUP BY brand, audience ORDER BY brand, audience
"""


class AudienceError(UserError, ValueError):
    """An error of an audience that is not there; the message names those that are."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An audience: of the file, of the store, or of both. `changed_at` is None where nobody was ever in it."""

    name: str
    brand: str
    title: str
    members: int
    changed_at: datetime | None
    is_kept: bool


def listed(store: ClickHouse, audiences: Sequence[Audience]) -> list[Listed]:
    """Return the audiences of a file, in its order, and then those that the store has besides."""
    rows = {
        (row["brand"], row["audience"]): (row["members"], aware(row["changed_at"]))
        for row in store.rows(_LISTED)
    }
    found = []
    for one in audiences:
        members, changed_at = rows.pop((one.brand, one.name), (0, None))
        found.append(Listed(one.name, one.brand, one.title, members, changed_at, is_kept=True))
    return found + [Listed(name, brand, "", *row, is_kept=False) for (brand, name), row in rows.items()]


def brand_of(found: Sequence[Listed], name: str, brand: str | None) -> str:
    """Return the brand of an audience: the one that is given, or the only one. Raises AudienceError."""
    brands = [one.brand for one in found if one.name == name]
    if not brands:
        there = ", ".join(dict.fromkeys(one.name for one in found)) or "none yet: journey audience refresh"
        raise AudienceError(f"there is no audience {name}; there are {there}")
    if brand is None:
        kept = [one.brand for one in found if one.name == name and one.is_kept]
        if len(kept or brands) > 1:
            raise AudienceError(f"--brand is needed, one of {', '.join(brands)}")
        return (kept or brands)[0]
    if brand not in brands:
        raise AudienceError(f"--brand {brand}: the audience {name} is of {', '.join(brands)}")
    return brand


def shown(store: ClickHouse, brand: str, name: str, limit: int) -> list[dict[str, Any]]:
    """Return members with where they stand, who entered last first."""
    sql = f"{MEMBERS.format(revenue='s.revenue')} LIMIT {{limit:UInt64}}"
    rows = store.rows(sql, {"brand": brand, "audience": name, "limit": limit})
    return [
        {key: aware(value) if isinstance(value, datetime) else value for key, value in row.items()}
        for row in rows
    ]


def with_revenue(members: str) -> str:
    """Return the query of an export, where revenue is JSON: amounts by currency."""
    return members.format(revenue=_AS_JSON)
