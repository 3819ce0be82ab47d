"""Kinds of series that a detector may misjudge: habits of an hour, bursts on days running, swells, brands in their first week."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.spikes.simulator import Simulated

__all__ = ["KINDS", "Judged", "judged"]

_DAY_S, _HOUR_S, _WIDTH_S = 86_400, 3600, 300
_A_DAY = _DAY_S // _WIDTH_S
_GRACE_S, _AFTER_S = 1800, 43_200


class Judged(NamedTuple):
    """What a detector made of some series of a kind.

    Attributes
    ----------
    found, spikes
        Spikes with an alarm before half an hour after their end, of how many.
    false
        Days with an alarm elsewhere, not within half a day of a spike.
    days
        Of all series together.
    """

    found: int
    spikes: int
    false: int
    days: float

    @property
    def false_a_month(self) -> float:
        return self.false / self.days * 30


def judged(kind: str, alarms: Callable[[Simulated], list[int]], seeds: int = 4) -> Judged:
    """Have a detector look at series of a kind; `alarms` returns the rows in which it raises one."""
    found = spikes = false = 0
    days = 0.0
    for seed in range(seeds):
        series = KINDS[kind](seed)
        at = series.times_s[alarms(series)] if len(series.times_s) else series.times_s
        spans = [(series.times_s[begin], series.times_s[end]) for begin, end in series.spikes]
        found += sum(any(begin <= one < end + _GRACE_S for one in at) for begin, end in spans)
        spikes += len(spans)
        false += len(
            {one // _DAY_S for one in at if not any(begin <= one < end + _AFTER_S for begin, end in spans)}
        )
        days += len(series.times_s) * series.width_s / _DAY_S
    return Judged(found, spikes, false, days)


def _noisy(generator: np.random.Generator, mean: NDArray[np.float64], size: float) -> NDArray[np.int64]:
    return generator.poisson(mean * generator.gamma(size, 1 / size, len(mean)))


def _times(days: int) -> NDArray[np.int64]:
    return np.arange(days * _A_DAY) * _WIDTH_S


def _wave(times_s: NDArray[np.int64], height: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(height * np.sin(2 * np.pi * (times_s / _HOUR_S - 9) / 24)))


def habit(seed: int) -> Simulated:
    """Return seven weeks with a burst on every other working morning from 8 to 10, and three spikes in afternoons."""
    generator, times = np.random.default_rng(seed), _times(49)
    counts, spikes = _noisy(generator, np.full(len(times), 2.5), 1.5), []
    for day in range(49):
        if day % 7 < 5 and generator.random() < 0.5:
            at, rows = day * _A_DAY + int(generator.uniform(8, 10) * 12), int(generator.integers(1, 6))
            height = 2.5 * generator.uniform(40, 80)
            counts[at : at + rows] += generator.poisson(height * np.exp(-np.arange(rows) / 2))
    for day in (20, 30, 40):
        at = day * _A_DAY + int(generator.uniform(14, 22) * 12)
        counts[at : at + 6] += generator.poisson(100, 6)
        spikes.append((at, at + 6))
    return Simulated(times, counts, tuple(spikes), _WIDTH_S)


def days_running(seed: int) -> Simulated:
    """Return a month with a burst on three days running, twice."""
    generator, times = np.random.default_rng(seed), _times(30)
    counts, spikes = _noisy(generator, 10 * _wave(times, 0.5), 3.0), []
    for day in (15, 16, 17, 25, 26, 27):
        at = day * _A_DAY + int(generator.uniform(9, 15) * 12)
        counts[at : at + 9] += generator.poisson(150 * np.exp(-np.arange(9) / 4))
        spikes.append((at, at + 9))
    return Simulated(times, counts, tuple(spikes), _WIDTH_S)


def swell(seed: int, size: float = 1.2) -> Simulated:
    """Return a noisy series that swells to six times the usual over three to eight hours, four times."""
    generator, times = np.random.default_rng(seed), _times(40)
    mean, spikes = 20 * _wave(times, 0.6), []
    for day in (12, 20, 28, 36):
        at, rows = day * _A_DAY + int(generator.uniform(0, _A_DAY)), int(generator.integers(3, 9)) * 12
        mean[at : at + rows] *= 1 + 5 * np.sin(np.pi * np.arange(rows) / rows)
        spikes.append((at, at + rows))
    return Simulated(times, _noisy(generator, mean, size), tuple(spikes), _WIDTH_S)


def first_week(seed: int) -> Simulated:
    """Return the first week of a brand whose evenings are twenty times as busy as its mornings, and nothing else."""
    generator, times = np.random.default_rng(seed), _times(7)
    times = times + seed * 7 % 24 * _HOUR_S
    counts = _noisy(generator, (1, 5, 30, 300)[seed % 4] * _wave(times, 1.5), 8.0)
    return Simulated(times, counts, (), _WIDTH_S)


KINDS: dict[str, Callable[[int], Simulated]] = {
    "a habit of mornings": habit,
    "bursts on days running": days_running,
    "a swell over hours": swell,
    "the first week of a brand": first_week,
}
