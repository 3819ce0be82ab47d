"""Shows spikes: how many different customers praise and attack the brand, how many were expected, and the alerts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from journey.alerts import AlertPolicy
from streams.alerts.counts import DIRECTIONS, minutes_of_people
from streams.alerts.watcher import HISTORY
from streams.page.charts.band import MarkedEvent, Point, Strip, band
from streams.page.expectation import Steps, expectation
from streams.page.filters import conditions, is_filtered
from streams.page.markup import Markup
from streams.page.scope import Field, Scope
from streams.page.values import for_people
from streams.page.view import Column, Panel, Row, View
from streams.page.views.alerts import ALERTS, acknowledge, behind, shown_alert
from streams.page.views.silences import NEW as NEW_SILENCE
from streams.page.views.silences import SILENCES, end_silence, set_silence

__all__ = ["VIEW"]

_NAMES = {"for": "Praise", "against": "Attacks"}
_OF_ACTS = ("channel", "place", "product", "content")  # what an act of praise or attack has itself
_LEARNED, _UNTIL = "{learned:DateTime64(6, 'UTC')}", "{until:DateTime64(6, 'UTC')}"
# One row a direction: the people of each step that has any, and the alerts to mark.
_HEARD = """
SELECT direction, groupArray((at_s, people)) AS heard,
    (SELECT toInt64(min(minute)) FROM minute_counts WHERE brand = {brand:String}) AS first_s,
    (
        SELECT groupArray((alert, direction, since, last_hot))
        FROM (SELECT alert, direction, since, last_hot FROM alerts WHERE brand = {brand:String} ORDER BY sequence DESC LIMIT 1 BY alert)
        WHERE last_hot >= {since:DateTime64(6, 'UTC')} AND since < {until:DateTime64(6, 'UTC')}
    ) AS alerts
FROM
(
    SELECT direction, minute_s - positiveModulo(minute_s, {step_s:Int64}) AS at_s, sum(people) AS people
    FROM /*people*/
    WHERE brand = {brand:String} AND kind = 'brand'
    GROUP BY direction, at_s
)
GROUP BY direction
"""


def _people(scope: Scope) -> str:
    """Return the query of people by minute, of those acts alone that the filter asks for."""
    where = ""
    if is_filtered(scope):
        where = f"WHERE {conditions(scope, _OF_ACTS) or 'true'}"
    if conditions(scope, ("campaign", "device")):
        where += f"""
                    AND (handle, time, toString(type)) IN
                    (
                        SELECT handle, time, toString(type) FROM touchpoints
                        WHERE brand = {{brand:String}} AND time >= {_LEARNED} AND time < {_UNTIL} AND {conditions(scope)}
                    )"""
    return minutes_of_people("(SELECT model FROM model_in_force)", _LEARNED, _UNTIL, where)


def _panels(scope: Scope) -> Sequence[Panel]:
    series = _series(scope)
    shown = (series, behind(scope)) if scope.own["alert"] else (series,)
    alerts = replace(ALERTS, title="Alerts, of the whole brand") if is_filtered(scope) else ALERTS
    return (*shown, alerts, NEW_SILENCE, SILENCES)


def _steps(scope: Scope) -> Steps:
    return Steps.of(shown=scope.until - scope.since, learned=HISTORY)


def _learned(scope: Scope) -> datetime:
    """Return from when on the detector learns: not from before ClickHouse's times begin."""
    return max(scope.since - HISTORY, datetime(1900, 1, 1, tzinfo=UTC))


def _parameters(scope: Scope) -> Mapping[str, Any]:
    return {"learned": _learned(scope), "step_s": _steps(scope).step_s}


