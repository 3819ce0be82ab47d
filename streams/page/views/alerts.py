"""Shows the alerts of a brand, with their state and the customers behind each, and acknowledges them."""

from collections.abc import Mapping, Sequence

from streams.alerts import actions
from streams.alerts.ledger import Ledger
from streams.http.viewer import Viewer
from streams.page.form import of_scope
from streams.page.markup import Child, Markup, tag
from streams.page.scope import Scope
from streams.page.values import for_people
from streams.page.view import MOST_ROWS, Column, Panel, Row
from streams.page.views.silences import name_field
from streams.store.clickhouse import ClickHouse

__all__ = ["ALERTS", "acknowledge", "behind", "shown_alert"]

_VERBS = {"for": "recommend", "against": "speak against"}
_STANDING = """
SELECT alert, since, last_hot, direction, kind, value, severity, state, people, expected,
    if(a.acknowledged != '', a.acknowledged, m.by) AS taken_on_by, silenced,
    arrayMap(c -> (JSONExtractString(c, 'kind'), JSONExtractString(c, 'value'), JSONExtractUInt(c, 'people')), JSONExtractArrayRaw(reason, 'carried_by')) AS carried_by
FROM (SELECT * FROM alerts WHERE (brand = {brand:String} OR (brand = '' AND {all_brands:UInt8} = 1)) ORDER BY sequence DESC LIMIT 1 BY alert) AS a
LEFT JOIN (SELECT alert, argMax(by, set_at) AS by FROM alert_marks WHERE mark = 'ack' GROUP BY alert) AS m ON m.alert = a.alert
WHERE last_hot >= {since:DateTime64(6, 'UTC')} AND since < {until:DateTime64(6, 'UTC')}
ORDER BY state, since DESC, alert
"""
# The people that the alert counted when it last told of them.
_BEHIND = """
SELECT customer, count() AS touches, groupUniqArray(type) AS types, min(time) AS first_at, max(time) AS last_at
FROM advocacy_touches(model = (SELECT model FROM model_in_force),
    since = (SELECT any(since) FROM alerts WHERE alert = {alert:String}),
    until = (SELECT max(at) + toIntervalMicrosecond(1) FROM alerts WHERE alert = {alert:String} AND change != 'acknowledged')) AS t
INNER JOIN (SELECT brand, direction, kind, value FROM alerts WHERE alert = {alert:String} ORDER BY sequence DESC LIMIT 1) AS a
    ON a.brand = t.brand AND a.direction = t.direction
WHERE t.brand = {brand:String} AND a.value = multiIf(a.kind = 'brand', '', a.kind = 'channel', toString(t.channel),
    a.kind = 'place', toString(t.place), a.kind = 'product', t.product, t.content)
GROUP BY customer
ORDER BY first_at, customer
"""


def shown_alert(alert: str, scope: Scope) -> str:
    """Return the address that shows who is behind an alert."""
    return scope.address("spikes", alert=alert)


def acknowledge(store: ClickHouse, form: Mapping[str, str], viewer: Viewer, now_us: int) -> str:
    """Acknowledge an alert, as `journey alerts ack` does; the watcher notifies receivers at its next look."""
    ledger = Ledger(store, store.insert)
    found = ledger.newest(form.get("alert", "")) if form.get("alert") else []
    brands = {form.get("brand", ""), ""}
    mine = [told.change.alert for told in found if told.change.alert.brand in brands]
    if not any(alert.id == form["alert"] and viewer.changes(alert.brand) for alert in mine):
        raise actions.AlertError("there is no such alert")
    actions.ack(ledger, form.get("alert", ""), viewer.named(form), now_us)
    return "The alert is taken on: receivers are told at the watcher's next look."


def _cards(rows: Sequence[Row], scope: Scope) -> Markup:
    return tag("ul", (_card(row, scope) for row in rows[:MOST_ROWS]), class_="alerts")


def _card(row: Row, scope: Scope) -> Markup:
    where = f"{row['kind']} {row['value']}" if row["value"] else "the brand as a whole"
    when = f"{row['since']:%-d %b %H:%M}–{row['last_hot']:%H:%M}"
    name = _headline(row)
    return tag(
        "li",
        tag(
            "p", tag("span", row["severity"], class_="badge"), tag("span", row["state"], class_="badge quiet")
        ),
        tag("h3", name if row["kind"] == "rule" else tag("a", name, href=shown_alert(row["alert"], scope))),
        tag("p", f"{when} · {where} · {row['expected']:,.1f} expected", class_="counts"),
        tag("p", f"carried by {_carried(row)}", class_="counts") if row["carried_by"] else None,
        _taking_on(row, scope),
        class_=f"alert {row['severity']} {row['state']}",
    )


def _headline(row: Row) -> str:
    if row["kind"] == "rule":
        return f"{row['value']}: {row['people']:g}, limit {row['expected']:g}"
    return f"{row['people']:,.0f} people {_VERBS.get(row['direction'], row['direction'])} {row['value'] or 'the brand'}"


def _carried(row: Row) -> str:
    return ", ".join(f"{kind} {value} ({people:,})" for kind, value, people in row["carried_by"])


def _taking_on(row: Row, scope: Scope) -> Child:
    if row["taken_on_by"]:
        return tag("p", f"Taken on by {row['taken_on_by']}", class_="taken")
    if row["state"] != "open":
        return None
    return tag(
        "form",
        tag("input", type="hidden", name="alert", value=row["alert"]),
        *of_scope(scope),
        name_field(row["alert"]),
        tag("button", "Acknowledge", aria_label=f"Acknowledge: {_headline(row)}"),
        method="post",
        action="/view/spikes/acknowledge",
        class_="target",
    )


ALERTS = Panel(
    name="alerts",
    title="Alerts",
    counts="Alerts that stood out in the period, as they stand now; people are different customers from the first minute"
    " until the alert last told of them.",
    sql=_STANDING,
    columns=(
        Column("alert", "Alert"),
        Column("since", "Since", "time"),
        Column("last_hot", "Last hot", "time"),
        Column("direction", "Direction"),
        Column("kind", "Scope"),
        Column("value", "Which"),
        Column("severity", "Severity"),
        Column("state", "State"),
        Column("people", "People", "number"),
        Column("expected", "Expected", "score"),
        Column("taken_on_by", "Taken on by"),
        Column("silenced", "Silenced"),
    ),
    draw=_cards,
    picture=False,
    empty="No alert in this period. Alerts are raised where whoever runs this page has turned them on, with a file of who is told: JOURNEY_ALERTS.",
    link=lambda row, scope: None if row["kind"] == "rule" else shown_alert(row["alert"], scope),
)


def behind(scope: Scope) -> Panel:
    """Return the customers of the alert that the URL names."""
    return Panel(
        name="behind",
        title="Who is behind this alert",
        counts=f"Counts different customers of alert {for_people(scope.own['alert'])}, from its first minute until it last told of"
        " them, as the tables have them now.",
        sql=_BEHIND,
        columns=(
            Column("customer", "Customer", "customer"),
            Column("touches", "Touches", "number"),
            Column("types", "What they did"),
            Column("first_at", "First", "time"),
            Column("last_at", "Last", "time"),
        ),
        empty="Nobody is found behind it: it is of another brand, its customers were forgotten, or the model has changed.",
    )
