"""Shows who is about to fall from their stage, unless something happens: by stage, and as a list to act on."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from journey.stage import STAGE_NAMES
from streams.page.filters import matching
from streams.page.scope import Field, Scope
from streams.page.view import Column, Panel, Row, View

__all__ = ["VIEW"]

_MOST_DAYS = 366
_SOON = """
FROM standings
WHERE brand = {brand:String} AND lapses_at >= {now:DateTime64(6, 'UTC')} AND lapses_at < {end:DateTime64(6, 'UTC')}/*matching*/
"""
_BY_STAGE = f"""
SELECT stage, position, count() AS customers, min(lapses_at) AS first_at, sumMap(revenue) AS revenue
{_SOON}
GROUP BY stage, position ORDER BY position DESC
"""
_LIST = f"""
SELECT customer, stage, lapses_at, last_seen, touches, revenue
{_SOON} AND (stage = {{stage:String}} OR {{stage:String}} = '')
ORDER BY lapses_at, customer
"""


def _sql(query: str, scope: Scope) -> str:
    return query.replace("/*matching*/", matching(scope))


def _end(scope: Scope) -> datetime:
    return scope.now + timedelta(days=float(scope.own["days"]))


def _parameters(scope: Scope) -> dict[str, Any]:
    return {"end": _end(scope)}


def _link(row: Row, scope: Scope) -> str:
    return scope.address("lapses", stage=row["stage"], days=scope.own["days"])


def _panels(scope: Scope) -> Sequence[Panel]:
    stage = scope.own["stage"]
    until = f"{scope.local(_end(scope)):%-d %b %Y %H:%M}"
    listed = Panel(
        name="soon",
        title=f"Customers who fall from {stage or 'their stage'} by {until}",
        counts="Counts customers, each once, whose evidence for the stage they are at will have faded below its threshold by then if"
        " they do nothing; the first to fall is first. The CSV has all of them.",
        sql=_sql(_LIST, scope),
        parameters=_parameters,
        columns=(
            Column("customer", "Customer", "customer"),
            Column("stage", "Stage now"),
            Column("lapses_at", "Falls"),
            Column("last_seen", "Last touch"),
            Column("touches", "Touches", "number"),
            Column("revenue", "Revenue", "money"),
        ),
        empty="Nobody falls from a stage in that time.",
    )
    return _stages(scope), listed


def _stages(scope: Scope) -> Panel:
    return Panel(
        name="stages",
        title="By stage",
        counts="Counts the same customers by the stage that they are at now. Revenue is all that they have brought.",
        sql=_sql(_BY_STAGE, scope),
        parameters=_parameters,
        columns=(
            Column("stage", "Stage now"),
            Column("customers", "Customers", "number"),
            Column("first_at", "First falls"),
            Column("revenue", "Revenue", "money"),
        ),
        reads=("days",),
        link=_link,
        empty="Nobody falls from a stage in that time.",
    )


VIEW = View(
    name="lapses",
    title="Lapses",
    lead="Who falls from their stage in the next days if nothing happens. Choose one for the whole journey.",
    fields=(
        Field(name="days", label="Days from now", kind="number", default="7", low=1, high=_MOST_DAYS),
        Field(
            name="stage",
            label="Stage",
            kind="choice",
            choices=(("", "any"), *((name, name.capitalize()) for name in reversed(STAGE_NAMES))),
        ),
    ),
    panels=_panels,
)
