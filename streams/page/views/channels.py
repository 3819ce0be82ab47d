"""Shows steps between channels: where customers go next, and what they see in one channel and buy in another."""

from collections.abc import Mapping, Sequence
from typing import Any

from journey.channel import CHANNELS
from streams.page.charts.matrix import Cell, matrix
from streams.page.charts.parts import Sides, Way, opposed
from streams.page.filters import matching
from streams.page.markup import Markup
from streams.page.scope import Field, Scope
from streams.page.values import for_people
from streams.page.view import Column, Panel, Row, View, folded

__all__ = ["VIEW"]

_WAYS = {"showrooming": "seen in the store, bought online", "webrooming": "seen online, bought in the store"}
_PLACES = 12  # in the drawing; the table has all
_STEPS = """
FROM channel_steps
WHERE brand = {brand:String} AND time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
"""
_BOUGHT = """
FROM looked_then_bought(window_days = {days:UInt32}) AS b
WHERE brand = {brand:String} AND bought_at >= {since:DateTime64(6, 'UTC')} AND bought_at < {until:DateTime64(6, 'UTC')}
"""


def _panels(scope: Scope) -> Sequence[Panel]:
    shown = [_next(scope), _places(scope)]
    if scope.own["way"]:
        shown = [_bought(scope), *shown]
    if scope.own["before"] and scope.own["after"]:
        shown = [_followed(scope), *shown]
    return shown


def _days(scope: Scope) -> Mapping[str, Any]:
    return {"days": int(float(scope.own["window"]))}


def _matrix(rows: Sequence[Row], scope: Scope) -> Markup:
    names = [name for name in CHANNELS if any(name in {row["before"], row["after"]} for row in rows)]
    deepest = max((row["of_before"] for row in rows if row["before"] != row["after"]), default=1) or 1
    cells = {(row["before"], row["after"]): _cell(row, deepest, scope) for row in rows}
    moved = sum(row["of_all"] for row in rows if row["before"] != row["after"])
    said = f"{for_people(moved, 'share')} of the steps change the channel. " + "; ".join(
        cell.says for cell in cells.values()
    )
    axes = ("from", "the next touch is on")
    return matrix("next", "Next channel", said, names, cells, axes=axes)


def _cell(row: Row, deepest: float, scope: Scope) -> Cell:
    stays = row["before"] == row["after"]
    share = for_people(row["of_before"], "share")
    where = f"stay on {row['before']}" if stays else f"go from {row['before']} to {row['after']}"
    return Cell(
        for_people(row["steps"], "number"),
        share,
        None if stays else row["of_before"] / deepest,
        f"{row['customers']:,} customers {where}, {row['steps']:,} times: {share} of the steps from {row['before']}",
        _step_of(row, scope),
    )


def _step_of(row: Row, scope: Scope) -> str:
    return scope.address("channels", before=row["before"], after=row["after"], window=scope.own["window"])


def _next(scope: Scope) -> Panel:
    return Panel(
        name="next",
        title="Where the next touch is",
        counts="Counts steps: each touch of the period with the touch before it of the same customer, whenever that was. The"
        " share is that of all steps from the same channel; colour follows it, and staying on a channel is left without.",
        sql=f"""
SELECT from_channel AS before, to_channel AS after, count() AS steps, uniqExact(customer) AS customers,
    steps / sum(count()) OVER (PARTITION BY from_channel) AS of_before, steps / sum(count()) OVER () AS of_all,
    quantileExactInclusive(0.5)(gap_s) AS median_gap_s
{_STEPS.strip()}{matching(scope)}
GROUP BY before, after
ORDER BY steps DESC, before, after
""",
        columns=(
            Column("before", "From"),
            Column("after", "To"),
            Column("steps", "Steps", "number"),
            Column("customers", "Customers", "number"),
            Column("of_before", "Of this channel's", "share"),
            Column("of_all", "Of all", "share"),
            Column("median_gap_s", "Median time between", "duration"),
        ),
        draw=_matrix,
        reads=("window",),
        empty="Nobody has come a second time in this period: choose a longer one, or load more events.",
        link=_step_of,
    )


def _followed(scope: Scope) -> Panel:
    before, after = scope.own["before"], scope.own["after"]
    return Panel(
        name="followed",
        title=f"Customers from {before} to {after}",
        counts="Counts customers with at least one such step in the period: those of the figure below.",
        sql=f"""
SELECT customer, count() AS steps, min(time) AS first_at, max(time) AS last_at, quantileExactInclusive(0.5)(gap_s) AS median_gap_s
{_STEPS.strip()} AND from_channel = {{before:String}} AND to_channel = {{after:String}}{matching(scope)}
GROUP BY customer
ORDER BY steps DESC, customer
""",
        columns=(
            Column("customer", "Customer", "customer"),
            Column("steps", "Steps", "number"),
            Column("first_at", "First", "time"),
            Column("last_at", "Last", "time"),
            Column("median_gap_s", "Median time between", "duration"),
        ),
        empty="Nobody made this step in this period.",
    )


