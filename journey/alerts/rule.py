"""Opens and resolves stage alerts: a figure that crosses its limit, or changes too much, raises an alert."""

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from journey.alerts.life import Alert, Change
from journey.alerts.scope import Scope

__all__ = ["Figure", "Limit", "Rule", "ended", "follow"]

_MICROSECOND = timedelta(microseconds=1)
_LEAST_EXCESS = 0.1  # of the limit; what is beyond it by less is counted as so much when growth is judged


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit of a figure: a value that it must stay below or above, or a share by which it may rise or fall.

    >>> Limit("falls_by", 0.25).of(200.0)
    150.0
    >>> Limit("falls_by", 0.25).excess(140.0, 150.0)
    10.0
    """

    kind: Literal["above", "below", "rises_by", "falls_by"]
    value: float

    @property
    def is_relative(self) -> bool:
        """Whether it is about what the figure was before."""
        return self.kind in {"rises_by", "falls_by"}

    def of(self, before: float | None) -> float | None:
        """Return the limit in the unit of the figure; None where what it was before has to be known and is not."""
        if not self.is_relative:
            return self.value
        if before is None:
            return None
        return before + (1 if self.kind == "rises_by" else -1) * self.value * abs(before)

    def excess(self, figure: float, limit: float) -> float:
        """Return by how much a figure is beyond the limit; not above 0 where it keeps it."""
        return figure - limit if self.kind in {"above", "rises_by"} else limit - figure


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `calm`, `cooldown` and `grows` are as those of `AlertPolicy`; growth is that of the excess."""

    name: str
    limit: Limit
    severity: str = "warning"
    calm: timedelta = timedelta(minutes=30)
    cooldown: timedelta = timedelta(hours=1)
    grows: float = 2.0


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of one series (brand and label), and what it was before; None for what is not known."""

    brand: str
    label: str
    value: float | None
    before: float | None
    at_us: int


def follow(alert: Alert | None, seen: Figure, rule: Rule) -> tuple[Alert | None, Change | None]:
    """Return the latest alert of a series after a look at its figure, and the change to report, if any.

    A figure or limit that is not known changes nothing.
    """
    limit = rule.limit.of(seen.before)
    if seen.value is None or limit is None:
        return alert, None
    excess = rule.limit.excess(seen.value, limit)
    if alert is None or not alert.open:
        change = _raised(alert, seen, seen.value, limit, rule) if excess > 0 else None
        return (alert if change is None else change.alert), change
    now = replace(alert, people=seen.value, expected=limit)
    if excess > 0:
        now = replace(now, last_hot_us=seen.at_us)
        kept = replace(alert, last_hot_us=seen.at_us)
        return (now, Change("grew", now, seen.at_us)) if _grew(alert, excess, rule) else (kept, None)
    change = ended(now, seen.at_us, rule)
    return (alert if change is None else change.alert), change


def ended(alert: Alert, at_us: int, rule: Rule | None) -> Change | None:
    """Return the change by which an alert ends once its figure has kept the limit, or is no more, for `calm`.

    Without a rule, since there is none of that name any more, it ends at once.
    """
    if rule is not None and at_us - alert.last_hot_us < rule.calm // _MICROSECOND:
        return None
    return Change("resolved", replace(alert, open=False), at_us)


def _raised(alert: Alert | None, seen: Figure, value: float, limit: float, rule: Rule) -> Change:
    if alert is not None and seen.at_us - alert.last_hot_us <= rule.cooldown // _MICROSECOND:
        again = replace(alert, open=True, people=value, expected=limit, last_hot_us=seen.at_us)
        return Change("reopened", again, seen.at_us)
    name = "\0".join((rule.name, seen.brand, seen.label, str(seen.at_us)))
    made = Alert(
        id=hashlib.sha256(name.encode()).hexdigest()[:16],
        brand=seen.brand,
        direction=rule.name,
        scope=Scope("rule", seen.label),
        severity=rule.severity,
        since_us=seen.at_us,
        last_hot_us=seen.at_us,
        people=value,
        expected=limit,
    )
    return Change("opened", made, seen.at_us)


def _grew(alert: Alert, excess: float, rule: Rule) -> bool:
    told = rule.limit.excess(alert.people, alert.expected)
    return excess >= rule.grows * max(told, _LEAST_EXCESS * abs(alert.expected))
