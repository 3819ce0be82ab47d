"""Shows what people do with posts, pages, mails and ads, and content that is published though nobody answers any more."""

from collections.abc import Mapping, Sequence
from typing import Any

from streams.page.charts.parts import Part, parts
from streams.page.filters import is_filtered, matching
from streams.page.markup import Markup
from streams.page.scope import Field, Scope
from streams.page.values import for_people
from streams.page.view import Column, Panel, Row, View, folded

__all__ = ["VIEW"]

_BARS = 12  # in a drawing; the tables have all
_PERIOD = """
FROM content_touches AS t
WHERE t.brand = {brand:String} AND t.time >= {since:DateTime64(6, 'UTC')} AND t.time < {until:DateTime64(6, 'UTC')}
""".strip()
_REVENUE = (
    "mapFilter((k, v) -> v != 0, sumMap(if(ifNull(t.revenue, 0) = 0, map(),"
    " map(toString(t.currency), toDecimal128(assumeNotNull(t.revenue), 4)))))"
)


def _panels(scope: Scope) -> Sequence[Panel]:
    shown = (_works(scope), _zombies(scope))
    return (_touched(scope), *shown) if scope.own["content"] else shown


def _period(scope: Scope) -> str:
    return _PERIOD + matching(scope, "t.customer")


def _days(scope: Scope) -> Mapping[str, Any]:
    return {"days": int(float(scope.own["days"]))}


def _content(row: Row, scope: Scope) -> str | None:
    alone = row["first_seen"] is not None  # a fold of several is no content
    return scope.address("content", content=row["content"], days=scope.own["days"]) if alone else None


def _draw_works(rows: Sequence[Row], scope: Scope) -> Markup:
    lines = []
    for row in folded(rows, _BARS, ("customers", "engaged", "touches"), "content"):
        share = for_people(row["engaged"] / row["customers"], "share")
        said = f"{row['engaged']:,} of {row['customers']:,} engaged · {share}"
        says = f"{row['content']}: {row['engaged']:,} of {row['customers']:,} customers engaged, {share}"
        there = _content(row, scope)
        lines.append(
            Part(row["content"], row["customers"], row["engaged"], said, says, there, several=there is None)
        )
    return parts("works", "Content by customers who engaged", lines)


def _works(scope: Scope) -> Panel:
    return Panel(
        name="works",
        title="What works",
        counts="Counts customers who met the content in the period, and in colour those of them who engaged with it: a touch"
        " that the model weighs for a stage above Attention, or that brought revenue. Other rows add up contents, and"
        " whoever met two counts twice there.",
        sql=f"""
WITH (SELECT uniqExact(t.customer) {_period(scope)} AND t.engaged) AS anywhere
SELECT t.content AS content, uniqExact(t.customer) AS customers, uniqExactIf(t.customer, t.engaged) AS engaged,
    engaged / customers AS of_these, if(anywhere = 0, NULL, engaged / anywhere) AS of_all, count() AS touches,
    {_REVENUE} AS revenue, min(t.time) AS first_seen, max(t.time) AS last_seen
{_period(scope)}
GROUP BY content
ORDER BY engaged DESC, customers DESC, content
""",
        columns=(
            Column("content", "Content"),
            Column("customers", "Customers", "number"),
            Column("engaged", "Engaged", "number"),
            Column("of_these", "Of these", "share"),
            Column("of_all", "Of all who engaged", "share"),
            Column("touches", "Touches", "number"),
            Column("revenue", "Revenue", "money"),
            Column("first_seen", "First touch", "time"),
            Column("last_seen", "Last touch", "time"),
        ),
        draw=_draw_works,
        reads=("days",),
        wide=False,
        empty="No event of this period names its content: send `content` with impressions, clicks, likes, shares and reviews.",
        link=_content,
    )


def _draw_zombies(rows: Sequence[Row], scope: Scope) -> Markup:
    sums = ("touches", "touches_since_engagement")
    shown = folded([row for row in rows if row["still_published"]], _BARS, sums, "content")
    lines = []
    for row in shown:
        unanswered = f"{row['touches_since_engagement']:,} of {row['touches']:,} touches"
        said = f"{unanswered} unanswered"
        there = _content(row, scope)
        says = f"{row['content']}: {unanswered} since anybody engaged, and still published"
        part = (row["content"], row["touches"], row["touches_since_engagement"], said, says, there, "dead")
        lines.append(Part(*part, several=there is None))
    if gone := [row for row in rows if not row["still_published"]]:
        said = f"{sum(row['touches'] for row in gone):,} touches"
        label = f"{len(gone):,} published no more"
        lines.append(Part(label, 0, 0, said, f"{label}: {said}; the table lists them", several=True))
    return parts("zombies", "Content that nobody answers, and that is still published", lines)


def _zombies(scope: Scope) -> Panel:
    return Panel(
        name="zombies",
        title="Zombies, among everybody" if is_filtered(scope) else "Zombies",
        counts="Counts touches on content that is at least so many days old, and with which nobody has engaged for as long, as of"
        " now, whatever the period and the filter. Red are those since anybody engaged, of content that is still being published.",
        sql="""
SELECT content, touches, touches_since_engagement, touches_since_engagement / touches AS of_these, last_engagement, first_seen,
    last_seen, still_published
FROM zombies(days = {days:UInt32})
WHERE brand = {brand:String}
ORDER BY still_published DESC, touches_since_engagement DESC, content
""",
        columns=(
            Column("content", "Content"),
            Column("touches", "Touches", "number"),
            Column("touches_since_engagement", "Since anybody engaged", "number"),
            Column("of_these", "Share", "share"),
            Column("last_engagement", "Last engagement", "time"),
            Column("first_seen", "First touch", "time"),
            Column("last_seen", "Last touch", "time"),
            Column("still_published", "Still published"),
        ),
        draw=_draw_zombies,
        reads=("days",),
        wide=False,
        parameters=_days,
        empty="Nothing is dead: everything that is old enough was answered lately.",
        link=_content,
    )


def _touched(scope: Scope) -> Panel:
    return Panel(
        name="touched",
        title=f"Customers who met {scope.own['content']}",
        counts="Counts customers with at least one touch on it in the period: those of the figure below.",
        sql=f"""
SELECT t.customer AS customer, count() AS touches, CAST(max(t.engaged), 'Bool') AS engaged, {_REVENUE} AS revenue,
    min(t.time) AS first_at, max(t.time) AS last_at
{_period(scope)} AND t.content = {{content:String}}
GROUP BY customer
ORDER BY engaged DESC, touches DESC, customer
""",
        columns=(
            Column("customer", "Customer", "customer"),
            Column("touches", "Touches", "number"),
            Column("engaged", "Engaged"),
            Column("revenue", "Revenue", "money"),
            Column("first_at", "First", "time"),
            Column("last_at", "Last", "time"),
        ),
        empty="Nobody met it in this period.",
    )


VIEW = View(
    name="content",
    title="Content",
    lead="What people answer, and what is still being published though nobody does.",
    panels=_panels,
    fields=(
        Field(name="days", label="Dead after days", kind="number", default="7", low=1, high=3650),
        Field(name="content", label="Content", kind="hidden"),
    ),
)
