"""Laws of what runs over stored history: detectors abreast are detectors, and the watch of the past is the watch of a brand."""

from datetime import timedelta

import numpy as np
import pytest

from journey.alerts import BRAND, MINUTE_US, AlertPolicy, BrandWatch, PastWatches, Scope
from journey.alerts import past_together as of_together
from journey.spikes import Abreast, Detector, Policy
from journey.spikes.abreast.walk import Pace, Room, Start, Walk

DAY = 1440


def history(seed, days, columns):
    """Counts by minute and column: nobody, rhythms of a day, bursts, a level that falls away."""
    generator = np.random.default_rng(seed)
    rows = int(days * DAY)
    rates = generator.permutation([0.001, 0.02, 0.3, 3.0, 40.0])[: columns - 1]
    wave = np.exp(1.5 * np.sin(2 * np.pi * np.arange(rows) / DAY))
    counts = generator.poisson(np.array([0.0, *rates]) * wave[:, None])
    for _ in range(2 * columns):
        column, begin = generator.integers(1, columns), generator.integers(0, rows)
        counts[begin : begin + generator.integers(1, 200), column] += generator.integers(1, 30)
    counts[generator.integers(0, rows) :, generator.integers(1, columns)] = 0
    return counts, int(generator.integers(-30_000_000, 30_000_000)) * MINUTE_US


class Told(Detector):
    """A detector that tells the evidence of its spans."""

    told = None

    def _reading(self, at_us, count, expected, evidences):
        self.told = tuple(evidences)
        return super()._reading(at_us, count, expected, evidences)


def hold(counts, start_us, length):
    """Hold that detectors abreast are what each is alone, in runs that are as long as `length` says of their first place."""
    width, policy = timedelta(minutes=1), Policy()
    abreast, at = Abreast(width, policy, start_us, counts[0].tolist()), 1
    alone = [Told(width, policy) for _ in counts[0]]
    for detector, count in zip(alone, counts[0], strict=True):
        detector.feed(start_us, int(count))
    while at < len(counts):
        at_us = start_us + at * MINUTE_US
        minutes = min(abreast.most(at_us), len(counts) - at, int(length(at)))
        here = counts[at : at + minutes]
        heard = {}
        for place, column in zip(*(found.tolist() for found in np.nonzero(here)), strict=True):
            heard.setdefault(place, []).append((column, int(here[place, column])))
        passed = abreast.take(at_us, minutes, heard)
        found = {(one.place, one.column): one.each for one in passed.found}
        for column, detector in enumerate(alone):
            for place in range(minutes):
                reading = detector.feed(at_us + place * MINUTE_US, int(here[place, column]))
                assert reading.expected == passed.expected[place, column]
                assert detector.told == found.get((place, column), (0.0,) * 3)
                assert detector.is_quiet == passed.quiet[place, column]
        at += minutes


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.soak) for n in range(2, 12))])
def test_detectors_abreast_are_to_the_bit_what_each_is_alone(seed):
    counts, start_us = history(seed, 3.3, 4)
    cuts = np.random.default_rng(seed)
    hold(counts, start_us, lambda _: cuts.choice([1, 7, 60, 99, 700, DAY]))


def test_what_came_at_the_end_of_a_run_is_above_a_tail_in_the_next_all_the_same():
    generator = np.random.default_rng(9)
    counts = np.where(generator.random((2 * DAY, 3)) < 1 / 400, generator.integers(2, 5, (2 * DAY, 3)), 0)
    counts[:, 0] = 0
    rows = np.flatnonzero(counts.any(1))
    hold(counts, 0, lambda at: np.append(rows[rows >= at], len(counts))[0] - at + 1)


