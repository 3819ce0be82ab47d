"""Lists the customers behind a figure of the flow, by the very query that counted them."""

from collections.abc import Sequence
from datetime import datetime

from streams.page.filters import matching
from streams.page.scope import Field, Scope, ScopeError
from streams.page.view import Panel, View
from streams.page.views.moved import BY, who_moved
from streams.page.views.paths import CUSTOMERS, named, paths

__all__ = ["VIEW"]

_NOW = """
SELECT customer, stage, lapses_at, touches, revenue, first_seen, last_seen
FROM standings WHERE brand = {{brand:String}} AND ({{position:Int8}} < 0 OR position = {{position:Int8}}){matching}
ORDER BY last_seen DESC, customer
"""
# Joined with where they stand now.
_LIST = """
SELECT p.customer AS customer, s.stage AS stage, s.lapses_at AS lapses_at, s.touches AS touches, s.revenue AS revenue,
    s.first_seen AS first_seen, s.last_seen AS last_seen
FROM (SELECT customer FROM ({paths}) WHERE path = {{states:Array(Int8)}}) AS p
INNER JOIN (SELECT * FROM standings WHERE brand = {{brand:String}}) AS s ON s.customer = p.customer
ORDER BY s.last_seen DESC, p.customer
"""
_INSTANT = r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_STATE = r"|-1|[0-5]"


def _instant(text: str, name: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ScopeError(f"{name}: must be an instant such as 2026-10-17T20:00:00Z") from error


def _parameters(scope: Scope) -> dict[str, object]:
    own = scope.own
    at, states = [_instant(own["at"], "at")], [int(own["stage"] or 0)]
    if own["later"]:
        at.append(_instant(own["later"], "later"))
        states.append(int(own["to"] or 0))
    return {"instants": at, "states": states}


def _panels(scope: Scope) -> Sequence[Panel]:
    if scope.own["moved"]:
        return (who_moved(scope),)
    if not scope.own["at"]:
        return (_now(scope),)
    asked = _parameters(scope)
    at, states = asked["instants"], asked["states"]
    assert isinstance(at, list)  # noqa: S101 - made above
    assert isinstance(states, list)  # noqa: S101 - as above
    said = [
        f"{named(state)} at {scope.local(when):%-d %b %Y %H:%M}"
        for when, state in zip(at, states, strict=True)
    ]
    return (
        Panel(
            name="list",
            title=f"Customers: {', then '.join(said)}",
            counts="Customers, each once; stage, touches and revenue are those of now and of all time.",
            sql=_LIST.format(paths=paths(scope)),
            parameters=_parameters,
            columns=CUSTOMERS,
            empty="Nobody did: figures move on while events come in. Go back for the present ones.",
        ),
    )


def _now(scope: Scope) -> Panel:
    position = max(int(scope.own["stage"]), 0) if scope.own["stage"] else -1
    return Panel(
        name="list",
        title=f"Customers: {named(position)} now" if position >= 0 else "Customers",
        counts="Customers, each once, at the stage that is theirs now; touches and revenue are those of all time.",
        sql=_NOW.format(matching=matching(scope)),
        parameters=lambda _: {"position": position},
        columns=CUSTOMERS,
        empty="Nobody is there now.",
    )


VIEW = View(
    name="customers",
    title="Customers",
    lead="Exactly those whom the figure counted. Choose one for the whole journey.",
    fields=(
        Field(name="at", label="At", kind="hidden", pattern=_INSTANT),
        Field(name="stage", label="Stage", kind="hidden", pattern=_STATE),
        Field(name="later", label="Later", kind="hidden", pattern=_INSTANT),
        Field(name="moved", label="Moved", kind="hidden", pattern="|up|down"),
        Field(name="by", label="By", kind="hidden", pattern="|" + "|".join(BY)),
        Field(name="what", label="What", kind="hidden"),
        Field(name="to", label="Then", kind="hidden", pattern=_STATE),
    ),
    panels=_panels,
    listed=False,
)
