"""Shows word of mouth: one cascade as a tree that grows with time, all cascades, and the customers who started them."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from streams.page.charts.parts import Part, parts
from streams.page.charts.tree import EDGES, Leaf, tree
from streams.page.markup import Markup, tag, together
from streams.page.scope import Field, Scope
from streams.page.values import for_people
from streams.page.view import Column, Panel, Row, View, folded

__all__ = ["VIEW"]

_BARS = 12  # in a drawing; the tables have all
# One pass over the touches of cascades: customers by cascade, then the cascade that was asked for, or the largest of the
# period, also where the one asked for is of another brand.
_TREE = """
SELECT root, reached.1 AS customer, reached.2 AS starts, reached.3.1 AS generation, reached.3.2 AS at,
    if(starts, NULL, nullIf(who[reached.3.4], 0)) AS brought_by, reached.3.5 AS type, reached.3.6 AS content, reached.3.7 AS place,
    reached.4 AS touches, reached.5 AS bought, reached.6 AS revenue,
    countIf(NOT starts) OVER () AS all_reached, countIf(bought AND NOT starts) OVER () AS all_bought
FROM
(
    SELECT root, groupArray((customer, starts, first, touches, bought, revenue)) AS everybody,
        CAST(groupArrayArray(arrayMap(event -> (event, customer), events)), 'Map(UInt128, UInt64)') AS who
    FROM
    (
        SELECT t.root AS root, t.customer AS customer, CAST(max(t.generation = 0), 'Bool') AS starts,
            argMin((t.generation, t.time, t.event, t.parent, t.type, t.content, t.place), (t.generation != 0, t.time, t.generation, t.event)) AS first,
            groupArray(t.event) AS events, countIf(t.generation > 0) AS touches,
            CAST(countIf(t.generation > 0 AND ifNull(t.revenue > 0, false)) > 0, 'Bool') AS bought,
            mapFilter((k, v) -> v != 0, sumMap(if(t.generation = 0 OR ifNull(t.revenue, 0) = 0, map(), map(toString(t.currency), toDecimal128(assumeNotNull(t.revenue), 4))))) AS revenue
        FROM cascade_touches AS t
        WHERE t.brand = {brand:String}
        GROUP BY root, customer
    )
    GROUP BY root
    HAVING toString(root) = {root:String} OR (min(first.2) >= {since:DateTime64(6, 'UTC')} AND min(first.2) < {until:DateTime64(6, 'UTC')})
    ORDER BY toString(root) = {root:String} DESC, countIf(NOT starts) DESC, sum(touches) DESC, root
    LIMIT 1
)
ARRAY JOIN everybody AS reached
ORDER BY NOT starts, at, generation, customer
"""


def _grown(rows: Sequence[Row], _: Scope) -> Sequence[Row]:
    """Add how long after the start each was reached, and how many they brought themselves."""
    start = rows[0]["at"] if rows else None
    brought: dict[int | None, int] = {}
    for row in rows:
        brought[row["brought_by"]] = brought.get(row["brought_by"], 0) + 1
    return [
        row | {"after_s": (row["at"] - start).total_seconds(), "brought": brought.get(row["customer"], 0)}
        for row in rows
    ]


def _tree(rows: Sequence[Row], scope: Scope) -> Markup:
    leaves = [_leaf(row, scope) for row in rows]
    start, end = leaves[0].at, max(leaf.at for leaf in leaves)
    if not rows[0]["starts"]:
        unsent = Leaf("unsent", "", start, "start: not sent", "The start, which nobody has sent", "unsent")
        leaves = [unsent, *leaves]
    until = _until(scope, start)
    told = _caption(rows)
    drawing = tree("growth", "The cascade as a tree", told, leaves, until=until, zone=scope.zone)
    return together([tag("p", told, class_="told"), _scrubber(rows, start, end, until, scope), drawing])


def _leaf(row: Row, scope: Scope) -> Leaf:
    what = " · ".join(
        part
        for part in (row["type"].split(".")[-1].replace("_", " "), row["place"] or row["content"])
        if part
    )
    name = for_people(row["customer"], "customer")
    money = for_people(row["revenue"]) if row["revenue"] else ""
    how = (
        "starts it"
        if row["starts"]
        else f"reached {row['at']:%-d %b %H:%M} in generation {row['generation']}"
    )
    says = f"{name} {how}: {row['type']}" + (f", brings {row['brought']:,} others" if row["brought"] else "")
    return Leaf(
        str(row["customer"]),
        str(row["brought_by"]),
        row["at"],
        f"{what} · {money}" if money else what,
        f"{says}, buys for {money}" if money else says,
        "starts" if row["starts"] else "bought" if row["bought"] else "looked",
        scope.address("journey", customer=f"{row['customer']:016x}"),
    )


def _caption(rows: Sequence[Row]) -> str:
    first, depth = rows[0], max(row["generation"] for row in rows)
    start = (
        " · ".join(filter(None, (first["type"], first["content"])))
        if first["starts"]
        else "a start that nobody has sent"
    )
    return (
        f"From {start}, {first['at']:%-d %b %H:%M}: {first['all_reached']:,} customers in"
        f" {depth} generation{'s' * (depth != 1)}, of whom {first['all_bought']:,} bought."
    )


def _until(scope: Scope, start: datetime) -> datetime | None:
    return start + timedelta(seconds=float(scope.own["at"])) if scope.own["at"] else None


def _scrubber(
    rows: Sequence[Row], start: datetime, end: datetime, until: datetime | None, scope: Scope
) -> Markup:
    """Return the slider by which the tree grows; its script is static/tree.js, and without it all is shown."""
    span = math.ceil((end - start).total_seconds())
    shown = span if until is None else min(span, (until - start).total_seconds())
    said = _so_far(rows, scope.local(start + timedelta(seconds=shown)))
    return tag(
        "div",
        tag("button", "Play", type="button", class_="play"),
        tag("label", "Time", for_="growth-at", class_="unseen"),
        tag(
            "input",
            type="range",
            id="growth-at",
            min="0",
            max=str(span),
            step="any",
            value=f"{shown:.0f}",
            aria_valuetext=said,
        ),
        tag("output", said, for_="growth-at"),
        class_="scrubber",
        data_start=f"{start.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
        data_zone=f"{scope.zone}",
        data_left=EDGES[0],
        data_right=EDGES[1],
        data_reached=" ".join(
            f"{row['after_s']:.2f}{'b' * row['bought']}" for row in rows if not row["starts"]
        ),
    )


def _so_far(rows: Sequence[Row], at: datetime) -> str:
    reached = [row for row in rows if not row["starts"] and row["at"] <= at]
    return f"{at:%-d %b %H:%M}: {len(reached)} reached, {sum(row['bought'] for row in reached)} of them buy"


_GROWTH = Panel(
    name="growth",
    title="How it grew",
    counts="Counts customers, each once, at their first touch; times are those of events. A filled dot buys"
    " something in the cascade. Choose another cascade below.",
    sql=_TREE,
    columns=(
        Column("customer", "Customer", "customer"),
        Column("at", "Reached", "time"),
        Column("after_s", "After the start", "duration"),
        Column("generation", "Generation", "number"),
        Column("brought_by", "Brought by", "customer"),
        Column("brought", "Brought", "number"),
        Column("type", "First touch"),
        Column("content", "Content"),
        Column("place", "Place"),
        Column("touches", "Touches", "number"),
        Column("bought", "Bought"),
        Column("revenue", "Revenue", "money"),
    ),
    draw=_tree,
    derive=_grown,
    empty="No cascade began in this period. Send `cause` with an event: the id of the event that brought it, or a share code.",
)


def _cascades(rows: Sequence[Row], scope: Scope) -> Markup:
    lines = []
    for row in folded(rows, _BARS, ("customers", "converted", "touches"), "root_id"):
        there = _cascade(row, scope)
        name = f"{row['content'] or row['root_id']} · {row['began']:%-d %b}" if there else row["root_id"]
        said = f"{row['customers']:,} reached, {row['converted']:,} bought"
        part = (name, row["customers"], row["converted"], said, f"{name}: {said}", there)
        lines.append(Part(*part, several=there is None))
    return parts("cascades", "Cascades by customers reached", lines)


def _cascade(row: Row, scope: Scope) -> str | None:
    return None if row["root"] is None else scope.address("word-of-mouth", root=str(row["root"]))


_ALL = Panel(
    name="cascades",
    title="Cascades",
    counts="Counts customers, once in each cascade that began in the period; whoever was reached by two counts in both."
    " Revenue is that of touches that name a cause.",
    sql="""
