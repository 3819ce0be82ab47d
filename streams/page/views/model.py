"""Shows a what-if: the population under the active model beside that under changed half-lives, thresholds and weights."""

import re
from collections.abc import Sequence
from typing import Any

from journey.stage import STAGES, Stage
from streams.page.activation import Activation
from streams.page.charts.flow import Move, Node, flow
from streams.page.markup import Markup
from streams.page.scope import Field, Scope, ScopeError
from streams.page.values import for_people
from streams.page.view import Column, Panel, Row, View
from streams.page.views.model_edit import EDIT, HISTORY, RULES, activate_panel, activation_action
from streams.page.views.paths import named

__all__ = ["VIEW", "model"]

_IN_FORCE = "(SELECT model FROM model_in_force)"
# Every customer with the stage now and the stage then. 0 among half-lives (days) and thresholds is that of the model in
# force; a factor is for the rules that name its type.
_BOTH = f"""
    WITH
        (SELECT half_lives FROM model_in_force) AS half_lives,
        (SELECT thresholds FROM model_in_force) AS thresholds,
        arrayMap((tried, now) -> if(tried > 0, tried * 86400, now), {{half_lives:Array(Float64)}}, half_lives) AS half_lives_then,
        arrayMap((tried, now) -> if(tried > 0, tried, now), {{thresholds:Array(Float64)}}, thresholds) AS thresholds_then,
        (
            SELECT mapFromArrays(groupArray(rule), groupArray(transform(toString(type), {{types:Array(String)}}, {{factors:Array(Float64)}}, toFloat64(1))))
            FROM model_weights FINAL WHERE model = {_IN_FORCE}
        ) AS factor_of
    SELECT
        customer,
        arrayMax(arrayMap((p, s) -> if(p > 0 AND s >= thresholds[p] * (1 - 1e-9), p, 0), positions, sums)) AS now,
        arrayMax(arrayMap((p, s) -> if(p > 0 AND s >= thresholds_then[p] * (1 - 1e-9), p, 0), positions, sums_then)) AS then
    FROM
    (
        SELECT customer, groupArray(position) AS positions, groupArray(score) AS sums, groupArray(score_then) AS sums_then
        FROM
        (
            SELECT c.customer AS customer, e.position AS position, sum(e.score) AS score, sum(e.score_then) AS score_then
            FROM
            (
                SELECT handle, toInt8(position) AS position,
                    sum(weight * exp2(-dateDiff('microsecond', time, {{at:DateTime64(6, 'UTC')}}) / (half_life_s * 1000000))) AS score,
                    sum(weight * factor_of[rule] * exp2(-dateDiff('microsecond', time, {{at:DateTime64(6, 'UTC')}}) / (half_lives_then[position] * 1000000))) AS score_then
                FROM touch_evidence(model = {_IN_FORCE})
                WHERE brand = {{brand:String}} AND time <= {{at:DateTime64(6, 'UTC')}}
                GROUP BY handle, position
                UNION ALL
                SELECT handle, toInt8(0) AS position, toFloat64(0) AS score, toFloat64(0) AS score_then
                FROM evidence
                WHERE model = {_IN_FORCE} AND brand = {{brand:String}} AND first_seen <= {{at:DateTime64(6, 'UTC')}}
            ) AS e
            INNER JOIN customers AS c ON c.handle = e.handle
            GROUP BY customer, position
        )
        GROUP BY customer
    )
"""
_MOVES = f"""
SELECT now, then, count() AS customers, sum(customers) OVER (PARTITION BY now) AS of_source, sum(customers) OVER () AS of_all
FROM ({_BOTH}) GROUP BY now, then ORDER BY now DESC, then DESC
"""
_WHO = f"""
SELECT b.customer AS customer, s.touches AS touches, s.revenue AS revenue, s.first_seen AS first_seen, s.last_seen AS last_seen
FROM (SELECT customer FROM ({_BOTH}) WHERE now = {{was:Int8}} AND ({{becomes:Int8}} < 0 OR then = {{becomes:Int8}})) AS b
INNER JOIN (SELECT * FROM standings WHERE brand = {{brand:String}}) AS s ON s.customer = b.customer
ORDER BY s.last_seen DESC, customer
"""
_TYPE = r"(?:\*|[a-z_]+)\.[a-z_]+"
_FACTORS = rf"|{_TYPE}=\d+(\.\d+)?(, ?{_TYPE}=\d+(\.\d+)?)*"


_CHANGES = (
    *(
        Field(
            name=f"threshold_{stage.label}", label=named(stage), kind="number", low=1e-6, elsewhere=True,
        )
        for stage in reversed(STAGES)
    ),
    *(
        Field(
            name=f"half_life_{stage.label}", label=named(stage), kind="number", low=0.01, high=36_500, elsewhere=True,
        )
        for stage in reversed(STAGES)
    ),
    Field(name="weights", label="Weights, times", pattern=_FACTORS, elsewhere=True),
)  # fmt: skip


