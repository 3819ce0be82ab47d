"""Runs the watcher's own detectors over stored history and returns the alerts that would have been raised."""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import takewhile

import numpy as np

from journey.alerts import (
    MINUTE_US,
    Alert,
    AlertPolicy,
    Change,
    Closed,
    Counts,
    Look,
    PastWatch,
    PastWatches,
    Scope,
    Sight,
    advance,
)
from streams.alerts.counts import DIRECTIONS, Minutes, Queryable, Signal, Watched
from streams.alerts.past_signal import PastCounts, PastSignal
from streams.alerts.read_ahead import read_ahead
from streams.alerts.warm_up import HISTORY
from streams.engine.shell import Tell
from streams.store.clickhouse import ClickHouse

__all__ = ["Backtest", "backtest"]

_DAY_US = 86_400_000_000
_HISTORY_US = HISTORY // timedelta(microseconds=1)
_TOGETHER_US, _TOGETHER = 56 * _DAY_US, 100_000  # that are counted by one query: time, and interactions
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
    the period. `tell` is called with the progress, before each slice, of which the counts are read while the one before it
    is gone through.
    """
    since_us, until_us = period_us
    signal = PastSignal(store)
    first_us = signal.first_minutes().get(brand)
    if first_us is None:
        return Backtest([])
    start_us = max(first_us, since_us - _HISTORY_US) // MINUTE_US * MINUTE_US
    policy = policy or AlertPolicy()
    watches = PastWatches(policy, len(DIRECTIONS))
    replays = [
        _Replay(signal, (brand, of), start_us, since_us, policy, watches, watch)
        for of, watch in zip(DIRECTIONS, watches.watches, strict=True)
    ]
    slices = list(_slices(signal.days(brand, start_us, until_us)))

    def read(days_us: tuple[int, int]) -> PastCounts:
        first_day_us, end_us = days_us
        return signal.read(max(first_day_us, start_us), min(end_us, until_us), [brand])

    leaves = isinstance(store, ClickHouse) and store.is_elsewhere
    with closing(read_ahead(slices, read, leaves=leaves)) as ahead:
        for number in range(len(slices)):
            tell(brand, number, len(slices))
            counts = signal.turn(next(ahead))
            for replay in replays:
                replay.take(counts.get(replay.watched, {}))
            _pass_all(replays, _ends(replays))
    _pass_all(replays, [until_us] * len(replays))
    changes = [change for replay in replays for change in replay.changes]
    return Backtest(sorted(changes, key=lambda change: (change.at_us, change.alert.direction)))


def _ends(replays: Sequence["_Replay"]) -> list[int]:
    """Return up to when each direction may pass: up to the same minute, where that leaves none far behind."""
    heard = [replay.heard_us for replay in replays]
    return [min(heard)] * len(heard) if max(heard) - min(heard) <= _HISTORY_US else heard


def _pass_all(replays: Sequence["_Replay"], ends: Sequence[int]) -> None:
    """Have each direction pass all minutes before its end; those that share detectors close each of them together."""
    passing = {replay: replay.passing(end_us) for replay, end_us in zip(replays, ends, strict=True)}
    asked = {replay: next(of, None) for replay, of in passing.items()}
    while asks := {replay: ask for replay, ask in asked.items() if ask is not None}:
        first_us, _ = min(asks.values())
        one = next(replay for replay, ask in asks.items() if ask[0] == first_us)
        together = [each for each in asks if asks[each][0] == first_us and each.watches is one.watches]
        if len(together) < len(one.watches.watches):
            together = [one]
            one.part()
        minutes = min(asks[each][1] for each in together)
        here = [each.here(first_us, minutes) for each in together]
        for each, closed in zip(together, one.watches.close(first_us, minutes, here), strict=True):
            try:
                asked[each] = passing[each].send(closed)
            except StopIteration:
                asked[each] = None


def _slices(days: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the begin and the end of spans that hold all these days: eight weeks, or 100,000 interactions, at most."""
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
    """One direction of a brand, a day after the other."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it is of, and how it is watched
        self,
        signal: Signal,
        watched: Watched,
        start_us: int,
        since_us: int,
        policy: AlertPolicy,
        watches: PastWatches,
        watch: PastWatch,
    ) -> None:
        self.watched = watched
        self.changes: list[Change] = []
        self.watches = watches  # who close their minutes with this one's
        self._signal, self._since_us, self._policy = signal, since_us, policy
        self._watch = watch
        self._alert: Alert | None = None
        self._at_us = start_us  # the next minute
        self._waiting: dict[
            int, Counts
        ] = {}  # minutes with people, of which it is not known yet what comes after them
        self._times: deque[int] = deque()  # of these, in order, and the end that they pass up to

    def take(self, minutes: Minutes) -> None:
        """Take minutes that have people."""
        self._waiting |= minutes

    @property
    def heard_us(self) -> int:
        """The hour of the last minute that has people, as far as it is known; minutes before it may pass."""
        if not self._waiting:
            return self._at_us
        last_us = max(self._waiting)
        return last_us - last_us % _HOUR_US

    def part(self) -> None:
        """Close minutes alone from here on."""
        self.watches = self.watches.part(self._watch)

    def here(self, first_us: int, minutes: int) -> dict[int, Counts]:
        """Return those of so many minutes that have people."""
        end_us = first_us + minutes * MINUTE_US
        there = takewhile(lambda us: us < end_us and us in self._waiting, self._times)
        return {us: self._waiting[us] for us in there}

    def passing(self, until_us: int) -> Generator[tuple[int, int], Closed, None]:
        """Take all minutes that begin before `until_us`; where it is not the end, minutes with people follow.

        Yield a minute, and how many from there on may be closed together; take those that were, one at least.
        """
        times = self._times = deque([*sorted(self._waiting), until_us])
        self._skip(self._at_us, min(times[0], max(self._since_us, self._at_us)))
        while self._at_us < until_us:
            first_us = self._at_us
            minutes = min(self.watches.most(first_us), -(-(until_us - first_us) // MINUTE_US))
            closed = yield first_us, minutes
            self._at_us = first_us + closed.minutes * MINUTE_US
            heard_us = first_us
            while times[0] in self._waiting and times[0] < self._at_us:
                heard_us = times.popleft() + MINUTE_US
                del self._waiting[heard_us - MINUTE_US]
            was_open = self._look_at(first_us, closed)
            calm_us = self._calm(closed, first_us, max(heard_us, self._since_us), times[0], was_open)
            if calm_us is not None:
                self._skip(calm_us, times[0])

    @staticmethod
    def _calm(closed: Closed, first_us: int, begin_us: int, next_us: int, was_open: set[int]) -> int | None:
        """Return from when on, after `begin_us`, minutes with nobody change nothing; None where `_skip` would skip nothing."""
        if next_us - begin_us <= _HISTORY_US:  # nor from any later minute
            return None
        calm = (first_us + (place + 1) * MINUTE_US for place in np.flatnonzero(closed.quiet).tolist())
        return next((at_us for at_us in calm if at_us >= begin_us and at_us not in was_open), None)

    def _skip(self, calm_us: int, until_us: int) -> None:
        """Where minutes with nobody change nothing, start with new detectors if there are very many of them."""
        minutes = -(-(until_us - calm_us) // MINUTE_US)
        if minutes * MINUTE_US > _HISTORY_US:
            self.watches = PastWatches(self._policy)
            (self._watch,) = self.watches.watches
            self._at_us = calm_us + minutes * MINUTE_US - _HISTORY_US

    def _look_at(self, first_us: int, closed: Closed) -> set[int]:
        """Look at minutes in which something stands out or an alert is open; return after which of them one is."""
        was_open = set()
        standing = deque(sorted(closed.sights))
        minute_us = max(first_us, self._since_us)
        minute_us += -(minute_us - first_us) % MINUTE_US
        while minute_us < self._at_us:
            while standing and standing[0] < minute_us:
                standing.popleft()
            if not self._is_open:  # of minutes in which nothing stands out, no alert comes
                if not standing:
                    break
                minute_us = standing[0]
            self._look(minute_us, closed.sights.get(minute_us, ()))
            minute_us += MINUTE_US
            if self._is_open:
                was_open.add(minute_us)
        return was_open

    @property
    def _is_open(self) -> bool:
        return self._alert is not None and self._alert.open

    def _look(self, minute_us: int, sights: Sequence[Sight]) -> None:
        self._watch.see(minute_us)
        now_us = minute_us + MINUTE_US
        look = Look(*self.watched, self._watch, sights, partial(self._people, now_us), now_us)
        self._alert, change = advance(self._alert, look, self._policy)
        if change is not None:
            self.changes.append(change)

    def _people(self, until_us: int, scope: Scope, since_us: int) -> int:
        return self._signal.people(self.watched, scope, since_us, until_us)
