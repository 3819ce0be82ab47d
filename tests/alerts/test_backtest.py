"""A backtest makes the changes that a watcher makes which closes each minute at its end, whatever the history."""

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

    def counts(self, since_us, until_us, _brands):
        return {
            watched: {us: people for us, people in each.items() if since_us <= us < until_us}
            for watched, each in self.minutes.items()
        }

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
