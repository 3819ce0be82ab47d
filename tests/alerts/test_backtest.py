"""A backtest makes the changes that a watcher makes which closes each minute at its end, whatever the history."""

import threading
from datetime import timedelta

import numpy as np
import pytest

from journey.alerts import BRAND, MINUTE_US, AlertPolicy, BrandWatch, Look, Scope, advance
from streams.alerts import backtest as of_backtest
from streams.alerts.counts import DIRECTIONS

DAY_US = 1440 * MINUTE_US
EIGHT_DAYS_US = timedelta(days=8) // timedelta(microseconds=1)


class History:
    """A brand of so many days in both directions, with bursts, silences of days, and many contents; a signal of itself."""

    def __init__(self, seed: int, *, days: int = 14, contents: int = 30) -> None:
        generator = np.random.default_rng(seed)
        self.start_us = int(generator.integers(-(10**7), 3 * 10**7)) * MINUTE_US
        self.end_us = self.start_us + days * DAY_US
        self.minutes = {("acme", of): self._minutes(generator, days, contents) for of in DIRECTIONS}

    def _minutes(self, generator, days, contents):
        rows = days * 1440
        rate = generator.choice([0.002, 0.02]) * np.exp(np.sin(2 * np.pi * np.arange(rows) / 1440))
        counts = generator.poisson(rate)
        for begin in generator.integers(0, rows, 2):
            counts[begin : begin + generator.choice([4_000, 12_500])] = 0
        for begin in generator.integers(3_000, rows, 5):
            length = generator.choice([1, 10, 90])
            counts[begin : begin + length] += generator.poisson(3, len(counts[begin : begin + length]))
        found = {}
        for row in np.flatnonzero(counts).tolist():
            people = found[self.start_us + row * MINUTE_US] = {BRAND: int(counts[row])}
            for _ in range(people[BRAND]):
                scope = Scope("content", f"c{generator.zipf(1.3) % contents}")
                people[scope] = people.get(scope, 0) + 1
        return found

    def first_minutes(self):
        return {"acme": min(minute for minutes in self.minutes.values() for minute in minutes)}

    def days(self, _brand, since_us, until_us):
        times = {
            us // DAY_US * DAY_US
            for each in self.minutes.values()
            for us in each
            if since_us <= us < until_us
        }
        return [(day, 1) for day in sorted(times)]

    def read(self, since_us, until_us, _brands):
        return {
            watched: {us: people for us, people in each.items() if since_us <= us < until_us}
            for watched, each in self.minutes.items()
        }

    def turn(self, minutes):
        return minutes

    def people(self, watched, scope, since_us, until_us):
        return sum(
            each.get(scope, 0) for us, each in self.minutes[watched].items() if since_us <= us < until_us
        )

    def watched(self, of, since_us, until_us, policy):
        """Return the changes of a watcher that closes each minute at its end; after eight days of nobody it starts anew."""
        minutes, changes, alert = self.minutes["acme", of], [], None
        at_us = max(self.first_minutes()["acme"], since_us - EIGHT_DAYS_US) // MINUTE_US * MINUTE_US
        watch = BrandWatch(policy)
        times = sorted(us for us in minutes if at_us <= us < until_us)
        while at_us < until_us:
            sights = watch.close(at_us, minutes.get(at_us, {}))
            minute_us, at_us = at_us, at_us + MINUTE_US
            if minute_us < since_us:
                continue

            def people(scope, since_us, until_us=at_us):
                return self.people(("acme", of), scope, since_us, until_us)

            alert, change = advance(alert, Look("acme", of, watch, sights, people, at_us), policy)
            changes += [change] if change else []
            next_us = next((us for us in times if us >= at_us), until_us)
            idle = -(-(next_us - at_us) // MINUTE_US) * MINUTE_US
            if watch.is_quiet and not (alert and alert.open) and idle > EIGHT_DAYS_US:
                watch, at_us = BrandWatch(policy), at_us + idle - EIGHT_DAYS_US
        return changes


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.soak) for n in range(2, 12))])
@pytest.mark.parametrize(("begin", "contents"), [(0, 30), (3.3, 8)])
def test_a_backtest_is_a_watcher_that_closes_each_minute_at_its_end(monkeypatch, seed, begin, contents):
    history = History(seed, contents=contents)
    monkeypatch.setattr(of_backtest, "PastSignal", lambda _: history)
    policy = AlertPolicy(most_scopes=12)
    period_us = (history.start_us + int(begin * DAY_US), history.end_us + 17)
    found = of_backtest.backtest(None, "acme", period_us, policy).changes
    for of in DIRECTIONS:
        expected = history.watched(of, *period_us, policy)
        assert [change for change in found if change.alert.direction == of] == expected
    assert found


class UnreadError(Exception):
    """Of a store that does not answer."""


def slices(monkeypatch, *, days=200):
    """Have a brand of several slices; return its history, and how many parts were read."""
    history, read = History(4, days=days, contents=3), []
    real = history.read

    def reading(since_us, until_us, brands):
        read.append(since_us)
        if len(read) == history.fails_at:
            raise UnreadError
        return real(since_us, until_us, brands)

    history.read, history.fails_at = reading, 0
    monkeypatch.setattr(of_backtest, "PastSignal", lambda _: history)
    return history, read


def test_an_error_of_what_is_read_ahead_ends_a_backtest(monkeypatch):
    history, read = slices(monkeypatch)
    history.fails_at, told = 3, []
    with pytest.raises(UnreadError):
        of_backtest.backtest(
            None, "acme", (history.start_us, history.end_us), tell=lambda *progress: told.append(progress)
        )
    assert told == [("acme", number, 4) for number in range(3)]
    assert len(read) == 3


def test_a_backtest_that_is_interrupted_ends_with_its_thread(monkeypatch):
    history, read = slices(monkeypatch)

    def interrupt(_, done, __):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        of_backtest.backtest(None, "acme", (history.start_us, history.end_us), tell=interrupt)
    assert len(read) <= 2
    assert all(thread.name != "read-ahead" for thread in threading.enumerate())


@pytest.mark.parametrize("silent_days", [5, 30, 100])
def test_directions_that_share_detectors_do_as_each_alone_where_one_falls_silent(monkeypatch, silent_days):
    history = History(7, days=130, contents=3)
    since_us = history.start_us + 40 * DAY_US
    against = history.minutes["acme", "against"]
    for minute_us in [us for us in against if since_us <= us < since_us + silent_days * DAY_US]:
        del against[minute_us]
    monkeypatch.setattr(of_backtest, "PastSignal", lambda _: history)
    policy, period_us = AlertPolicy(), (history.start_us, history.end_us)
    together = of_backtest.backtest(None, "acme", period_us, policy).changes
    for of in DIRECTIONS:
        kept = {watched: each for watched, each in history.minutes.items() if watched[1] == of}
        other = {watched: {} for watched in history.minutes if watched[1] != of}
        whole, history.minutes = history.minutes, kept | other
        first = {"acme": min(min(each) for each in whole.values())}
        monkeypatch.setattr(history, "first_minutes", lambda first=first: first)
        alone = of_backtest.backtest(None, "acme", period_us, policy).changes
        history.minutes = whole
        assert alone == [change for change in together if change.alert.direction == of]
        assert alone
