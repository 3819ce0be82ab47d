"""Turns the conditions of an audience into one query over the views, which gives the customers who meet all of them."""

from collections.abc import Callable, Mapping
from typing import Any

from streams.audiences.config import Audience
from streams.store.sql import literal

__all__ = ["query"]


def query(audience: Audience) -> str:
    """Return the query of an audience: a column `customer`, and ``{brand:String}`` for its brand."""
    if audience.sql is not None:
        return audience.sql.strip().removesuffix(";")
    met = [sql(getattr(audience, name)) for name, sql in _SQL.items() if getattr(audience, name) is not None]
    return "\n    AND ".join(["SELECT customer FROM standings\nWHERE brand = {brand:String}", *met])


def _texts(values: Any) -> str:
    return f"({', '.join(literal(value, 'String') for value in values)})"


def _days(count: int) -> str:
    return f"now64(6) - INTERVAL {count:d} DAY"


def _touched(column: str) -> Callable[[Any], str]:
    def sql(values: Any) -> str:
        return (
            "customer IN (SELECT customer FROM touchpoints WHERE brand = {brand:String}"
            f" AND {column} IN {_texts(values)})"
        )

    return sql


def _came_to(arrival: Any) -> str:
    # Announcements name a customer by a handle, who may be part of another by now.
    return (
        "customer IN (SELECT customer FROM customers WHERE handle IN (SELECT customer FROM stage_changes"
        f" WHERE brand = {{brand:String}} AND to_stage = {literal(arrival.stage, 'String')} AND from_stage < to_stage"
        f" AND at >= {_days(arrival.within_days)}))"
    )


def _revenue(bounds: Any) -> str:
    brought = f"revenue[{literal(bounds.currency, 'String')}]"
    limits = ((">=", bounds.min), ("<=", bounds.max))
    return " AND ".join(
        f"{brought} {sign} toDecimal128('{amount:f}', 4)" for sign, amount in limits if amount is not None
    )


_SQL: Mapping[str, Callable[[Any], str]] = {
    "stages": lambda stages: f"stage IN {_texts(stages)}",
    "lapses_within_days": lambda days: f"lapses_at < now64(6) + INTERVAL {days:d} DAY",
    "came_to": _came_to,
    "channels": lambda channels: f"({' OR '.join(f'touches_{channel} > 0' for channel in channels)})",
    "places": _touched("place"),
    "products": _touched("product"),
    "seen_within_days": lambda days: f"last_seen >= {_days(days)}",
    "not_seen_for_days": lambda days: f"last_seen < {_days(days)}",
    "revenue": _revenue,
    "mood": lambda _: (
        "customer IN (SELECT customer FROM unhappy_customers(at = (SELECT now64(6))) WHERE brand = {brand:String})"
    ),
    "brought_at_least": lambda count: (
        "customer IN (SELECT b.customer AS customer FROM cascade_edges AS e INNER JOIN customers AS f ON f.handle = e.handle"
        " INNER JOIN customers AS b ON b.handle = e.parent_handle WHERE e.brand = {brand:String} AND e.state = 'joined'"
        f" AND e.counts AND f.customer != b.customer GROUP BY customer HAVING uniqExact(f.customer) >= {count:d})"
    ),
}
