"""Explains why an alert was raised: who carries it, in figures and examples without personal values."""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from journey.alerts import MINUTE_US, Alert, BrandWatch
from streams.alerts.counts import Signal
from streams.analysis.share_chain import SCOPES, AdvocacyTouch, Window, leading, touches_of
from streams.clock import exact, from_us
from streams.store.clickhouse import ClickHouse, QueryError
from streams.store.sql import literal

__all__ = ["bare", "reason"]

_SHOWN = 3
_CURVE = 60  # minutes in the picture
_CHAIN = 2  # people, of whom one brought the other
_HURRIED_S, _PATIENT_S, _MOST_S = 1, 2, 5  # other brands are not looked at meanwhile
_ASKED, _MOST_ASKED = 2_000, 20_000  # people whose past is asked for: in one query, and in all
_log = logging.getLogger(__name__)

_BEFORE = """
WITH (SELECT groupUniqArray(handle) FROM identity_map WHERE customer IN {people:Array(UInt64)}) AS theirs
SELECT p.customer, j.first_seen IS NULL OR j.first_seen >= {since:DateTime64(6, 'UTC')}, s.stage
FROM (SELECT arrayJoin({people:Array(UInt64)}) AS customer) AS p
LEFT JOIN
(
    SELECT m.customer AS customer, toNullable(min(e.first_seen)) AS first_seen
    FROM (SELECT handle, min(first_seen) AS first_seen FROM evidence WHERE model = {model:String} AND brand = {brand:String} AND has(theirs, handle) GROUP BY handle) AS e
    INNER JOIN (SELECT handle, argMax(customer, version) AS customer FROM identity_map WHERE has(theirs, handle) GROUP BY handle) AS m ON m.handle = e.handle
    GROUP BY m.customer
) AS j ON j.customer = p.customer
LEFT JOIN
(
    SELECT customer, toString(argMax(to_stage, sequence)) AS stage
    FROM stage_changes
    WHERE brand = {brand:String} AND at < {since:DateTime64(6, 'UTC')} AND customer IN {people:Array(UInt64)}
    GROUP BY customer
) AS s ON s.customer = p.customer
"""


def reason(  # noqa: PLR0913 - keywords
    store: ClickHouse,
    signal: Signal,
    watch: BrandWatch | None,
    alert: Alert,
    now_us: int,
    *,
    hurried: bool = False,
) -> Mapping[str, Any]:
    """Return what the message says about an alert: plain JSON values, shares from 0 to 1, times as RFC 3339.

    Who carries it is counted in the latest 50,000 touches, what they did before of 20,000 people. The share chain is left out
    where it is not known soon: in a second at most if `hurried`, else in two.

    Raises
    ------
    QueryError
        It takes longer than five seconds; `bare` is the reason then.
    """
    window = Window(
        alert.brand,
        from_us(alert.since_us),
        from_us(now_us + MINUTE_US),
        {} if alert.scope.kind == "brand" else {alert.scope.kind: alert.scope.value},
        1 if alert.direction == "for" else -1,
    )
    touches = touches_of(store, window, most_s=_MOST_S)
    new, before = _before(store, signal.model(), window, sorted({touch.customer for touch in touches}))
    return {
        "carried_by": _carried(touches),
        "new_customers": new,
        "stages_before": before,
        "examples": _examples(touches),
        "cascade": _cascade(store, alert, window, touches, hurried=hurried),
        **bare(watch, alert, now_us),
    }


def bare(watch: BrandWatch | None, alert: Alert, now_us: int) -> Mapping[str, Any]:
    """Return of a reason what needs no query: the last hour as `watch` saw it, and the query that shows the rest."""
    recent = [] if watch is None else watch.recent(alert.scope)[-_CURVE:]
    return {
        "curve": [
            [from_us(minute).isoformat(), people, round(expected, 2)] for minute, people, expected in recent
        ],
        "sql": _link(alert, now_us),
    }


def _carried(touches: Sequence[AdvocacyTouch]) -> list[dict[str, Any]]:
    """Return, of each kind of scope, and of what they say is the reason, the one that most people have in common."""
    found = []
    for kind in (*SCOPES, "reason"):
        people: dict[str, set[int]] = defaultdict(set)
        for touch in touches:
            if value := getattr(touch, kind):
                people[value].add(touch.customer)
        if people:
            value = min(people, key=lambda each: (-len(people[each]), each))
            found.append({"kind": kind, "value": value, "people": len(people[value])})
    return found


def _examples(touches: Sequence[AdvocacyTouch]) -> list[dict[str, str]]:
    """Return the latest touches of as many people."""
    of_each: dict[int, AdvocacyTouch] = {}
    for touch in touches:
        of_each.setdefault(touch.customer, touch)
        if len(of_each) == _SHOWN:
            break
    return [
        {"at": from_us(touch.named.time_us).isoformat()}
        | {key: value for key in ("type", *SCOPES) if (value := getattr(touch, key))}
        for touch in of_each.values()
    ]


def _before(
    store: ClickHouse, model: str, window: Window, people: Sequence[int]
) -> tuple[float | None, dict[str, int]]:
    """Return the share of those who were not there before, and how many were at each stage; no stage comes last."""
    rows = [
        row
        for first in range(0, min(len(people), _MOST_ASKED), _ASKED)
        for row in store.query(
            _BEFORE,
            {
                "people": people[first : first + _ASKED],
                "since": exact(window.since),
                "brand": window.brand,
                "model": model,
            },
            {"max_execution_time": _MOST_S},
        )
    ]
    if not rows:
        return None, {}
    count = Counter(str(stage or "none") for _, _, stage in rows)
    known = sorted(
        ((stage, n) for stage, n in count.items() if stage != "none"), key=lambda one: (-one[1], one[0])
    )
    rest = {"none": count["none"]} if count["none"] else {}
    return round(sum(bool(new) for _, new, _ in rows) / len(rows), 4), dict(known) | rest


def _cascade(
    store: ClickHouse, alert: Alert, window: Window, touches: Sequence[AdvocacyTouch], *, hurried: bool
) -> Mapping[str, Any] | None:
    """Return the share chain by which most of the people came, without the id of its start, which may name somebody."""
    try:
        found = leading(store, window, touches=touches, most_s=_HURRIED_S if hurried else _PATIENT_S)
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


def _link(alert: Alert, now_us: int) -> str:
    """Return the query that shows what the alert is about."""
    kind = (
        ""
        if alert.scope.kind == "brand"
        else f" AND {alert.scope.kind} = {literal(alert.scope.value, 'String')}"
    )
    model = "(SELECT model FROM model_in_force)"
    return (
        "SELECT time, customer, type, channel, place, product, content FROM advocacy_touches("
        f"model = {model}, since = '{from_us(alert.since_us):%Y-%m-%d %H:%M:%S}',"
        f" until = '{from_us(now_us + MINUTE_US):%Y-%m-%d %H:%M:%S}')"
        f" WHERE brand = {literal(alert.brand, 'String')} AND direction = '{alert.direction}'{kind} ORDER BY time"
    )
