"""What the tables and views say, by brand, in the terms of the oracle."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from streams.clock import from_us, to_us
from streams.store.clickhouse import ClickHouse

__all__ = ["CHANNELS", "Answers", "answers", "micros"]

CHANNELS = ("social", "web", "store", "support", "direct", "other")
Rows = list[dict[str, Any]]

_KEYED = "source, id, handle"
_BY_BRAND = {
    "interactions": "SELECT * FROM interactions",
    "edges": "SELECT e.brand AS brand, i.source AS source, i.id AS id, i.handle AS handle, e.state AS state,"
    " e.cause AS cause, p.source AS from_source, p.id AS from_id, p.handle AS from_handle FROM cascade_edges AS e"
    " INNER JOIN interactions AS i ON i.event = e.event LEFT JOIN interactions AS p ON p.event = e.parent",
    "cascades": "SELECT c.*, i.source AS root_source, i.handle AS root_handle FROM cascades AS c"
    " LEFT JOIN interactions AS i ON i.event = c.root",
    "reached": "SELECT c.*, i.source AS root_source, i.id AS root_id, i.handle AS root_handle"
    " FROM cascade_customers AS c LEFT JOIN interactions AS i ON i.event = c.root WHERE NOT starts",
    "steps": "SELECT brand, customer, time, from_channel, to_channel, gap_s FROM channel_steps",
    "path": "SELECT * FROM stage_history ORDER BY brand, customer, at",
    "minutes": "SELECT brand, minute, channel, type, sum(touches) AS touches FROM touches_by_minute GROUP BY ALL",
    "now": "SELECT *, toString(stage) AS stage FROM journeys",
    "standings": "SELECT brand, customer, toString(stage) AS stage, scores, revenue, touches, lapses_at FROM standings",
    "population": "SELECT brand, toString(stage) AS stage, customers FROM stage_population",
}


@dataclass(frozen=True)
class Answers:
    """All answers of one store.

    Attributes
    ----------
    books
        Sums of the deliveries.
    reasons
        Dead letters by reason.
    customer
        Customer of every handle.
    by_brand
        Rows of tables and views, by their name and brand.
    at
        Rows of `journeys_at` by instant and brand.
    asked_us
        Between which two instants it was asked what is now.
    """

    books: dict[str, int]
    reasons: Counter[str]
    customer: dict[int, int]
    conflicts: dict[str, Counter[tuple[Any, ...]]]
    by_brand: dict[str, dict[str, Rows]]
    at: dict[int, dict[str, Rows]]
    asked_us: tuple[int, int]


def answers(store: ClickHouse, instants: Sequence[int], now: Any) -> Answers:
    """Ask everything; `now` reads the clock."""
    begun_us = now()
    by_brand = {name: _by_brand(store.rows(sql)) for name, sql in _BY_BRAND.items()}
    ended_us = now()
    (books,) = store.rows(
        "SELECT sum(received) AS received, sum(stored) AS stored, sum(duplicates) AS duplicates,"
        " sum(conflicts) AS conflicts, sum(dead_letters) AS dead_letters FROM deliveries"
    )
    letters = store.rows("SELECT reason, count() AS n FROM dead_letters GROUP BY reason")
    mapped = store.rows("SELECT handle, customer FROM customers")
    return Answers(
        books=books,
        reasons=Counter({row["reason"]: row["n"] for row in letters}),
        customer={row["handle"]: row["customer"] for row in mapped},
        conflicts=_conflicts(store),
        by_brand=by_brand,
        at={at_us: _by_brand(store.rows(_AT, {"at": from_us(at_us)})) for at_us in instants},
        asked_us=(begun_us, ended_us),
    )


_AT = "SELECT *, toString(stage) AS stage FROM journeys_at(at = {at:DateTime64(6, 'UTC')})"


def _by_brand(rows: Rows) -> dict[str, Rows]:
    found: dict[str, Rows] = defaultdict(list)
    for row in rows:
        found[row["brand"]].append(row)
    return found


def _conflicts(store: ClickHouse) -> dict[str, Counter[tuple[Any, ...]]]:
    rows = store.rows(
        f"SELECT i.brand AS brand, {_KEYED.replace('source', 'c.source AS source').replace('id,', 'c.id AS id,').replace('handle', 'c.handle AS handle')},"
        " c.field AS field, c.kept AS kept, c.repeated AS repeated FROM conflicts AS c"
        " INNER JOIN interactions AS i ON i.event = c.event"
    )
    found: dict[str, Counter[tuple[Any, ...]]] = defaultdict(Counter)
    for row in rows:
        field, kept, repeated = row["field"], row["kept"], row["repeated"]
        if field == "time":
            kept, repeated = (str(micros(datetime.fromisoformat(text))) for text in (kept, repeated))
        if field in {"handles", "properties"}:
            kept = repeated = ""
        found[row["brand"]][(row["source"], row["id"], row["handle"]), field, kept, repeated] += 1
    return found


def micros(at: datetime) -> int:
    """Return a time of a table, which is UTC, in microseconds since 1970."""
    return to_us(at.replace(tzinfo=at.tzinfo or UTC))
