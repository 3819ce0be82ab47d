"""Computes where a target's count goes on its present course: as it changed in the last weeks, to the day that it is due."""

from datetime import timedelta
from typing import Any

from journey.stage import STAGE_NAMES
from streams.page.scope import Scope
from streams.page.values import for_people
from streams.page.view import Row
from streams.page.views.paths import PATHS

__all__ = ["FORECAST", "course", "earlier", "span_days"]

_LONGEST_DAYS, _SHORTEST_DAYS = 28, 7

FORECAST = f"""
SELECT *, if({{span:Float64}} = 0 OR days_left <= 0, NULL, toInt64(greatest(0., round(actual + (toInt64(actual) - toInt64(before)) / {{span:Float64}} * days_left)))) AS forecast
FROM
(
    SELECT t.stage AS stage, t.channel AS channel, t.due AS due, any(t.target) AS target, any(t.actual) AS actual, any(t.progress) AS progress,
        any(t.days_left) AS days_left, any(t.note) AS note, any(t.set_at) AS set_at,
        sumIf(h.customers, h.position >= indexOf({list(STAGE_NAMES)}, toString(t.stage))) AS before
    FROM (SELECT * FROM target_progress WHERE brand = {{brand:String}}) AS t
    LEFT JOIN
    (
        SELECT position, arrayJoin(arrayConcat([''], channels)) AS channel, count() AS customers
        FROM
        (
            SELECT p.path[1] AS position, c.channels AS channels
            FROM ({PATHS}) AS p
            INNER JOIN
            (
                SELECT customer, groupUniqArray(toString(channel)) AS channels FROM touchpoints
                WHERE brand = {{brand:String}} AND time < {{earlier:DateTime64(6, 'UTC')}} GROUP BY customer
            ) AS c ON c.customer = p.customer
            WHERE p.path[1] > 0
        )
        GROUP BY position, channel
    ) AS h ON h.channel = t.channel
    GROUP BY stage, channel, due
)
ORDER BY due, stage, channel
"""
"""A brand's targets: `before` is the count so many days ago, `forecast` the count on the day; NULL where it cannot be known."""


def span_days(scope: Scope) -> float:
    """Return the days from which the course is taken, 0 where the brand is too young for one."""
    days = min((scope.now - scope.first).total_seconds() / 86_400, _LONGEST_DAYS)
    return days if days >= _SHORTEST_DAYS else 0.0


def earlier(scope: Scope) -> dict[str, Any]:
    """Return the parameters of FORECAST beside those of every query."""
    span = span_days(scope)
    at = scope.now - timedelta(days=span)
    return {"span": span, "earlier": at, "instants": [at]}


def course(row: Row, days: float) -> str:
    """Return a sentence on where a count goes, "" where that is not known."""
    if row["forecast"] is None or row["progress"] >= 1:
        return ""
    missing = row["target"] - row["forecast"]
    ends = "reached" if missing <= 0 else f"{missing:,} short"
    return f"On the course of the last {days:.0f} days {for_people(row['forecast'], 'number')} by {row['due']:%-d %b %Y}: {ends}"
