"""Where each customer stood at several instants: one query, behind the flow and behind the lists that it opens."""

from datetime import datetime, timedelta

from streams.page.drawing.flow import NEW
from streams.page.scope import Scope
from streams.page.view import Column

__all__ = ["CUSTOMERS", "PATHS", "instants", "named"]

CUSTOMERS = (
    Column("customer", "Customer", "customer"),
    Column("stage", "Stage now"),
    Column("lapses_at", "Lapses (UTC)"),
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
        (SELECT half_lives FROM model_in_force) AS half_lives,
        (SELECT thresholds FROM model_in_force) AS thresholds
    SELECT
        customer,
        arrayMap(n -> if(first_at > instants[n], -1, arrayMax(arrayMap(
            (position, slots, grown) -> if(position > 0
                AND arraySum((slot, g) -> if(slot <= n, g, 0), slots, grown)
                    * exp2((1735689600000000 - toUnixTimestamp64Micro(instants[n])) / (half_lives[position] * 1000000))
                    >= thresholds[position] * (1 - 1e-9), position, 0),
            positions, slots_of, grown_of))), range(1, length(instants) + 1)) AS path
    FROM
    (
        SELECT customer, min(first_at) AS first_at,
            groupArray(position) AS positions, groupArray(slots) AS slots_of, groupArray(grown) AS grown_of
        FROM
        (
            SELECT c.customer AS customer, e.position AS position, min(e.first_at) AS first_at,
                groupArray(e.slot) AS slots, groupArray(e.grown) AS grown
            FROM
            (
                SELECT handle, toInt8(position) AS position, toUInt16(1 + arrayCount(i -> time > i, instants)) AS slot,
                    min(time) AS first_at, sum(grown) AS grown
                FROM touch_evidence(model = (SELECT model FROM model_in_force))
                WHERE brand = {brand:String} AND time <= instants[-1]
                GROUP BY handle, position, slot
                UNION ALL
                SELECT handle, toInt8(0) AS position, toUInt16(0) AS slot, min(time) AS first_at, toFloat64(0) AS grown
                FROM interactions
                WHERE brand = {brand:String} AND time <= instants[-1] AND NOT startsWith(type, 'identity.')
                GROUP BY handle
            ) AS e
            INNER JOIN customers AS c ON c.handle = e.handle
            GROUP BY customer, position
        )
        GROUP BY customer
    )
"""
_NAMES = ("without a stage", "Attention", "Attraction", "Affinity", "Audience", "Advocacy")
_DAY = timedelta(days=1)


def named(state: int) -> str:
    """Return what a state is called on the page."""
    return "new" if state == NEW else _NAMES[state]


def instants(scope: Scope, steps: int) -> list[datetime]:
    """Return the ends of `steps` equal parts of the period, and its start; whole days where they are long enough."""
    span = scope.until - scope.since
    unit = _DAY if span >= 2 * steps * _DAY else timedelta(minutes=1)
    inner = [scope.since + round(span * n / steps / unit) * unit for n in range(1, steps)]
    return [scope.since, *inner, scope.until]
