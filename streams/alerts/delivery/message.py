"""What is said of a change: one document for programs, one text for people, forms of it for each kind of receiver."""

from typing import Any

from streams.alerts.ledger import Told
from streams.clock import from_us

__all__ = ["document", "headline", "message_id", "text"]

_DO = {"for": "recommend", "against": "speak against"}
_STATES = {
    "opened": "", "grew": "still growing: ", "resolved": "over: ", "reopened": "again: ", "acknowledged": "taken on: ",
}  # fmt: skip


def message_id(told: Told) -> str:
    """Return the id of a message: the same however often, and to whomever, it is sent."""
    return f"alert-{told.change.alert.id}-{told.sequence}"


def document(told: Told) -> dict[str, Any]:
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
            "headline": headline(told),
            "reason": dict(told.reason),
        },
    }


def headline(told: Told) -> str:
    """Return the one line that says it."""
    alert = told.change.alert
    at = "" if alert.scope.kind == "brand" else f" ({alert.scope.kind} {alert.scope.value})"
    since = f"since {from_us(alert.since_us):%H:%M} UTC"
    if alert.is_of_rule:
        said = f"{_of_rule(told)}, {since}"
    else:
        said = (
            f"{alert.people:.0f} people {_DO[alert.direction]} {alert.brand}{at} {since},"
            f" {_number(alert.expected)} expected"
        )
    return f"{_STATES[told.change.what]}{said}"


def _of_rule(told: Told) -> str:
    """Return what a rule has found, as acme: below (advocacy): 90, limit 100."""
    alert, rule = told.change.alert, told.reason.get("rule") or {}
    of = f" ({alert.scope.value})" if alert.scope.value else ""
    brand = f"{alert.brand}: " if alert.brand else ""
    said = f"{brand}{alert.direction}{of}: {alert.people:g}, limit {alert.expected:g}"
    if rule.get("before") is None:
        return said
    return f"{said} ({rule['before']:g} {_span(rule['over_s'])} before)"


def _span(seconds: float) -> str:
    """Return a span in its largest unit that leaves no rest."""
    size, unit = next(
        one for one in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")) if seconds % one[0] == 0
    )
    return f"{seconds / size:g} {unit}"


def text(told: Told) -> str:
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
    lines += [
        "For example: " + " · ".join(str(value) for value in example.values())
        for example in why.get("examples", ())
    ]
    if link := why.get("link"):
        lines += ["", f"See: {link}"]
    if sql := why.get("sql"):
        lines += ["", f"Look: {sql}"]
    return "\n".join(lines)


def _number(value: float) -> str:
    return "none" if value < 0.05 else f"{value:.1f}" if value < 10 else f"{value:.0f}"  # noqa: PLR2004 - digits shown