def test_a_level_is_new_in_a_day_in_which_nobody_is_heard():
    counts = np.zeros((4 * DAY, 2), int)
    counts[: DAY // 2 : 8, 1] = 1
    hold(counts, 17 * MINUTE_US, lambda _: DAY)


@pytest.mark.parametrize(("level", "seen"), [(0.02, 0.0), (1e-6, 14.0)])
def test_a_column_whose_level_may_be_new_is_kept_bucket_by_bucket(level, seen):
    pace = Pace(0.9999, 0.999, np.array([[0.0], [0.93], [0.98], [0.9993]]), Policy())
    sums = np.zeros((2, 4, 2))
    sums[0, 3, 1] = seen
    start = Start(np.array([[0.0, level * 1e4], [1e4, 1e4]]), sums, lambda counts: counts < 1.5)
    walk = Walk(pace, start, np.ones((DAY, 2)), {}, Room())
    assert walk.loud.tolist() == [1]
    assert walk.shifted.any()


def crowd(seed, days, scopes):
    """People by minute and scope."""
    counts, start_us = history(seed, days, 3)
    generator = np.random.default_rng(seed)
    for begin in generator.integers(2 * DAY, len(counts), 4):
        counts[begin : begin + 7, 1] += 3 * counts.max()
    minutes = {}
    for row in np.flatnonzero(counts.sum(1)).tolist():
        people = minutes[start_us + row * MINUTE_US] = {BRAND: int(counts[row].sum())}
        for _ in range(min(2, people[BRAND])):
            scope = Scope("content", f"c{generator.zipf(1.4) % scopes}")
            people[scope] = people.get(scope, 0) + 1
    return minutes, start_us, len(counts)


@pytest.mark.parametrize(
    ("seed", "scopes", "born"), [(3, 4, 200), (4, 20, 3), pytest.param(5, 90, 40, marks=pytest.mark.soak)]
)
def test_a_watch_of_the_past_sees_what_a_watch_does_that_closes_each_minute(monkeypatch, seed, scopes, born):
    monkeypatch.setattr(of_together, "_BORN", born)
    policy = AlertPolicy(alarms_per_month=60.0, most_scopes=12)
    minutes, start_us, rows = crowd(seed, 2.4, scopes)
    watches, watch, at, sights = PastWatches(policy), BrandWatch(policy), 0, 0
    (past,) = watches.watches
    while at < rows:
        first_us = start_us + at * MINUTE_US
        count = min(watches.most(first_us), rows - at)
        times = range(first_us, first_us + count * MINUTE_US, MINUTE_US)
        (closed,) = watches.close(first_us, count, [{us: minutes[us] for us in times if us in minutes}])
        for us, quiet in zip(times[: closed.minutes], closed.quiet, strict=True):
            seen = watch.close(us, minutes.get(us, {}))
            assert set(closed.sights.get(us, [])) == set(seen)
            assert quiet == watch.is_quiet
            sights += len(seen)
            if us % (499 * MINUTE_US) == 0 or seen:
                past.see(us)
                assert past.scopes == watch.scopes
                for scope in watch.scopes | {Scope("content", "never")}:
                    assert past.tally(scope, us - 7_000_000_000) == watch.tally(scope, us - 7_000_000_000)
        at += closed.minutes
    assert sights > 5


@pytest.mark.parametrize("seed", [6, 7, *(pytest.param(n, marks=pytest.mark.soak) for n in range(8, 16))])
def test_watches_of_the_past_that_close_minutes_together_see_what_each_does_alone(monkeypatch, seed):
    monkeypatch.setattr(of_together, "_BORN", 6)
    generator, policy = np.random.default_rng(seed), AlertPolicy(alarms_per_month=60.0, most_scopes=9)
    crowds, rows = [], 0
    for each in (seed, seed + 100):
        minutes, first_us, rows = crowd(each, 3.4, 12)
        crowds.append({us - first_us: people for us, people in minutes.items()})
    parted = int(generator.integers(rows // 3, rows)) * MINUTE_US
    both, alone = PastWatches(policy, 2), [PastWatches(policy), PastWatches(policy)]
    seen = [seen_of(each, [0, rows], crowds[n : n + 1])[0] for n, each in enumerate(alone)]
    together = seen_of(both, [0, parted // MINUTE_US], crowds)
    for n, watch in enumerate(both.watches):
        later = seen_of(both.part(watch), [parted // MINUTE_US, rows], crowds[n : n + 1])[0]
        assert together[n] | later == seen[n]
        assert any(sights for sights, _ in seen[n].values())


def seen_of(watches, rows, crowds):
    """Return what stood out in each minute of some rows, and whether it was quiet after it, by watch."""
    found, at = [{} for _ in crowds], rows[0]
    while at < rows[1]:
        first_us = at * MINUTE_US
        count = min(watches.most(first_us), rows[1] - at)
        until_us = first_us + count * MINUTE_US
        here = [{us: of for us, of in each.items() if first_us <= us < until_us} for each in crowds]
        closed = watches.close(first_us, count, here)
        for of, each in zip(found, closed, strict=True):
            for place, quiet in enumerate(each.quiet.tolist()):
                us = first_us + place * MINUTE_US
                of[us] = set(each.sights.get(us, [])), quiet
        assert len({each.minutes for each in closed}) == 1
        at += closed[0].minutes
    return found


def test_few_are_heard_in_columns_that_are_not_kept_bucket_by_bucket():
    generator = np.random.default_rng(3)
    counts = (generator.random((3 * DAY, 6)) < 1 / 700).astype(int)
    counts[:, 0] = 0
    hold(counts, 0, lambda _: DAY)
