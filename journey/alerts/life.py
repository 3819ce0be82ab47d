"""Opens, grows, resolves and reopens alerts: one for each real-world event, however many scopes show the spike."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal, Protocol

from journey.alerts.policy import AlertPolicy
from journey.alerts.scope import BRAND, NARROWEST_FIRST, Scope
from journey.alerts.watch import NEVER_US, Sight

__all__ = ["SEVERITIES", "Alert", "Change", "Look", "acknowledged", "advance", "narrowest"]

SEVERITIES = ("notice", "warning", "critical")

What = Literal["opened", "grew", "resolved", "reopened", "acknowledged"]
People = Callable[[Scope, int], int]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert in its current state. `direction` is for or against; `people` are distinct customers since `since_us`.

    Of a rule (scope ``rule``, a label), `direction` is its name, `people` the figure and `expected` the limit.
    """

    id: str
    brand: str
    direction: str
    scope: Scope
    severity: str
    since_us: int
    last_hot_us: int
    people: float
    expected: float
    open: bool = True
    acknowledged: str = ""

    @property
    def is_of_rule(self) -> bool:
        """Whether it is about a figure, and not a spike."""
        return self.scope.kind == "rule"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an alert's state, with its time."""

    what: What
    alert: Alert
    at_us: int


class Watch(Protocol):
    """What is known of the people of a brand in one direction, by scope: a BrandWatch, or a PastWatch."""

    @property
    def scopes(self) -> set[Scope]:
        """The scopes with a history."""

    def tally(self, scope: Scope, since_us: int) -> tuple[float, float]:
        """Return the people and the expected people of a scope since a minute."""


@dataclass(frozen=True, slots=True)
class Look:
    """The counts of a brand in one direction at an instant; `people` counts distinct customers of a scope since a time."""

    brand: str
    direction: str
    watch: Watch
    sights: Sequence[Sight]
    people: People
    now_us: int


def advance(alert: Alert | None, look: Look, policy: AlertPolicy) -> tuple[Alert | None, Change | None]:
    """Return the latest alert of a brand and direction after a look, and the change to report, if any.

    Between changes an alert keeps the figures of its last change; only `last_hot_us` moves.
    """
    hot = max((sight.at_us for sight in look.sights), default=None)
    if alert is None or not alert.open:
        change = _raise(alert, look, hot, policy)
        return (alert if change is None else change.alert), change
    change = _go_on(alert, look, hot, policy)
    kept = replace(alert, last_hot_us=_latest(alert, hot))
    return (kept if change is None else change.alert), change


def _raise(alert: Alert | None, look: Look, hot: int | None, policy: AlertPolicy) -> Change | None:
    if (
        hot is None
        or look.now_us - hot > _us(policy.news)
        or (alert is not None and hot <= alert.last_hot_us)
    ):
        return None
    if alert is not None and hot <= alert.last_hot_us + _us(policy.cooldown):
        return _again(alert, look, hot, policy)
    told = NEVER_US if alert is None else alert.last_hot_us
    begun = [s for s in look.sights if s.began_us > told and look.now_us - s.at_us <= _us(policy.news)]
    return _opened(look, begun, hot, policy) if begun else None


def acknowledged(alert: Alert, by: str, at_us: int) -> Change | None:
    """Return the change by which somebody takes an alert on; None where it is that already."""
    if not alert.open or alert.acknowledged == by:
        return None
    return Change("acknowledged", replace(alert, acknowledged=by), at_us)


def _opened(look: Look, begun: Sequence[Sight], hot: int, policy: AlertPolicy) -> Change | None:
    since = min(sight.since_us for sight in begun)
    scope = narrowest(look, since, [sight.scope for sight in begun], policy)
    people = look.people(scope, since)
    if people < policy.least_people:
        return None
    _, expected = look.watch.tally(scope, since)
    name = "\0".join((look.brand, look.direction, str(since)))
    alert = Alert(
        id=hashlib.sha256(name.encode()).hexdigest()[:16],
        brand=look.brand,
        direction=look.direction,
        scope=scope,
        severity=policy.severity(people, expected),
        since_us=since,
        last_hot_us=hot,
        people=people,
        expected=expected,
    )
    return Change("opened", alert, look.now_us)


def _go_on(alert: Alert, look: Look, hot: int | None, policy: AlertPolicy) -> Change | None:
    last = _latest(alert, hot)
    if look.now_us - last > _us(policy.calm):
        now = _counted(replace(alert, open=False), look, last, policy)
        return Change("resolved", now, look.now_us)
    if hot is None or not _may_have_grown(alert, look, policy):
        return None
    now = _counted(alert, look, last, policy)
    return Change("grew", now, look.now_us) if _grew(alert, now.people, now.severity, policy) else None


def _latest(alert: Alert, hot: int | None) -> int:
    return alert.last_hot_us if hot is None else max(alert.last_hot_us, hot)


def _may_have_grown(alert: Alert, look: Look, policy: AlertPolicy) -> bool:
    """Return whether to query the number of people: the tally has each of them at least once."""
    tallies = [look.watch.tally(scope, alert.since_us) for scope in {BRAND, alert.scope}]
    return any(
        _grew(alert, people, policy.severity(people, expected), policy) for people, expected in tallies
    )


def _grew(alert: Alert, people: float, severity: str, policy: AlertPolicy) -> bool:
    worse = SEVERITIES.index(severity) > SEVERITIES.index(alert.severity)
    return worse or people >= policy.grows * alert.people


def _again(alert: Alert, look: Look, hot: int, policy: AlertPolicy) -> Change | None:
    now = _counted(replace(alert, open=True), look, hot, policy)
    return Change("reopened", now, look.now_us)


def _counted(alert: Alert, look: Look, hot: int, policy: AlertPolicy) -> Alert:
    scopes = [sight.scope for sight in look.sights]
    scope = narrowest(look, alert.since_us, scopes, policy) if scopes else alert.scope
    people = float(look.people(scope, alert.since_us))
    _, expected = look.watch.tally(scope, alert.since_us)
    if scope == alert.scope:
        expected = max(expected, alert.expected)  # minutes of a long event are not kept for ever
    worst = max(alert.severity, policy.severity(people, expected), key=SEVERITIES.index)
    return replace(alert, scope=scope, people=people, expected=expected, last_hot_us=hot, severity=worst)


def narrowest(look: Look, since_us: int, hot: Sequence[Scope], policy: AlertPolicy) -> Scope:
    """Return the narrowest scope that has nearly all people above the expected; of scopes alike, that with most.

    Where the brand as a whole shows nothing, it is the narrowest scope that is alarming.
    """
    whole = _above(look, BRAND, since_us)
    order = NARROWEST_FIRST.index
    scopes = look.watch.scopes | set(hot)
    for kind in NARROWEST_FIRST[:-1]:
        alike = [scope for scope in scopes if scope.kind == kind]
        best = max(alike, key=lambda scope: (_above(look, scope, since_us), scope), default=BRAND)
        if best != BRAND and whole > 0 and _above(look, best, since_us) >= policy.explains * whole:
            return best
    return BRAND if BRAND in hot or not hot else min(hot, key=lambda scope: (order(scope.kind), scope))


def _above(look: Look, scope: Scope, since_us: int) -> float:
    people, expected = look.watch.tally(scope, since_us)
    return people - expected


def _us(span: timedelta) -> int:
    return int(span / timedelta(microseconds=1))
