"""Shows a customer in figures: stage and until when, touches, revenue, first and last touch, and what they are known by."""

from collections.abc import Sequence

from journey.identity.handle import KINDS
from streams.page.charts.stats import Stat, stats
from streams.page.described import known_by
from streams.page.markup import Markup
from streams.page.scope import Scope
from streams.page.values import for_people
from streams.page.view import Column, Panel, Row
from streams.page.views.paths import named

__all__ = ["WHO"]

_SQL = """
SELECT s.position AS position, s.stage AS stage, s.lapses_at AS lapses_at, s.touches AS touches, s.revenue AS revenue, s.first_seen AS first_seen,
    s.last_seen AS last_seen, k.kinds AS kinds, k.handles AS handles
FROM standings AS s
INNER JOIN
(
    SELECT customer, arraySort(groupUniqArray(toString(kind))) AS kinds, count() AS handles FROM customers
    WHERE customer IN (SELECT customer FROM customers WHERE handle = {customer:UInt64})
    GROUP BY customer
) AS k ON k.customer = s.customer
WHERE s.brand = {brand:String}
"""


def _draw(rows: Sequence[Row], _: Scope) -> Markup:
    (row,) = rows
    until = [] if row["lapses_at"] is None else [f"until {row['lapses_at']:%-d %b %Y}"]
    last = f"last {row['last_seen']:%-d %b %Y}"
    more = [kind for kind in KINDS if kind in row["kinds"]]
    return stats(
        "This customer",
        [
            Stat("Stage now", named(row["position"]).capitalize(), until, class_=f"stage-{row['position']}"),
            Stat("Touches", for_people(row["touches"], "number"), [last]),
            Stat("Revenue", for_people(row["revenue"], "money")),
            Stat("Customer since", f"{row['first_seen']:%-d %b %Y}"),
            Stat("Known by", f"{row['handles']:,} handles", [known_by(more)]),
        ],
    )


WHO = Panel(
    name="who",
    title="This customer",
    counts="The stage is that of now, and holds until the day that is named if nothing happens. Touches and revenue are those of all"
    " time with this brand, of all handles that are known to be this customer.",
    sql=_SQL,
    parameters=lambda scope: {"customer": int(scope.own["customer"], 16)},
    draw=_draw,
    picture=False,
    reads=("customer",),
    columns=(
        Column("stage", "Stage now"),
        Column("lapses_at", "Until"),
        Column("touches", "Touches", "number"),
        Column("revenue", "Revenue", "money"),
        Column("first_seen", "First touch"),
        Column("last_seen", "Last touch"),
        Column("kinds", "Known by"),
        Column("handles", "Handles", "number"),
    ),
    empty="This brand has no touch of this customer.",
)