def _parameters(scope: Scope) -> dict[str, Any]:
    pairs = [pair.split("=") for pair in re.split(", ?", scope.own["weights"]) if pair]
    types = [kind for kind, _ in pairs]
    if len(set(types)) < len(types):
        raise ScopeError("weights: names a type twice")
    return {
        "at": scope.at,
        "half_lives": [float(scope.own[f"half_life_{stage.label}"] or 0) for stage in STAGES],
        "thresholds": [float(scope.own[f"threshold_{stage.label}"] or 0) for stage in STAGES],
        "types": ["", *types],  # transform() wants one
        "factors": [1.0, *(float(factor) for _, factor in pairs)],
    }


def _who(scope: Scope) -> dict[str, Any]:
    return _parameters(scope) | {
        "was": int(scope.own["was"] or 0),
        "becomes": int(scope.own["becomes"] or -1),
    }


def _with_stage_names(rows: Sequence[Row], _: Scope) -> list[Row]:
    return [
        row
        | {
            "stage_now": named(row["now"]),
            "stage_then": named(row["then"]),
            "share": row["customers"] / row["of_source"],
            "share_of_all": row["customers"] / row["of_all"],
        }
        for row in rows
    ]


def _address(scope: Scope, was: int, becomes: int | None = None) -> str:
    changed = {key: value for key, value in scope.own.items() if value and key not in {"was", "becomes"}}
    more = {} if becomes is None else {"becomes": str(becomes)}
    return scope.address("model", **changed, was=str(was), **more)


def _draw(rows: Sequence[Row], scope: Scope) -> Markup:
    moves = {Move(0, row["now"], row["then"], row["customers"]): row for row in rows}
    return flow(
        "Customers now, and then",
        "; ".join(_said(row) for row in rows),
        list(moves),
        ["now", "then"],
        names=named,
        tell=lambda move: _said(moves[move]),
        move_href=lambda move: _address(scope, move.here, move.there),
        node_href=lambda node: _node(node, scope),
    )


def _node(node: Node, scope: Scope) -> str | None:
    return _address(scope, node.state) if node.column == 0 and node.state > Stage.NONE else None


def _said(row: Row) -> str:
    how = "stay" if row["now"] == row["then"] else f"go to {row['stage_then']}"
    return (
        f"{row['customers']:,} of {row['stage_now']} {how}, {for_people(row['share'], 'share')} of those, "
        f"{for_people(row['share_of_all'], 'share')} of all"
    )


MOVES = Panel(
    name="moves",
    title="Now, and then",
    counts="Customers, each once: at the left under the model in force, at the right under the changed one, both from all "
    "touches by the same instant, on one scale. Who has no stage either way is counted in the table and not drawn.",
    sql=_MOVES,
    parameters=_parameters,
    derive=_with_stage_names,
    draw=_draw,
    reads=tuple(field.name for field in _CHANGES),
    link=lambda row, scope: _address(scope, row["now"], row["then"]),
    columns=(
        Column("stage_now", "Now"),
        Column("stage_then", "Then"),
        Column("customers", "Customers", "number"),
        Column("share", "Of those now", "share"),
        Column("share_of_all", "Of all", "share"),
    ),
    empty="This brand has no customers yet. journey load FILE.ndjson brings events.",
)


def _panels(scope: Scope) -> Sequence[Panel]:
    if not any(scope.own[field.name] for field in _CHANGES):
        return EDIT, RULES, HISTORY
    if not scope.own["was"]:
        return EDIT, activate_panel(), MOVES, RULES, HISTORY
    was, becomes = int(scope.own["was"]), int(scope.own["becomes"] or -1)
    then = "" if becomes < 0 else f", and {named(becomes)} then"
    who = Panel(
        name="who",
        title=f"Customers: {named(was)} now{then}",
        counts="Customers, each once, by the query that counted them; touches and revenue are those of all time.",
        sql=_WHO,
        parameters=_who,
        columns=(
            Column("customer", "Customer", "customer"),
            Column("touches", "Touches", "number"),
            Column("revenue", "Revenue", "money"),
            Column("first_seen", "First seen"),
            Column("last_seen", "Last seen"),
        ),
        empty="Nobody does.",
    )
    return EDIT, activate_panel(), MOVES, who


def model(activation: Activation) -> View:
    """Return the view, whose models are activated so."""
    return View(
        name="model",
        title="Model",
        lead="What decides who is at which stage. Change a value to see who would move, on all of history; nothing is changed until"
        " you activate it.",
        fields=(
            *_CHANGES,
            Field(name="was", label="Now", kind="hidden", pattern="|[0-5]"),
            Field(name="becomes", label="Then", kind="hidden", pattern="|[0-5]"),
        ),
        panels=_panels,
        actions={"activate": activation_action(activation)},
    )


VIEW = model(Activation(None))
