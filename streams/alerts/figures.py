"""Rules at work: their queries are run when it is time, and what becomes of their alerts is written."""

import logging
import math
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from journey.alerts import Alert, Change, Figure, acknowledged, ended, follow
from streams.alerts.ledger import Ledger, Mark, Told
from streams.alerts.rules import Declared, columns
from streams.alerts.telling import Telling
from streams.clock import from_us
from streams.store import ClickHouse, QueryError

__all__ = ["Figures", "RuleError"]

_MOST_SERIES = 1_000
_LABEL = 200  # characters
_CURVE = 60  # figures in the picture
_LIMITS = {"max_execution_time": 10}
_MICROSECOND = timedelta(microseconds=1)
_log = logging.getLogger(__name__)

Series = tuple[str, str, str]  # rule, brand, label


class RuleError(RuntimeError):
    """A rule has no figures just now; the message says why."""


class Figures:
    """The rules and their alerts. After an error of the store make a new one: its state is read from there.

    Parameters
    ----------
    failed
        Called with the name of a rule whose query failed; the others go on.
    """

    def __init__(
        self,
        store: ClickHouse,
        ledger: Ledger,
        telling: Telling,
        rules: Sequence[Declared],
        *,
        failed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store, self._ledger, self._telling, self._rules = store, ledger, telling, rules
        self._failed = failed
        self._due_us = {one.rule.name: 0 for one in rules}
        self._columns: dict[str, Mapping[str, str]] = {}
        self._alerts: dict[Series, Alert] = ledger.latest_of_rules()
        self._curves: dict[Series, deque[tuple[int, float, float]]] = defaultdict(
            lambda: deque(maxlen=_CURVE)
        )
        self._gone = [key for key, alert in self._alerts.items() if alert.open and key[0] not in self._due_us]

    @property
    def alerts(self) -> Mapping[Series, Alert]:
        """The latest alert of each series."""
        return self._alerts

    def poll(self, now_us: int, acks: Iterable[Mark]) -> list[Told]:
        """Run what is due; return what changed, which is stored when this returns.

        Raises
        ------
        StoreError
            A change may or may not be stored; a new one of these sees which.
        """
        told = [*self._taken_on(acks, now_us), *self._withdrawn(now_us)]
        for one in self._rules:
            if now_us >= self._due_us[one.rule.name]:
                self._due_us[one.rule.name] = now_us + one.every // _MICROSECOND
                told += self._looked(one, now_us)
        return told

    def _taken_on(self, acks: Iterable[Mark], now_us: int) -> list[Told]:
        changes = [
            (key, change)
            for ack in acks
            for key, alert in self._alerts.items()
            if ack.alert == alert.id
            and not alert.acknowledged
            and (change := acknowledged(alert, ack.by, now_us)) is not None
        ]
        return [self._tell(key, change, now_us, {}) for key, change in changes]

    def _withdrawn(self, now_us: int) -> list[Told]:
        """Resolve the alerts of rules that are in the file no more."""
        gone, self._gone = self._gone, []
        return [
            self._tell(key, change, now_us, {})
            for key in gone
            if (change := ended(self._alerts[key], now_us, None)) is not None
        ]

    def _looked(self, one: Declared, now_us: int) -> list[Told]:
        try:
            found = self._figures(one, now_us)
        except (QueryError, RuleError) as error:
            _log.warning("rule %s: %s", one.rule.name, error)
            self._failed(one.rule.name)
            return []
        if one.over is not None:
            self._ledger.add_figures(one.rule.name, [seen for seen in found if seen.value is not None])
        told = []
        for seen in found:
            key = (one.rule.name, seen.brand, seen.label)
            self._draw(key, one, seen)
            alert, change = follow(self._alerts.get(key), seen, one.rule)
            if alert is not None:
                self._alerts[key] = alert
            if change is not None:
                told.append(self._tell(key, change, now_us, _reason(one, seen)))
        return told + self._vanished(one, {(seen.brand, seen.label) for seen in found}, now_us)

    def _vanished(self, one: Declared, there: Collection[tuple[str, str]], now_us: int) -> list[Told]:
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

    def _figures(self, one: Declared, now_us: int) -> list[Figure]:
        """Run a rule's query, and find what its figures were before."""
        names = self._columns.setdefault(one.rule.name, columns(self._store, one))
        brand, label = (f"toString({name})" if name in names else "''" for name in ("brand", "label"))
        rows = self._store.query(
            f"SELECT {brand}, leftUTF8({label}, {_LABEL}), toNullable(toFloat64(figure))"
            f" FROM (\n{one.sql}\n) LIMIT {_MOST_SERIES + 1}",
            {},
            _LIMITS,
        )
        if len(rows) > _MOST_SERIES:
            raise RuleError(f"gives more than {_MOST_SERIES} figures")
        before = {} if one.over is None else self._ledger.figures_before(one.rule.name, *_then(one, now_us))
        found = {(str(brand), str(label)): _number(value) for brand, label, value in rows}
        if len(found) != len(rows):
            raise RuleError("gives several figures for one brand and label")
        return [Figure(*key, value, before.get(key), now_us) for key, value in sorted(found.items())]

    def _draw(self, key: Series, one: Declared, seen: Figure) -> None:
        limit = one.rule.limit.of(seen.before)
        if seen.value is not None and limit is not None:
            self._curves[key].append((seen.at_us, seen.value, limit))

    def _tell(self, key: Series, change: Change, now_us: int, why: Mapping[str, Any]) -> Told:
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


def _reason(one: Declared, seen: Figure) -> dict[str, Any]:
    limit = one.rule.limit
    return {
        "rule": {"is": limit.kind, "value": limit.value, "before": seen.before, "over_s": _seconds(one.over)},
        "sql": one.sql,
    }


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
