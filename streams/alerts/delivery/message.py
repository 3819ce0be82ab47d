"""Formats a change of an alert as a message: JSON for programs, text for people, variants for each kind of receiver."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from streams.alerts.ledger import StoredChange
from streams.clock import from_us, in_zone, to_us
from streams.text.printable import visible, visible_line

__all__ = ["document", "headline", "local", "message_id", "text"]

_DO = {"for": "recommend", "against": "speak against"}
_STATES = {
    "opened": "", "grew": "still growing: ", "resolved": "over: ", "reopened": "again: ", "acknowledged": "taken on: ",
}  # fmt: skip


def message_id(told: StoredChange) -> str:
    """Return the id of a message: the same however often, and to whomever, it is sent."""
    return f"alert-{told.change.alert.id}-{told.sequence}"


def document(told: StoredChange) -> dict[str, Any]:
    """Return the change as JSON values: what webhooks and the topic carry."""
    alert = told.change.alert
    return {
        "id": message_id(told),
        "type": f"alert.{told.change.what}",
        "timestamp": from_us(told.change.at_us).isoformat(),
        "data": {
            "alert": alert.id,
            "sequence": told.sequence,
            "state": "open" if alert.open else "resolved",
            "severity": alert.severity,
            "brand": alert.brand,
            "direction": alert.direction,
            "scope": {"kind": alert.scope.kind, "value": alert.scope.value},
            "since": from_us(alert.since_us).isoformat(),
            "people": alert.people,
            "expected": round(alert.expected, 4),
            "rule": alert.direction if alert.is_of_rule else None,
            "acknowledged_by": alert.acknowledged or None,
            "is_test": bool(told.reason.get("is_test")),
            "was_silenced": bool(told.reason.get("was_silenced")),
            "headline": headline(told),
            "reason": dict(told.reason),
        },
    }


def headline(told: StoredChange) -> str:
    """Return the message in one line."""
    alert = told.change.alert
    at = "" if alert.scope.kind == "brand" else f" ({alert.scope.kind} {alert.scope.value})"
    since = f"since {local(told, alert.since_us):%H:%M %Z}"
    if alert.is_of_rule:
        said = f"{_of_rule(told)}, {since}"
    else:
        said = (
            f"{alert.people:.0f} people {_DO[alert.direction]} {alert.brand}{at} {since},"
            f" {_number(alert.expected)} expected"
        )
    test = "TEST, nothing has happened: " if told.reason.get("is_test") else ""
    silenced = "was silenced: " if told.reason.get("was_silenced") else ""
    by = f" (by {alert.acknowledged})" if told.change.what == "acknowledged" and alert.acknowledged else ""
    return visible_line(f"{test}{silenced}{_STATES[told.change.what]}{said}{by}")


def local(told: StoredChange, at_us: int) -> datetime:
    """Return an instant in the time zone of the message."""
    return in_zone(at_us, str(told.reason.get("zone") or "UTC"))


def _of_rule(told: StoredChange) -> str:
    """Return what a rule has found, as acme: below (advocacy): 90, below the limit of 100 by 10 (10 %).

    Of a rule on a target: acme: behind (advocacy): 400 of 500 customers, 20% below the target.
    """
    alert, rule = told.change.alert, told.reason.get("rule") or {}
    of = f" ({alert.scope.value})" if alert.scope.value else ""
    brand = f"{alert.brand}: " if alert.brand else ""
    if (target := rule.get("target")) is not None and (actual := rule.get("actual")) is not None:
        return f"{brand}{alert.direction}{of}: {actual:,.0f} of {target:,.0f} customers, {_against(actual, target)}"
    said = f"{brand}{alert.direction}{of}: {alert.people:g}"
    beyond = alert.people - alert.expected
    if alert.open and beyond:
        share = f" ({abs(beyond / alert.expected):.0%})" if alert.expected else ""
        said += f", {'above' if beyond > 0 else 'below'} the limit of {alert.expected:g} by {abs(beyond):g}{share}"
    else:
        said += f", limit {alert.expected:g}"
    if (before := rule.get("before")) is None:
        return said
    changed = f", {alert.people / before - 1:+.0%}" if before else ""
    return f"{said}; {before:g} {_span(rule['over_s'])} before{changed}"


def _against(actual: float, target: float) -> str:
    """Return how far a target is from what is there."""
    if actual < target and target > 0:
        return f"{1 - actual / target:.0%} below the target"
    return f"the target is reached{f', {actual / target - 1:+.0%}' if actual > target > 0 else ''}"


def _span(seconds: float) -> str:
    """Return a span in its largest unit that leaves no rest."""
    size, unit = next(
        one for one in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")) if seconds % one[0] == 0
    )
    return f"{seconds / size:g} {unit}"


def text(told: StoredChange) -> str:
    """Return the message for people: headline, what carries it, who they are, examples, and where to look."""
    why = told.reason
    lines = [headline(told), ""]
    carried = [f"{part['kind']} {part['value']} ({part['people']})" for part in why.get("carried_by", ())]
    if carried:
        lines.append(f"Carried by: {', '.join(carried)}")
    if why.get("new_customers") is not None:
        lines.append(f"New customers: {why['new_customers']:.0%}")
    if stages := why.get("stages_before"):
        lines.append("Before: " + ", ".join(f"{count} {stage}" for stage, count in stages.items()))
    if cascade := why.get("cascade"):
        about = f"a {cascade['type']}" if cascade["type"] else "something nobody has sent"
        of = f" of {cascade['content']}" if cascade["content"] else ""
        lines.append(
            f"Share chain: {cascade['people']} of {cascade['of']} people, from {about}{of}"
            f" (journey cascades show {cascade['root']})"
        )
    lines += ["For example: " + _example(told, example) for example in why.get("examples", ())]
    lines += [*([""] if lines[-1] else []), *_next(told)]
    return visible("\n".join(lines))


def _example(told: StoredChange, example: Mapping[str, Any]) -> str:
    """Return an interaction in one line, with its local time to the minute."""
    values = dict(example)
    if isinstance(at := values.pop("at", None), str):
        at_us = to_us(datetime.fromisoformat(at))
        values = {"at": f"{local(told, at_us):%d %b %H:%M}"} | values
    return " · ".join(str(value) for value in values.values())


def _next(told: StoredChange) -> list[str]:
    """Return what to do now."""
    alert, link = told.change.alert, told.reason.get("link")
    if told.reason.get("is_test"):
        return ["This is a test of the receiver. There is nothing to do."]
    look = f"Look: {link}" if link else f"Look: journey alerts show {alert.id}"
    if not alert.open:
        return [look]
    taken = (
        f"Taken on by {alert.acknowledged}."
        if alert.acknowledged
        else f"Take it on, so that others know: journey alerts ack {alert.id} --by NAME"
    )
    return [look, taken]


def _number(value: float) -> str:
    return "none" if value < 0.05 else f"{value:.1f}" if value < 10 else f"{value:.0f}"  # noqa: PLR2004 - digits shown
