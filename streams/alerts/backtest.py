"""Runs the watcher's own detectors over stored history and returns the alerts that would have been raised."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from journey.alerts import MINUTE_US, Alert, AlertPolicy, BrandWatch, Change, Counts, Look, Scope, advance
from streams.alerts.counts import DIRECTIONS, Minutes, Queryable, Signal, Watched
from streams.alerts.warm_up import HISTORY
from streams.engine.shell import Tell

__all__ = ["Backtest", "backtest"]

_DAY_US = 86_400_000_000
_HISTORY_US = HISTORY // timedelta(microseconds=1)
_TOGETHER_US = 7 * _DAY_US  # that are counted by one query
_NOBODY: Counts = {}


@dataclass(frozen=True, slots=True)
class Backtest:
    """The changes in order of time, as a watcher would have made them that closed each minute at its end."""

    changes: list[Change]

    @property
    def raised(self) -> list[Alert]:
        """Each alert as it ended, in the order in which they were opened."""
        last: dict[str, Alert] = {}
        for change in self.changes:
            last[change.alert.id] = change.alert
        return list(last.values())


def backtest(
    store: Queryable,
    brand: str,
    period_us: tuple[int, int],
    policy: AlertPolicy | None = None,
    tell: Tell = lambda _name, _done, _count: None,
) -> Backtest:
    """Run over a brand's minutes of a period, its begin and its end; the eight days before are learned from.

    Events that came late are there already, so that a live watcher may have seen less; identity is as it is now. After more
    than eight days with nobody it restarts, as a watcher does that is started then: it costs what there is, however long
    the period. `tell` is called with the progress, week by week.
    """
    since_us, until_us = period_us
    signal = Signal(store)
    first_us = signal.first_minutes().get(brand)
    if first_us is None:
        return Backtest([])
    start_us = max(first_us, since_us - _HISTORY_US) // MINUTE_US * MINUTE_US
    replays = [_Replay(signal, (brand, of), start_us, since_us, policy or AlertPolicy()) for of in DIRECTIONS]
    weeks = list(_weeks(signal.days(brand, start_us, until_us)))
    for number, (first_day_us, end_us) in enumerate(weeks):
        tell(brand, number, len(weeks))
        counts = signal.counts(max(first_day_us, start_us), min(end_us, until_us), [brand])
        for replay in replays:
            replay.take(counts.get(replay.watched, {}))
    changes: list[Change] = []
    for replay in replays:
        replay.pass_empty(until_us)
        changes += replay.changes
    return Backtest(sorted(changes, key=lambda change: (change.at_us, change.alert.direction)))


def _weeks(days_us: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the begin and the end of spans of a week at most that hold all these days."""
    while days_us:
        week = [day_us for day_us in days_us if day_us < days_us[0] + _TOGETHER_US]
        yield week[0], week[-1] + _DAY_US
        days_us = days_us[len(week) :]


class _Replay:
    """One direction of a brand, minute by minute where something may happen."""

    def __init__(
        self, signal: Signal, watched: Watched, start_us: int, since_us: int, policy: AlertPolicy
    ) -> None:
        self.watched = watched
        self.changes: list[Change] = []
        self._signal, self._since_us, self._policy = signal, since_us, policy
        self._watch = BrandWatch(policy)
        self._alert: Alert | None = None
        self._at_us = start_us  # the next minute

    def take(self, minutes: Minutes) -> None:
        """Take the minutes of a day that have people."""
        for minute_us in sorted(minutes):
            self.pass_empty(minute_us)
            self._close(minutes[minute_us])

    def pass_empty(self, until_us: int) -> None:
        """Take minutes with nobody, up to one that has people, or to the end."""
        if self._at_us < min(until_us, self._since_us):  # where nothing is raised
            self._skip(min(until_us, self._since_us))
        while self._at_us < until_us and not self._is_calm():
            self._close(_NOBODY)
        if self._at_us < until_us:
            self._skip(until_us)

    def _is_calm(self) -> bool:
        """Return whether minutes with nobody change nothing."""
        return self._watch.is_quiet and not (self._alert is not None and self._alert.open)

    def _skip(self, until_us: int) -> None:
        """Learn minutes with nobody; after very many of them start with new detectors."""
        minutes = -(-(until_us - self._at_us) // MINUTE_US)
        end_us = self._at_us + minutes * MINUTE_US
        if minutes * MINUTE_US > _HISTORY_US:
            self._watch = BrandWatch(self._policy)
            self._at_us = end_us - _HISTORY_US
            minutes = _HISTORY_US // MINUTE_US
        self._watch.close_empty(self._at_us, minutes)
        self._at_us = end_us

    def _close(self, counts: Counts) -> None:
        minute_us = self._at_us
        sights = self._watch.close(minute_us, counts)
        self._at_us = now_us = minute_us + MINUTE_US
        if minute_us < self._since_us:
            return
        look = Look(*self.watched, self._watch, sights, partial(self._people, now_us), now_us)
        self._alert, change = advance(self._alert, look, self._policy)
        if change is not None:
            self.changes.append(change)

    def _people(self, until_us: int, scope: Scope, since_us: int) -> int:
        return self._signal.people(self.watched, scope, since_us, until_us)
