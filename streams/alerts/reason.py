"""Why an alert was raised: who carries it, in figures and examples without personal values."""

from collections.abc import Mapping
from typing import Any

from journey.alerts import Alert, BrandWatch
from streams.alerts.signal import OF_SCOPE, TOUCHES, Asked, Signal
from streams.clock import from_us

__all__ = ["reason"]

_SHOWN = 3
_PARTS = ("channel", "place", "product", "content")
_MINUTE_US = 60_000_000
_CURVE = 60  # minutes in the picture

_CARRIED = f"""
SELECT kind, value, people FROM
(
    SELECT part.1 AS kind, part.2 AS value, uniqExact(customer) AS people
    FROM
    (
        SELECT customer, arrayJoin([('channel', toString(channel)), ('place', toString(place)), ('product', product), ('content', content)]) AS part
        FROM {TOUCHES} WHERE {OF_SCOPE}
    )
    WHERE part.2 != ''
    GROUP BY kind, value
)
ORDER BY kind, people DESC, value
LIMIT 1 BY kind
"""
_EXAMPLES = f"""
SELECT toUnixTimestamp64Micro(min(time)) AS at, type, channel, place, product, content
FROM {TOUCHES} WHERE {OF_SCOPE}
GROUP BY customer, type, channel, place, product, content ORDER BY at DESC LIMIT 1 BY customer LIMIT {_SHOWN}
"""
_NEW = f"""
WITH people AS (SELECT customer, min(time) AS came FROM {TOUCHES} WHERE {OF_SCOPE} GROUP BY customer)
SELECT countIf(j.first_seen IS NULL OR j.first_seen >= {{since:DateTime64(6, 'UTC')}}), count()
FROM people AS p
LEFT JOIN
(
    SELECT m.customer AS customer, toNullable(min(e.first_seen)) AS first_seen
    FROM evidence AS e INNER JOIN customers AS m ON m.handle = e.handle
    WHERE e.brand = {{brand:String}} AND e.model = {{model:String}} AND m.customer IN (SELECT customer FROM people)
    GROUP BY m.customer
) AS j ON j.customer = p.customer
"""
_BEFORE = f"""
WITH people AS (SELECT DISTINCT customer FROM {TOUCHES} WHERE {OF_SCOPE})
SELECT stage, count() FROM
(
    SELECT customer, toString(argMax(to_stage, sequence)) AS stage
    FROM stage_changes
    WHERE brand = {{brand:String}} AND at < {{since:DateTime64(6, 'UTC')}} AND customer IN (SELECT customer FROM people)
    GROUP BY customer
)
GROUP BY stage ORDER BY count() DESC, stage
"""


def reason(store: Asked, signal: Signal, watch: BrandWatch, alert: Alert, now_us: int) -> Mapping[str, Any]:
    """Return what the message says about an alert: plain JSON values, shares from 0 to 1, times as RFC 3339."""
    watched = (alert.brand, alert.direction)
    asked = signal.touches(watched, alert.scope, alert.since_us, now_us + _MINUTE_US)
    carried = [
        {"kind": str(kind), "value": str(value), "people": int(people)}
        for kind, value, people in store.query(_CARRIED, asked)
    ]
    new, everybody = store.query(_NEW, asked)[0]
    before = {str(stage): int(count) for stage, count in store.query(_BEFORE, asked)}
    return {
        "carried_by": sorted(carried, key=lambda part: _PARTS.index(str(part["kind"]))),
        "new_customers": round(int(new) / int(everybody), 4) if everybody else None,
        "stages_before": before | ({"none": rest} if (rest := _rest(before, int(everybody))) else {}),
        "examples": [
            {"at": from_us(int(at)).isoformat()}
            | {key: str(value) for key, value in zip(("type", *_PARTS), rest_of, strict=True) if value}
            for at, *rest_of in store.query(_EXAMPLES, asked)
        ],
        "cascade": None,
        "curve": [
            [from_us(minute).isoformat(), people, round(expected, 2)]
            for minute, people, expected in watch.recent(alert.scope)[-_CURVE:]
        ],
        "sql": _link(alert, now_us),
    }


def _rest(before: Mapping[str, int], everybody: int) -> int:
    """Return how many had no stage; those who fell from one are counted with them."""
    return everybody - sum(count for stage, count in before.items() if stage != "none")


def _link(alert: Alert, now_us: int) -> str:
    """Return the query that shows what the alert is about."""
    kind = "" if alert.scope.kind == "brand" else f" AND {alert.scope.kind} = {_quoted(alert.scope.value)}"
    model = "(SELECT model FROM model_in_force)"
    return (
        "SELECT time, customer, type, channel, place, product, content FROM advocacy_touches("
        f"model = {model}, since = '{from_us(alert.since_us):%Y-%m-%d %H:%M:%S}',"
        f" until = '{from_us(now_us + _MINUTE_US):%Y-%m-%d %H:%M:%S}')"
        f" WHERE brand = {_quoted(alert.brand)} AND direction = '{alert.direction}'{kind} ORDER BY time"
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
