"""Shows the population by stage at the end of the period, and how it changed since the start."""

from collections.abc import Sequence

from journey.stage import Stage
from streams.page.charts.stats import Stat, stats
from streams.page.filters import matching
from streams.page.markup import Markup, tag, together
from streams.page.scope import Scope
from streams.page.values import change, for_people
from streams.page.view import Column, Panel, Row
from streams.page.views.links import customers_of
from streams.page.views.paths import named, paths

__all__ = ["population"]

_STATES = range(int(Stage.NONE), len(Stage))
# Standings are quicker than paths, and can be asked for now alone.
_NOW = """
    SELECT toInt8(position) AS position, count() AS customers FROM standings WHERE brand = {{brand:String}}{matching}
    GROUP BY position
"""


def population(scope: Scope) -> Panel:
    """Return the panel: by the sums of evidence where the period reaches now, else from the touches until then."""
    first = "SELECT path[1] AS position, count() AS customers FROM (" + paths(scope) + ") GROUP BY position"
    last = _NOW.format(matching=matching(scope)) if scope.reaches_end else first.replace("path[1]", "path[2]")
    instants = [scope.since] if scope.reaches_end else [scope.since, scope.until]
    when = "now" if scope.reaches_end else "at the end of the period"
    return Panel(
        name="population",
        title="Now" if scope.reaches_end else f"At the end of {scope.last_day:%-d %b %Y}",
        counts=f"Counts customers with at least one touch, each once, at the highest stage that their evidence, as it has faded"
        f" {'by now' if scope.reaches_end else 'by then'}, still reaches. The change is the difference to the same count at the start of the period.",
        sql=f"""
SELECT position, customers, customers / sum(customers) OVER () AS share, before, toInt64(customers) - toInt64(before) AS change
FROM
(
    SELECT position, sum(n) AS customers, sum(m) AS before
    FROM
    (
        SELECT position, customers AS n, 0 AS m FROM ({last})
        UNION ALL
        SELECT position, 0 AS n, customers AS m FROM ({first})
        UNION ALL
        SELECT toInt8(arrayJoin(range({len(_STATES)}))) AS position, 0 AS n, 0 AS m
    )
    WHERE position >= 0
    GROUP BY position
)
ORDER BY position DESC
""",
        parameters=lambda _: {"instants": instants},
        derive=_with_names,
        draw=_draw,
        picture=False,
        link=_link,
        columns=(
            Column("name", "Stage"),
            Column("customers", f"Customers {when}", "number"),
            Column("share", "Of all", "share"),
            Column("before", "At the start", "number"),
            Column("change", "Change", "change"),
        ),
        empty="Nobody has a touch yet: of this brand, or of what the filter asks for.",
    )


def _with_names(rows: Sequence[Row], _: Scope) -> list[Row]:
    if not sum(row["customers"] for row in rows):
        return []
    return [row | {"name": named(row["position"])} for row in rows]


def _link(row: Row, scope: Scope) -> str:
    if scope.reaches_end:
        return scope.address("customers", stage=str(row["position"]))
    return customers_of(scope, scope.until, row["position"])


def _draw(rows: Sequence[Row], scope: Scope) -> Markup:
    total = sum(row["customers"] for row in rows)
    since = f"since {scope.first_day:%-d %b}"
    said = f"{total:,} customers in all"
    if not scope.is_first:
        said += f", {change(total - sum(row['before'] for row in rows))} {since}"
    shown = [
        Stat(
            row["name"][:1].upper() + row["name"][1:],
            for_people(row["customers"], "number"),
            [for_people(row["share"], "share"), *([] if scope.is_first else [change(row["change"])])],
            row["share"],
            _link(row, scope),
            f"stage-{row['position']}",
        )
        for row in reversed(rows)
    ]
    return together([tag("p", said, class_="told"), stats("Customers by stage", shown)])
