"""Where customers stand now: the population by stage, and the list behind each figure of it."""

from collections.abc import Sequence

from journey.stage import STAGE_NAMES
from streams.page.drawing.strip import strip
from streams.page.markup import Markup
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
    return strip(
        "population",
        "Customers by stage, now",
        [row for row in reversed(rows) if row["stage"] in STAGE_NAMES],
        href=lambda row: _link(row, scope),
    )


POPULATION = Panel(
    name="population",
    title="Now",
    counts="Customers with at least one touch, each once, at the highest stage that its evidence, as it has faded by now, "
    "still reaches. The share is of all of them; who stands at no stage is in the table.",
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