SELECT root, root_id, type, content, ifNull(started_at, last_at) AS began, customers, converted, conversion, depth, breadth, touches,
    half_reached_s, all_reached_s, revenue
FROM cascades
WHERE brand = {brand:String} AND began >= {since:DateTime64(6, 'UTC')} AND began < {until:DateTime64(6, 'UTC')}
ORDER BY customers DESC, touches DESC, root
""",
    columns=(
        Column("root_id", "Start"),
        Column("type", "What"),
        Column("began", "Began", "time"),
        Column("customers", "Customers", "number"),
        Column("converted", "Bought", "number"),
        Column("conversion", "Share", "share"),
        Column("depth", "Generations", "number"),
        Column("breadth", "Widest", "number"),
        Column("half_reached_s", "Half reached in", "duration"),
        Column("all_reached_s", "All in", "duration"),
        Column("revenue", "Revenue", "money"),
    ),
    draw=_cascades,
    wide=False,
    reads=(),
    empty="No cascade began in this period.",
    link=_cascade,
)


def _influencers(rows: Sequence[Row], scope: Scope) -> Markup:
    lines = []
    for row in folded(rows, _BARS, ("customers", "converted", "direct"), "customer"):
        alone = isinstance(row["customer"], int)
        name = for_people(row["customer"], "customer" if alone else "text")
        said = f"{row['customers']:,} followed, {row['converted']:,} bought"
        there = scope.address("journey", customer=f"{row['customer']:016x}") if alone else None
        part = (name, row["customers"], row["converted"], said, f"{name}: {said}", there)
        lines.append(Part(*part, several=not alone))
    return parts("influencers", "Customers by how many followed", lines)


_INFLUENCERS = Panel(
    name="influencers",
    title="Who sets it off",
    counts="Counts customers who followed what a customer did, directly or through up to 32 others (33 generations), in all of history; whoever"
    " followed two of them counts for both.",
    sql="""
SELECT customer, rank, customers, direct, converted, revenue, causes, first_at, last_at
FROM influencers
WHERE brand = {brand:String}
ORDER BY rank, customer
""",
    columns=(
        Column("customer", "Customer", "customer"),
        Column("rank", "Rank", "number"),
        Column("customers", "Followed", "number"),
        Column("direct", "Directly", "number"),
        Column("converted", "Bought", "number"),
        Column("revenue", "Revenue", "money"),
        Column("causes", "By so many acts", "number"),
        Column("last_at", "Last followed", "time"),
    ),
    draw=_influencers,
    wide=False,
    reads=(),
    empty="Nobody has followed anybody yet: send `cause` with events.",
)


VIEW = View(
    name="word-of-mouth",
    title="Word of mouth",
    lead="Who brought whom. Every branch is a customer who came because of somebody; pull the slider to see it grow.",
    panels=lambda _: (_GROWTH, _ALL, _INFLUENCERS),
    fields=(
        Field(name="root", label="Cascade", kind="hidden", pattern=r"\d{0,39}"),
        Field(name="at", label="Seconds from its start", kind="hidden", pattern=r"(\d{1,10}(\.\d+)?)?"),
    ),
)