def _draw_places(rows: Sequence[Row], scope: Scope) -> Markup:
    sums = ("showrooming", "webrooming", "showrooming_customers", "webrooming_customers")
    lines = [
        Sides(
            row["place"] or "no place named", _way("showrooming", row, scope), _way("webrooming", row, scope)
        )
        for row in folded(rows, _PLACES, sums, "place")
    ]
    return opposed("places", "Place by place", lines, (_WAYS["showrooming"], _WAYS["webrooming"]))


def _way(way: str, row: Row, scope: Scope) -> Way:
    place = row["place"] or "no place named"
    single = row["of_all"] is not None  # a fold of several has no customers of its own
    says = f"{place}: {row[way]:,} purchases {_WAYS[way]}"
    return Way(row[way], says, _purchases(way, row, scope) if single and row[way] else None)


def _purchases(way: str, row: Row, scope: Scope) -> str:
    return scope.address("channels", way=way, place=row["place"], window=scope.own["window"])


def _places(scope: Scope) -> Panel:
    return Panel(
        name="places",
        title="Seen here, bought there",
        counts="Counts purchases of the period that follow a look at the same product by the same customer, on the other side"
        " of the counter, within the days chosen; each counts once, with the latest look.",
        sql=f"""
SELECT place,
    countIf(way = 'showrooming') AS showrooming, countIf(way = 'webrooming') AS webrooming,
    uniqExactIf(customer, way = 'showrooming') AS showrooming_customers,
    uniqExactIf(customer, way = 'webrooming') AS webrooming_customers,
    sumMapIf(map(toString(b.currency), b.revenue), way = 'showrooming') AS showrooming_revenue,
    sumMapIf(map(toString(b.currency), b.revenue), way = 'webrooming') AS webrooming_revenue,
    count() / sum(count()) OVER () AS of_all,
    quantileExactInclusive(0.5)(dateDiff('second', looked_at, bought_at)) AS median_s
{_BOUGHT.strip()}{matching(scope)}
GROUP BY place
ORDER BY count() DESC, place
""",
        columns=(
            Column("place", "Place"),
            Column("showrooming", "Seen here, bought online", "number"),
            Column("showrooming_customers", "Customers", "number"),
            Column("showrooming_revenue", "Revenue", "money"),
            Column("webrooming", "Seen online, bought here", "number"),
            Column("webrooming_customers", "Customers", "number"),
            Column("webrooming_revenue", "Revenue", "money"),
            Column("of_all", "Of all", "share"),
            Column("median_s", "Median wait", "duration"),
        ),
        draw=_draw_places,
        reads=("window",),
        parameters=_days,
        empty="No purchase followed a look on the other side of the counter: looks and purchases need the same `product`, and"
        " those in a store their `place`. A longer window, or period, may show some.",
    )


def _bought(scope: Scope) -> Panel:
    way, place = scope.own["way"], scope.own["place"]
    return Panel(
        name="bought",
        title=f"Customers who did: {_WAYS[way]} · {place or 'no place named'}",
        counts="Counts customers with at least one such purchase in the period: those of the figure below.",
        sql=f"""
SELECT customer, count() AS purchases, groupUniqArray(product) AS products, sumMap(map(toString(b.currency), b.revenue)) AS revenue,
    min(looked_at) AS first_look, max(bought_at) AS last_purchase
{_BOUGHT.strip()} AND way = {{way:String}} AND place = {{place:String}}{matching(scope)}
GROUP BY customer
ORDER BY purchases DESC, customer
""",
        columns=(
            Column("customer", "Customer", "customer"),
            Column("purchases", "Purchases", "number"),
            Column("products", "Products"),
            Column("revenue", "Revenue", "money"),
            Column("first_look", "First look", "time"),
            Column("last_purchase", "Last purchase", "time"),
        ),
        parameters=_days,
        empty="Nobody did in this period.",
    )


VIEW = View(
    name="channels",
    title="Channels",
    lead="A store is a channel like any other: where customers go next, and what they look at in one place and buy in another.",
    panels=_panels,
    fields=(
        Field(
            name="window", label="Days from look to purchase", kind="number", default="14", low=1, high=365
        ),
        Field(name="before", label="From channel", kind="hidden", pattern="|".join(("", *CHANNELS))),
        Field(name="after", label="To channel", kind="hidden", pattern="|".join(("", *CHANNELS))),
        Field(name="way", label="Way", kind="hidden", pattern="|".join(("", *_WAYS))),
        Field(name="place", label="Place", kind="hidden"),
    ),
)
