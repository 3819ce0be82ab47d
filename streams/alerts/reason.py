"""Why an alert was raised: who carries it, in figures and examples without personal values."""

import logging
from collections.abc import Mapping
from typing import Any

from journey.alerts import Alert, BrandWatch
from streams.alerts.signal import OF_SCOPE, TOUCHES, Signal
from streams.chain import Window, leading
from streams.clock import from_us
from streams.store import ClickHouse, QueryError

__all__ = ["reason"]

_SHOWN = 3
_PARTS = ("channel", "place", "product", "content")
_MINUTE_US = 60_000_000
_CURVE = 60  # minutes in the picture
_CHAIN = 2  # people, of whom one brought the other
_HURRIED_S, _PATIENT_S = 1, 10
_log = logging.getLogger(__name__)

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


def reason(  # noqa: PLR0913 - keywords
    store: ClickHouse,
    signal: Signal,
    watch: BrandWatch,
    alert: Alert,
    now_us: int,
    *,
    hurried: bool = False,
) -> Mapping[str, Any]:
    """Return what the message says about an alert: plain JSON values, shares from 0 to 1, times as RFC 3339.

    The share chain is left out where it is not known soon: in a second at most if `hurried`, else in ten.
    """
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
        "cascade": _cascade(store, alert, now_us, hurried=hurried),
        "curve": [
            [from_us(minute).isoformat(), people, round(expected, 2)]
            for minute, people, expected in watch.recent(alert.scope)[-_CURVE:]
        ],
        "sql": _link(alert, now_us),
    }


def _cascade(store: ClickHouse, alert: Alert, now_us: int, *, hurried: bool) -> Mapping[str, Any] | None:
    """Return the share chain by which most of the people came, without the id of its start, which may name somebody."""
    window = Window(
        alert.brand,
        from_us(alert.since_us),
        from_us(now_us + _MINUTE_US),
        {} if alert.scope.kind == "brand" else {alert.scope.kind: alert.scope.value},
        1 if alert.direction == "for" else -1,
    )
    try:
        found = leading(store, window, most_s=_HURRIED_S if hurried else _PATIENT_S)
    except QueryError as error:
        _log.warning("alert %s: its share chain is left out: %s", alert.id, error)
        return None
    if found is None or found.advocates < _CHAIN:
        return None
    return {
        "root": str(found.root),
        "type": found.type,
        "content": found.content,
        "people": found.advocates,
        "of": found.of,
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