def _expected(rows: Sequence[Row], scope: Scope) -> Sequence[Row]:
    """Run the detector over each direction; a row a bucket and direction."""
    if not rows:
        return []
    steps, learned_s = _steps(scope), int(_learned(scope).timestamp())
    found: list[Row] = []
    for direction in DIRECTIONS:
        heard = next((dict(row["heard"]) for row in rows if row["direction"] == direction), {})
        buckets = expectation(
            heard,
            steps,
            first_s=max(learned_s, rows[0]["first_s"]),
            since_s=int(scope.since.timestamp()),
            until_s=int(scope.until.timestamp()),
            policy=AlertPolicy().of_brand,
        )
        found += [
            {
                "direction": direction, "at": datetime.fromtimestamp(each.at_s, UTC), "people": each.people,
                "expected": each.expected, "low": each.low, "high": each.high, "begins": each.alarm,
                "alerts": [] if is_filtered(scope) else [alert for alert in rows[0]["alerts"] if alert[1] == direction],
            }
            for each in buckets
        ]  # fmt: skip
    return found


def _draw(rows: Sequence[Row], scope: Scope) -> Markup:
    width = timedelta(seconds=_steps(scope).shown_s)
    strips = [
        _strip(direction, [row for row in rows if row["direction"] == direction], scope)
        for direction in DIRECTIONS
    ]
    said = ". ".join(_caption(strip) for strip in strips)
    span = (min(scope.since, rows[0]["at"]), max(scope.until, rows[-1]["at"] + width))
    return band(
        "heard",
        "People heard, and expected",
        said,
        strips,
        span=span,
        width=width,
        marked=scope.marked,
        zone=scope.zone,
    )


def _strip(direction: str, rows: Sequence[Row], scope: Scope) -> Strip:
    points = [
        Point(row["at"], row["people"], row["expected"], row["low"], row["high"], _says(row), row["begins"])
        for row in rows
    ]
    events = [
        MarkedEvent(since, until, f"Alert of {since:%-d %b %H:%M}", shown_alert(alert, scope))
        for alert, _, since, until in (rows[0]["alerts"] if rows else ())
    ]
    return Strip(_NAMES[direction], direction, points, events)


def _says(row: Row) -> str:
    said = f"{row['at']:%-d %b %H:%M}: {row['people']:,} people"
    if row["expected"] is None:
        return said
    return f"{said}, {row['expected']:.1f} expected, up to {row['high']:.1f} ordinary"


def _caption(strip: Strip) -> str:
    begun = sum(point.begins for point in strip.points)
    most = max((point.count for point in strip.points), default=0)
    return f"{strip.name}: at most {for_people(most, 'number')} people at a time, {begun} spikes begin"


def _series(scope: Scope) -> Panel:
    return Panel(
        name="series",
        title="How many people speak, and how many usually do",
        counts="Counts different customers by the evidence they give for Advocacy or against it; whoever was heard in the hour"
        " before is not counted again. Dashed is what the detector expected, the band what it takes for ordinary, a dot where it"
        " sees a spike begin; it learns from the eight days before, and says nothing in its first. Scales differ.",
        sql=_HEARD.replace("/*people*/", _people(scope).strip()),
        columns=(
            Column("direction", "Direction"),
            Column("at", "From", "time"),
            Column("people", "People", "number"),
            Column("expected", "Expected", "score"),
            Column("low", "Band from", "score"),
            Column("high", "Band to", "score"),
            Column("begins", "Begins a spike"),
        ),
        draw=_draw,
        reads=(),
        parameters=_parameters,
        derive=_expected,
        empty="Nobody recommended or attacked the brand in this period: shares, reviews, referrals and ratings do, by the model"
        " in force.",
    )


VIEW = View(
    name="spikes",
    title="Spikes",
    lead="When many different people recommend or attack the brand at once. One person who posts fifty times is one person.",
    panels=_panels,
    fields=(Field(name="alert", label="Alert", kind="hidden", pattern=r"[0-9a-f]{0,64}"),),
    actions={"acknowledge": acknowledge, "silence": set_silence, "end-silence": end_silence},
)
