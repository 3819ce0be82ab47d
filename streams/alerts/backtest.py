"""Runs the watcher's own detectors over stored history and returns the alerts that would have been raised."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from journey.alerts import (
    MINUTE_US,
    Alert,
    AlertPolicy,
    Change,
    Counts,
    Look,
    PastWatch,
    Scope,
    Sight,
    advance,
)
from streams.alerts.counts import DIRECTIONS, Minutes, Queryable, Signal, Watched
from streams.alerts.warm_up import HISTORY
from streams.engine.shell import Tell

__all__ = ["Backtest", "backtest"]

_DAY_US = 86_400_000_000
_HISTORY_US = HISTORY // timedelta(microseconds=1)
_TOGETHER_US, _TOGETHER = 28 * _DAY_US, 100_000  # that are counted by one query: time, and interactions
_HOUR_US = 60 * MINUTE_US


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
    the period. `tell` is called with the progress, before each query for counts.
    """
    since_us, until_us = period_us
    signal = Signal(store)
    first_us = signal.first_minutes().get(brand)
    if first_us is None:
        return Backtest([])
    start_us = max(first_us, since_us - _HISTORY_US) // MINUTE_US * MINUTE_US
    replays = [_Replay(signal, (brand, of), start_us, since_us, policy or AlertPolicy()) for of in DIRECTIONS]
    slices = list(_slices(signal.days(brand, start_us, until_us)))
    for number, (first_day_us, end_us) in enumerate(slices):
        tell(brand, number, len(slices))
        counts = signal.counts(max(first_day_us, start_us), min(end_us, until_us), [brand])
        for replay in replays:
            replay.take(counts.get(replay.watched, {}))
    changes: list[Change] = []
    for replay in replays:
        replay.finish(until_us)
        changes += replay.changes
    return Backtest(sorted(changes, key=lambda change: (change.at_us, change.alert.direction)))


def _slices(days: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the begin and the end of spans that hold all these days: four weeks, or as many interactions, at most."""
    place = 0
    while place < len(days):
        first_us, touches = days[place]
        place += 1
        while place < len(days) and days[place][0] < first_us + _TOGETHER_US:
            touches += days[place][1]
            if touches > _TOGETHER:
                break
            place += 1
        yield first_us, days[place - 1][0] + _DAY_US


class _Replay:
    """One direction of a brand, an hour after the other."""

    def __init__(
        self, signal: Signal, watched: Watched, start_us: int, since_us: int, policy: AlertPolicy
    ) -> None:
        self.watched = watched
        self.changes: list[Change] = []
        self._signal, self._since_us, self._policy = signal, since_us, policy
        self._watch = PastWatch(policy)
        self._alert: Alert | None = None
        self._at_us = start_us  # the next minute
        self._waiting: dict[
            int, Counts
        ] = {}  # minutes with people, of which it is not known yet what comes after them

    def take(self, minutes: Minutes) -> None:
        """Take minutes that have people, up to the hour of the last of them."""
        self._waiting |= minutes
        if self._waiting:
            last_us = max(self._waiting)
            self._pass(last_us - last_us % _HOUR_US)

    def finish(self, until_us: int) -> None:
        """Take what is waiting, and minutes with nobody after it."""
        self._pass(until_us)

    def _pass(self, until_us: int) -> None:
        """Take all minutes that begin before `until_us`; where it is not the end, minutes with people follow."""
        times = deque([*sorted(self._waiting), until_us])
        self._skip(self._at_us, min(times[0], max(self._since_us, self._at_us)))
        while self._at_us < until_us:
            minutes = min(self._watch.most(self._at_us), -(-(until_us - self._at_us) // MINUTE_US))
            end_us = self._at_us + minutes * MINUTE_US
            here = {}
            while times[0] in self._waiting and times[0] < end_us:
                minute_us = times.popleft()
                here[minute_us] = self._waiting.pop(minute_us)
            calm_us = self._close(minutes, here)
            if calm_us is not None:
                self._skip(calm_us, times[0])

    def _skip(self, calm_us: int, until_us: int) -> None:
        """Where minutes with nobody change nothing, start with new detectors if there are very many of them."""
        minutes = -(-(until_us - calm_us) // MINUTE_US)
        if minutes * MINUTE_US > _HISTORY_US:
            self._watch = PastWatch(self._policy)
            self._at_us = calm_us + minutes * MINUTE_US - _HISTORY_US

    def _close(self, minutes: int, counts: Minutes) -> int | None:
        """Take minutes; return the first after their last people from which on minutes with nobody change nothing."""
        first_us = self._at_us
        closed = self._watch.close(first_us, minutes, counts)
        self._at_us = first_us + minutes * MINUTE_US
        begin_us = max(counts, default=first_us - MINUTE_US) + MINUTE_US
        calm_us = None
        for place, quiet in enumerate(closed.quiet):
            minute_us = first_us + place * MINUTE_US
            if minute_us >= self._since_us:
                self._look(minute_us, closed.sights.get(minute_us, ()))
            now_us = minute_us + MINUTE_US
            if calm_us is None and quiet and not self._is_open and now_us >= max(begin_us, self._since_us):
                calm_us = now_us
        return calm_us

    @property
    def _is_open(self) -> bool:
        return self._alert is not None and self._alert.open

    def _look(self, minute_us: int, sights: Sequence[Sight]) -> None:
        if not (sights or self._is_open):
            return
        self._watch.see(minute_us)
        now_us = minute_us + MINUTE_US
        look = Look(*self.watched, self._watch, sights, partial(self._people, now_us), now_us)
        self._alert, change = advance(self._alert, look, self._policy)
        if change is not None:
            self.changes.append(change)

    def _people(self, until_us: int, scope: Scope, since_us: int) -> int:
        return self._signal.people(self.watched, scope, since_us, until_us)
