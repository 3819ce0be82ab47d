"""Compares the populations by stage under two A-Path models over all of history, without activating either."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from journey.model import Model
from streams.apath import in_force
from streams.store.clickhouse import ClickHouse

__all__ = ["WhatIf", "what_if"]


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The population by stage under two models, and the moves between them; rows are dictionaries by column."""

    now: str
    then: str
    population: list[dict[str, Any]]
    moves: list[dict[str, Any]]


_BOTH = """
    SELECT a.brand AS brand, a.customer AS customer, a.stage AS now, b.stage AS then
    FROM (SELECT brand, customer, stage FROM standing_under(model = {now:String}, at = {at:DateTime64(6, 'UTC')})) AS a
    INNER JOIN (SELECT brand, customer, stage FROM standing_under(model = {then:String}, at = {at:DateTime64(6, 'UTC')})) AS b
        ON a.brand = b.brand AND a.customer = b.customer
    WHERE {brand:String} IN ('', a.brand)
"""


def what_if(store: ClickHouse, now: Model, then: Model, brand: str, at: datetime) -> WhatIf:
    """Weigh all of history under both models; `brand` empty is every brand. Nothing is activated."""
    in_force.write(store.client, then)
    scope = {"now": now.hash, "then": then.hash, "brand": brand, "at": at}
    population = store.rows(
        f"""
        SELECT brand, stage, toUInt64(sum(n)) AS now, toUInt64(sum(t)) AS then FROM
        (
            SELECT brand, now AS stage, count() AS n, 0 AS t FROM ({_BOTH}) GROUP BY brand, stage
            UNION ALL
            SELECT brand, then AS stage, 0 AS n, count() AS t FROM ({_BOTH}) GROUP BY brand, stage
        )
        GROUP BY brand, stage ORDER BY brand, stage
        """,
        scope,
    )
    moves = store.rows(
        f"""
        SELECT brand, now, then, count() AS customers, arraySort(groupArraySample(3, 1)(customer)) AS some
        FROM ({_BOTH}) WHERE now != then GROUP BY brand, now, then ORDER BY brand, customers DESC, now, then
        """,
        scope,
    )
    return WhatIf(now.hash, then.hash, population, moves)
