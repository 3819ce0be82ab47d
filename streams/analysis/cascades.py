"""Queries the stored cascades: lists them, shows one as a tree, and checks them against a recomputation.

`streams.analysis.share_chain` finds the cascade that carries an alert.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from journey.cascades import MAX_GENERATIONS, Naming, edges, nodes
from streams.store.clickhouse import ClickHouse

__all__ = ["SHOWN_GENERATIONS", "Branch", "drift", "listed", "tree"]

_TOGETHER = 100_000  # touches that name a cause, of several brands
SHOWN_GENERATIONS = 64  # of a tree; deeper ones are counted in the figures
_NAMED = """
    SELECT event, time_us, brand, id, if(JSONType(properties, 'share_code') = 'String', JSONExtractString(properties, 'share_code'), '') AS code, cause, source
    FROM
    (
        SELECT event, toUnixTimestamp64Micro(time) AS time_us, toString(brand) AS brand, id, properties, cause, toString(source) AS source
        FROM interactions
        WHERE brand IN {brands:Array(String)} AND NOT startsWith(type, 'identity.') AND (cause != '' OR position(properties, 'share_code') > 0
            OR (brand, id) IN (SELECT brand, cause FROM interactions WHERE cause != '' AND brand IN {brands:Array(String)}))
    )
"""


@dataclass(slots=True)
class Branch:
    """A customer in a cascade, at the touch where it first reached them, with those whom they brought."""

    customer: int | None
    generation: int
    reached_at: datetime | None
    type: str
    content: str
    bought: bool
    revenue: dict[str, Any]
    touches: int
    brought: list["Branch"] = field(default_factory=list)


def listed(
    store: ClickHouse, brand: str | None = None, limit: int = 20, root_id: str | None = None
) -> list[dict[str, Any]]:
    """Return cascades, those that reached most customers first."""
    return store.rows(
        "SELECT * FROM cascades WHERE (brand = {brand:String} OR {brand:String} = '')"
        " AND (root_id = {root:String} OR toString(root) = {root:String} OR {root:String} = '')"
        " ORDER BY customers DESC, touches DESC, brand, root_id, root LIMIT {limit:UInt32}",
        {"brand": brand or "", "root": root_id or "", "limit": limit},
    )


def tree(store: ClickHouse, brand: str, root: int) -> Branch:
    """Return a cascade as a tree of customers, SHOWN_GENERATIONS deep: each once, below who brought their first touch.

    Touches whose way up leads through nobody else (the customer's own, or a start that nobody has sent) are below the start.
    """
    key: dict[str, Any] = {"brand": brand, "root": str(root)}
    touches = store.rows(
        "SELECT event, parent, generation, time, customer, type, content FROM cascade_touches"
        " WHERE brand = {brand:String} AND root = toUInt128({root:String})"
        " AND generation <= {most:UInt32} ORDER BY time, generation, event",
        key | {"most": SHOWN_GENERATIONS},
    )
    sums = {
        row["customer"]: row
        for row in store.rows(
            "SELECT customer, starts, bought, revenue, touches FROM cascade_customers"
            " WHERE brand = {brand:String} AND root = toUInt128({root:String})",
            key,
        )
    }
    return _grown(touches, sums)


def _grown(touches: list[dict[str, Any]], sums: Mapping[int, Mapping[str, Any]]) -> Branch:
    by_event = {row["event"]: row for row in touches}
    first = next((row for row in touches if row["generation"] == 0), None)
    top = _branch(first, sums[first["customer"]]) if first else _nobody()
    branches = {top.customer: top}
    reached = [row for row in touches if row["generation"] > 0]
    for row in reached:
        if row["customer"] not in branches:
            branches[row["customer"]] = _branch(row, sums[row["customer"]])
    placed = {top.customer}
    for row in reached:
        if row["customer"] not in placed:
            placed.add(row["customer"])
            above = _bringer(row, by_event, branches, top)
            (above if above.customer in placed else top).brought.append(branches[row["customer"]])
    return top


def _bringer(
    row: Mapping[str, Any],
    by_event: Mapping[int, Mapping[str, Any]],
    branches: Mapping[int | None, Branch],
    top: Branch,
) -> Branch:
    """Return who brought a touch: the nearest above it who is somebody else."""
    above = by_event.get(row["parent"])
    while above is not None and above["customer"] == row["customer"]:
        above = by_event.get(above["parent"])
    return branches[above["customer"]] if above else top


def _branch(row: Mapping[str, Any], of: Mapping[str, Any]) -> Branch:
    return Branch(
        row["customer"],
        row["generation"],
        row["time"],
        row["type"],
        row["content"],
        of["bought"],
        of["revenue"],
        of["touches"],
    )


def _nobody() -> Branch:
    return Branch(None, 0, None, "", "", bought=False, revenue={}, touches=0)


def drift(store: ClickHouse) -> Iterator[dict[str, Any]]:
    """Yield where the views place a touch otherwise than `journey.cascades` does, from the interactions alone.

    Brands are looked at together as long as they have few causes, so that memory does not grow with their number.
    """
    rows = store.query(
        "SELECT toString(brand), count() FROM interactions WHERE cause != '' GROUP BY brand ORDER BY brand",
        {},
    )
    some: list[str] = []
    causes = 0
    for brand, count in rows:
        if some and causes + count > _TOGETHER:
            yield from _drift(store, some)
            some, causes = [], 0
        some.append(brand)
        causes += count
    if some:
        yield from _drift(store, some)


def _drift(store: ClickHouse, some: list[str]) -> Iterator[dict[str, Any]]:
    given = {"brands": some}
    found = edges(Naming(*row) for row in store.query(_NAMED, given))
    expected = {
        event: (node.root, node.parent, node.generation)
        for event, node in nodes(found).items()
        if node.generation <= MAX_GENERATIONS
    }
    placed = {
        row[0]: tuple(row[1:])
        for row in store.query(
            "SELECT event, root, parent, generation FROM cascade_nodes"
            " WHERE generation <= {most:UInt32} AND brand IN {brands:Array(String)}",
            given | {"most": MAX_GENERATIONS},
        )
    }
    for event in sorted(expected.keys() | placed.keys()):
        if expected.get(event) != placed.get(event):
            yield {"event": event, "view": placed.get(event), "recomputed": expected.get(event)}
    states = {
        row[0]: row[1]
        for row in store.query(
            "SELECT event, state FROM cascade_edges WHERE brand IN {brands:Array(String)}", given
        )
    }
    for event in sorted(found.keys() | states.keys()):
        state = found[event].state if event in found else None
        if state != states.get(event):
            yield {"event": event, "view": states.get(event), "recomputed": state}
