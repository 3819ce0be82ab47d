"""Shows the A-Path as a flow: customers by stage at several instants, and how many move up, down, come and lapse."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from journey.stage import Stage
from streams.page.charts.flow import NEW, Move, Node, flow
from streams.page.markup import Markup
from streams.page.scope import Field, Scope
from streams.page.view import Column, Panel, Row, View
from streams.page.views.links import customers_of
from streams.page.views.moved import moved
from streams.page.views.now import population
from streams.page.views.paths import instants, named, paths
from streams.page.views.period import period

__all__ = ["VIEW"]

_MOVES = """
SELECT step, here, there, count() AS customers,
    sum(customers) OVER (PARTITION BY step, here) AS of_source, sum(customers) OVER (PARTITION BY step) AS of_all
FROM
(
    SELECT arrayJoin(range(1, length(path))) AS step, path[step] AS here, path[step + 1] AS there FROM ({paths})
)
WHERE there >= 0
GROUP BY step, here, there
ORDER BY step, here DESC, there DESC
"""


def _steps(scope: Scope) -> int:
    return int(float(scope.own["steps"]))


def _with_names(rows: Sequence[Row], scope: Scope) -> list[Row]:
    """Add the names of stages and the period of a step."""
    spans = list(pairwise(instants(scope, _steps(scope))))
    return [
        row
        | {
            "share": None if row["here"] == NEW else row["customers"] / row["of_source"],
            "share_of_all": row["customers"] / row["of_all"],
            "since": spans[row["step"] - 1][0],
            "until": spans[row["step"] - 1][1],
            "from_stage": named(row["here"]),
            "to_stage": named(row["there"]),
        }
        for row in rows
    ]


def _link(row: Row, scope: Scope) -> str:
    return customers_of(scope, row["since"], row["here"], row["until"], row["there"])


def _label(at: datetime, scope: Scope) -> str:
    if at == scope.now:
        return "now"
    at = scope.local(at)
    of_days = scope.until - scope.since > timedelta(days=3) and at.time() == datetime.min.time()
    return f"{at:%-d %b}" if of_days else f"{at:%-d %b %H:%M}"


def _draw(rows: Sequence[Row], scope: Scope) -> Markup:
    at = instants(scope, _steps(scope))
    columns = [_label(each, scope) for each in at]
    moves = {Move(row["step"] - 1, row["here"], row["there"], row["customers"]): row for row in rows}
    return flow(
        "Customers between stages",
        "; ".join(_tell(rows, columns, step) for step in range(len(columns) - 1)),
        list(moves),
        columns,
        names=named,
        tell=lambda move: _ribbon(moves[move], columns),
        move_href=lambda move: _link(moves[move], scope),
        node_href=lambda node: _node(node, at, scope),
        marked=[(_between(when, at), said) for when, said in scope.marked if at[0] <= when <= at[-1]],
    )


def _between(when: datetime, at: Sequence[datetime]) -> float:
    """Return between which instants a moment is, 0 being the first of them."""
    step = next(n for n in range(len(at) - 1) if when <= at[n + 1])
    return step + (when - at[step]) / (at[step + 1] - at[step])


def _node(node: Node, at: Sequence[datetime], scope: Scope) -> str | None:
    return customers_of(scope, at[node.column], node.state) if node.state > Stage.NONE else None


def _ribbon(row: Row, columns: Sequence[str]) -> str:
    source = "" if row["share"] is None else f", {row['share']:.1%} of those"
    return (
        f"{columns[row['step'] - 1]} to {columns[row['step']]}: {row['customers']:,} from {row['from_stage']} "
        f"to {row['to_stage']}{source}, {row['share_of_all']:.1%} of all"
    )


def _tell(rows: Sequence[Row], columns: Sequence[str], step: int) -> str:
    """Return what happened in a step, in words."""
    told = [(row["here"], row["there"], row["customers"]) for row in rows if row["step"] == step + 1]
    up = sum(n for here, there, n in told if Stage.NONE <= here < there)
    down = sum(n for here, there, n in told if Stage.NONE < there < here)
    lapsed = sum(n for here, there, n in told if there == Stage.NONE < here)
    came = sum(n for here, _, n in told if here == NEW)
    return (
        f"{columns[step]} to {columns[step + 1]}: {came:,} new, {up:,} up, {down:,} down, {lapsed:,} lapsed"
    )


def _moves(scope: Scope) -> Panel:
    return Panel(
        name="moves",
        title="From stage to stage",
        counts=(
            "Customers, each once an instant, at the stage that the model in force gives them from what was known by then. "
            "A ribbon is who stood at its left end and stands at its right; lapses are grey. Who never had a stage is "
            "counted in the table and not drawn."
        ),
        sql=_MOVES.format(paths=paths(scope)),
        parameters=lambda scope: {"instants": instants(scope, _steps(scope))},
        derive=_with_names,
        draw=_draw,
        link=_link,
        columns=(
            Column("from_stage", "From"),
            Column("to_stage", "To"),
            Column("since", "At"),
            Column("until", "And at"),
            Column("customers", "Customers", "number"),
            Column("share", "Of those at From", "share"),
            Column("share_of_all", "Of all", "share"),
        ),
        empty="No customer of this brand has a touch in this period. journey load FILE.ndjson brings events.",
    )


VIEW = View(
    name="flow",
    title="A-Path",
    lead="How many customers are at each stage, how that changed, and what moved them. Choose a figure, a ribbon or a bar to see "
    "exactly those customers.",
    fields=(
        Field(
            name="steps", label="Steps", kind="choice", default="4",
            choices=[(str(n), str(n)) for n in (1, 2, 3, 4, 5, 6, 8)],
        ),
    ),
    panels=lambda scope: (population(scope), period(scope), _moves(scope), moved(scope)),
    opens=timedelta(days=30),
)  # fmt: skip
