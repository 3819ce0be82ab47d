"""Turns the figures that rules' queries returned into alerts, and stores their changes."""

import logging
import math
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

from journey.alerts import Alert, Change, Figure, acknowledged, ended, follow
from streams.alerts.ledger import AlertMark, Ledger, StoredChange
from streams.alerts.outbox import Outbox
from streams.alerts.rule_config import Declared
from streams.alerts.rule_queries import RuleQueries, RuleResult
from streams.clock import from_us
from streams.fencing.port import FencedError
from streams.http.problems import place_of
from streams.store.clickhouse import QueryError
from streams.store.port import StoreError

__all__ = ["Figures"]

_CURVE = 60  # figures in the picture
_MICROSECOND = timedelta(microseconds=1)
_log = logging.getLogger(__name__)

Series = tuple[str, str, str]  # rule, brand, label


class Figures:
    """The alerts of rules. After an error of the store make a new one: its state is read from there.

    Parameters
    ----------
    queries
        Of the rules; None without any. They outlive this.
    failed
        Called with the name of a rule whose query failed; the others go on.
    """

    def __init__(
        self,
        ledger: Ledger,
        telling: Outbox,
        queries: RuleQueries | None,
        *,
        failed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._ledger, self._telling, self._queries = ledger, telling, queries
        self._failed = failed
        self._alerts: dict[Series, Alert] = ledger.latest_of_rules()
        self._curves: dict[Series, deque[tuple[int, float, float]]] = defaultdict(
            lambda: deque(maxlen=_CURVE)
        )
        if queries is not None:
            queries.begin_anew()
        known = {one.rule.name for one in queries.rules} if queries else set()
        self._gone = [key for key, alert in self._alerts.items() if alert.open and key[0] not in known]

    @property
    def alerts(self) -> Mapping[Series, Alert]:
        """The latest alert of each series."""
        return self._alerts

    def poll(self, now_us: int, acks: Iterable[AlertMark]) -> list[StoredChange]:
        """Take what rules have found, and have those asked that are due; return what changed, which is stored by then.

        No query of a rule is waited for: a later call reads its answer.

        Raises
        ------
        StoreError
            A change may or may not be stored; a new one of these sees which.
        """
        told = [*self._taken_on(acks, now_us), *self._withdrawn(now_us)]
        if self._queries is not None:
            for found in self._queries.found():
                told += self._judged(found, now_us)
            self._queries.ask(now_us)
        return told

    def _taken_on(self, acks: Iterable[AlertMark], now_us: int) -> list[StoredChange]:
        changes = [
            (key, change)
            for ack in acks
            for key, alert in self._alerts.items()
            if ack.alert == alert.id
            and not alert.acknowledged
            and (change := acknowledged(alert, ack.by, now_us)) is not None
        ]
        return [self._tell(key, change, now_us, {}) for key, change in changes]

    def _withdrawn(self, now_us: int) -> list[StoredChange]:
        """Resolve the alerts of rules that are in the file no more."""
        gone, self._gone = self._gone, []
        return [
            self._tell(key, change, now_us, {})
            for key in gone
            if (change := ended(self._alerts[key], now_us, None)) is not None
        ]

    def _judged(self, found: RuleResult, now_us: int) -> list[StoredChange]:
        """Look at what a rule has found; one that cannot be judged holds up no other."""
        try:
            return self._looked(found, now_us)
        except (StoreError, FencedError):
            raise
        except Exception as error:  # noqa: BLE001 - of one rule
            name = found.rule.rule.name
            why = str(error) if isinstance(error, QueryError) else place_of(error)
            _log.warning("rule %s: %s", name, why)
            self._failed(name)
            return []

    def _looked(self, found: RuleResult, now_us: int) -> list[StoredChange]:
        one = found.rule
        if found.failed:
            _log.warning("rule %s: %s", one.rule.name, found.failed)
            self._failed(one.rule.name)
            return []
        figures = self._figures(found)
        if one.over is not None:
            self._ledger.add_figures(one.rule.name, [seen for seen in figures if seen.value is not None])
        told = []
        for seen in figures:
            key = (one.rule.name, seen.brand, seen.label)
            self._draw(key, one, seen)
            alert, change = follow(self._alerts.get(key), seen, one.rule)
            if alert is not None:
                self._alerts[key] = alert
            if change is not None:
                told.append(self._tell(key, change, now_us, _reason(one, seen, found.targets.get(key[1:]))))
        return told + self._vanished(one, found.figures, now_us)

    def _vanished(self, one: Declared, there: Collection[tuple[str, str]], now_us: int) -> list[StoredChange]:
        """Resolve, in time, the alerts of figures that the query does not give any more."""
        gone = [
            (key, change)
            for key, alert in self._alerts.items()
            if key[0] == one.rule.name
            and key[1:] not in there
            and alert.open
            and (change := ended(alert, now_us, one.rule)) is not None
        ]
        return [self._tell(key, change, now_us, {}) for key, change in gone]

    def _figures(self, found: RuleResult) -> list[Figure]:
        """Return the figures in order, each with what it was before."""
        one, at_us = found.rule, found.at_us
        before = {} if one.over is None else self._ledger.figures_before(one.rule.name, *_then(one, at_us))
        return [
            Figure(*key, _number(value), before.get(key), at_us)
            for key, value in sorted(found.figures.items())
        ]

    def _draw(self, key: Series, one: Declared, seen: Figure) -> None:
        limit = one.rule.limit.of(seen.before)
        if seen.value is not None and limit is not None:
            self._curves[key].append((seen.at_us, seen.value, limit))

    def _tell(self, key: Series, change: Change, now_us: int, why: Mapping[str, Any]) -> StoredChange:
        curve = [[from_us(at).isoformat(), value, limit] for at, value, limit in self._curves[key]]
        told = self._telling.tell(change, {**why, "curve": curve}, now_us)
        self._alerts[key] = change.alert
        return told


def _then(one: Declared, now_us: int) -> tuple[int, int]:
    """Return between which instants a figure is of the time that this one is compared with."""
    assert one.over is not None  # noqa: S101 - asked for those that have it
    over_us = one.over // _MICROSECOND
    return now_us - 2 * over_us, now_us - over_us


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _reason(one: Declared, seen: Figure, against: tuple[float, float] | None) -> dict[str, Any]:
    limit = one.rule.limit
    rule = {"is": limit.kind, "value": limit.value, "before": seen.before, "over_s": _seconds(one.over)}
    if against is not None:
        rule |= {"actual": _number(against[0]), "target": _number(against[1])}
    return {"rule": rule, "sql": one.sql}


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
