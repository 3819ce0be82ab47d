"""Shows the population by stage now, and the list of customers behind each figure."""

from collections.abc import Sequence

from streams.page.charts.strip import strip
from streams.page.markup import Markup, tag, together
from streams.page.scope import Scope
from streams.page.view import Column, Panel, Row
from streams.page.views.paths import named

__all__ = ["POPULATION"]

_POPULATION = """
SELECT position, stage, customers, share FROM stage_population WHERE brand = {brand:String} ORDER BY position DESC
"""


def _named(rows: Sequence[Row], _: Scope) -> list[Row]:
    return [row | {"name": named(row["position"])} for row in rows]


def _link(row: Row, scope: Scope) -> str:
    return scope.address("customers", stage=str(row["position"]))


def _draw(rows: Sequence[Row], scope: Scope) -> Markup:
    total = sum(row["customers"] for row in rows)
    drawing = strip("population", "Customers by stage, now", rows[::-1], href=lambda row: _link(row, scope))
    return together([tag("p", f"{total:,} customers in all", class_="told"), drawing])


POPULATION = Panel(
    name="population",
    title="Now",
    counts="Customers with at least one touch, each once, at the highest stage that its evidence, as it has faded by now, "
    "still reaches. The share is of all of them.",
    sql=_POPULATION,
    derive=_named,
    draw=_draw,
    link=_link,
    columns=(
        Column("name", "Stage"),
        Column("customers", "Customers", "number"),
        Column("share", "Of all", "share"),
    ),
    empty="This brand has no customers yet. journey load FILE.ndjson brings events.",
)
