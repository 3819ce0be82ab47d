"""Computes the stage of each customer at several instants: one query, behind the flow and the lists that it opens."""

from datetime import datetime, timedelta

from streams.page.charts.flow import NEW
from streams.page.filters import matching
from streams.page.scope import Scope
from streams.page.view import Column

__all__ = ["CUSTOMERS", "PATHS", "instants", "named", "paths"]

CUSTOMERS = (
    Column("customer", "Customer", "customer"),
    Column("stage", "Stage now"),
    Column("lapses_at", "Lapses"),
    Column("touches", "Touches", "number"),
    Column("revenue", "Revenue", "money"),
    Column("first_seen", "First seen"),
    Column("last_seen", "Last seen"),
)  # of lists of customers

# `path` is a customer's stage at each of `instants`, -1 before its first touch. Scores are summed up to each instant by the
# model in force, as journeys_at does, for all of them in one pass.
PATHS = """
    WITH
        {instants:Array(DateTime64(6, 'UTC'))} AS instants,
        (SELECT model FROM model_in_force) AS model_now,
        (SELECT half_lives FROM model_in_force) AS half_lives,
        (SELECT thresholds FROM model_in_force) AS thresholds
    SELECT customer, arrayMap((highest, at) -> if(min(first_at) > at, -1, highest), maxForEach(held), instants) AS path
    FROM
    (
        SELECT
            c.customer AS customer,
            e.position AS position,
            min(e.first_at) AS first_at,
            arrayMap(
                (grown, at) -> toInt8(if(position > 0
                    AND grown * exp2((1735689600000000 - toUnixTimestamp64Micro(at)) / (half_lives[position] * 1000000))
                        >= thresholds[position] * (1 - 1e-9), position, 0)),
                sumForEach(e.grown), instants) AS held
        FROM
        (
            SELECT handle, toInt8(position) AS position, min(time) AS first_at,
                sumForEach(arrayMap(at -> if(time <= at, grown, 0), instants)) AS grown
            FROM touch_evidence(model = model_now)
            WHERE brand = {brand:String} AND time <= instants[-1]
            GROUP BY handle, position
            UNION ALL
            SELECT handle, toInt8(0) AS position, CAST(first_seen, 'DateTime64(6, \\'UTC\\')') AS first_at,
                arrayResize(emptyArrayFloat64(), length(instants)) AS grown
            FROM evidence
            WHERE model = model_now AND brand = {brand:String} AND first_seen <= instants[-1]
        ) AS e
        INNER JOIN customers AS c ON c.handle = e.handle/*matching*/
        GROUP BY customer, position
    )
    GROUP BY customer
"""


def paths(scope: Scope) -> str:
    """Return the query for the customers to whom the scope is restricted."""
    return PATHS.replace("/*matching*/", matching(scope, "c.customer", "WHERE").replace("\n", "\n        "))


_NAMES = ("without a stage", "Attention", "Attraction", "Affinity", "Audience", "Advocacy")
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)


def named(state: int) -> str:
    """Return what a state is called on the page."""
    return "new" if state == NEW else _NAMES[state]


def instants(scope: Scope, steps: int) -> list[datetime]:
    """Return the ends of `steps` equal parts of the period, and its start; whole days where they are long enough."""
    span = scope.until - scope.since
    if span >= 2 * steps * _DAY:
        inner = [scope.midnight(round(span * n / steps / _DAY)) for n in range(1, steps)]
    else:
        inner = [scope.since + round(span * n / steps / _MINUTE) * _MINUTE for n in range(1, steps)]
    return [scope.since, *inner, scope.until]
