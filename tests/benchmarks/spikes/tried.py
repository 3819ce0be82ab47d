"""Detectors that were tried besides the one that is kept, over the same bank at the same false alarms, then the labelled series."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from math import exp, log10, sqrt
from typing import Any

import numpy as np

from journey.spikes import Detector, Policy, Reading
from journey.spikes.baseline import Baseline
from journey.spikes.event import Event
from journey.spikes.habit import Habit
from journey.spikes.surprise import Surprise
from journey.spikes.tail import Tails
from tests.benchmarks.spikes.simulator import Simulated

__all__ = ["TRIED", "alarms"]

Evidence = Callable[[Simulated], Sequence[float]]
"""A series in, −log10 of how rare each row is."""
Measure = Callable[[int, float, int, int], float]
"""Start of a bucket in seconds, its surprise, how many came before, how many are missing since: a surprise for its own tail."""

_HOUR_S, _DAY_S = 3600, 86_400
_SPREAD: tuple[dict[str, Any], ...] = (
    {}, {"tail_memory": timedelta(days=5)}, {"tail_memory": timedelta(days=20)}, {"level_memory": timedelta(days=3)},
    {"level_memory": timedelta(days=14)}, {"dispersion": 16.0}, {"week_shrinkage": 20.0},
)  # fmt: skip


class _Open(Detector):
    """A detector whose evidence, the mean of its spans, can be read."""

    evidence = 0.0

    def _reading(self, at_us: int, count: float, expected: float | None, evidences: list[float]) -> Reading:
        self.evidence = sum(evidences) / len(evidences)
        return super()._reading(at_us, count, expected, evidences)


def alarms(evidence: Sequence[float], series: Simulated, above: float) -> list[int]:
    """Return the rows that begin an event, by the detector's own rules; the threshold is `above` the policy's, in decades."""
    policy, times = Policy(), series.times_s
    event, habit = Event(policy), Habit(policy)
    looks = 30 * min(policy.looks_per_day, _DAY_S / series.width_s)
    threshold = log10(looks / policy.alarms_per_month) + above
    warm = times - times[0] >= policy.warm_up.total_seconds()
    warm &= np.arange(len(times)) > _DAY_S / series.width_s
    found = []
    for row in np.flatnonzero((np.asarray(evidence) >= threshold) & warm).tolist():
        at_s, much = float(times[row]), float(evidence[row])
        usual = habit.usual(at_s)
        habit.learn(at_s, much)
        if much >= usual * policy.habit_rarer and event.take(at_s):
            found.append(row)
    return found


def kept(series: Simulated) -> list[float]:
    """Return the evidence of the detector as it is."""
    return _ensemble(series, [Policy()], np.mean)


def median(series: Simulated) -> list[float]:
    """Return the median over detectors of other memories, levels and profiles."""
    return _ensemble(series, [replace(Policy(), **one) for one in _SPREAD], np.median)


def vote(series: Simulated) -> list[float]:
    """Return what all but one of these detectors have at least."""
    return _ensemble(series, [replace(Policy(), **one) for one in _SPREAD], lambda each: np.sort(each)[1])


def _ensemble(
    series: Simulated, policies: Sequence[Policy], join: Callable[[list[float]], float]
) -> list[float]:
    detectors = [_Open(timedelta(seconds=series.width_s), policy) for policy in policies]
    found = []
    for at_s, count in zip(series.times_s.tolist(), series.counts.tolist(), strict=True):
        for detector in detectors:
            detector.feed(at_s * 1_000_000, float(count))
        found.append(float(join([detector.evidence for detector in detectors])))
    return found


def _besides(
    series: Simulated, policy: Policy, measure: Measure | None, *, alone: bool = False, hourly: bool = False
) -> list[float]:
    """Return the evidence of the spans and of one measure besides; `hourly` takes the hour's own peaks from every surprise."""
    width_s = float(series.width_s)
    baseline = Baseline(policy, width_s)
    spans = [width_s, *(s for s in (span.total_seconds() for span in policy.scales) if s > width_s)]
    surprises = [Surprise(span, width_s, policy.dispersion) for span in spans]
    tails = Tails(policy, width_s, len(spans) + (measure is not None))
    peaks = [_Peaks() for _ in spans]
    found, last = [], None
    for row, (at_s, count) in enumerate(zip(series.times_s.tolist(), series.counts.tolist(), strict=True)):
        missing = 0 if last is None else max(0, round((at_s - last) / width_s) - 1)
        if missing:
            for surprise in surprises:
                surprise.skip(missing)
        last, expected = at_s, baseline.expected(at_s)
        mean = count if expected is None else expected
        much = [surprise.add(count, mean) for surprise in surprises]
        if measure is not None:
            much.append(measure(at_s, much[0], row, missing))
        if hourly:
            much = [peak.less(at_s, one) for peak, one in zip(peaks, much, strict=True)]
        each = [tail.evidence(one) for tail, one in zip(tails.each, much, strict=True)]
        found.append(each[-1] if alone else sum(each) / len(each))
        baseline.learn(count, mean)
        tails.learn(much, row, shifted=baseline.shifted)
    return found


def lasting(series: Simulated) -> list[float]:
    """Add a state-space level: deviations of the buckets of an hour from the level of half a day; tails from the highest 1 %."""
    return _besides(series, replace(Policy(), tail=0.01), _Level(series.width_s))


def higher(series: Simulated) -> list[float]:
    """Take tails from the highest hundredth, and nothing else."""
    return _besides(series, replace(Policy(), tail=0.01), None)


def level_alone(series: Simulated) -> list[float]:
    """Take the state-space level alone."""
    return _besides(series, replace(Policy(), tail=0.01), _Level(series.width_s), alone=True)


class _Level:
    """A steady Kalman level of one bucket's surprise, residuals cut at three deviations; the mean of an hour's deviations."""

    def __init__(self, width_s: float) -> None:
        self._share = min(1.0, width_s / _HOUR_S)
        self._gain, self._slow = 1 - exp(-width_s / (12 * _HOUR_S)), width_s / (7 * _DAY_S)
        self._mean, self._level, self._variance = 0.0, 0.0, 1.0

    def __call__(self, _at_s: int, surprise: float, row: int, missing: int) -> float:
        self._mean *= (1 - self._share) ** missing
        away, deviation, start = surprise - self._level, sqrt(self._variance), 1 / (row + 50)
        self._mean += self._share * (max(-6.0, min(30.0, away / deviation)) - self._mean)
        cut = max(-3 * deviation, min(3 * deviation, away))
        self._level = max(0.0, self._level + max(self._gain, start) * cut)
        self._variance = max(0.25, self._variance + max(self._slow, start) * (cut * cut - self._variance))
        return self._mean * sqrt((2 - self._share) / self._share)


def halves(series: Simulated) -> list[float]:
    """Take either: the three spans at half of the false alarms, or the state-space level besides them at the other half."""
    return _either(series, 0.5)


def fifths(series: Simulated) -> list[float]:
    """Take either: the three spans at a fifth of the false alarms, or the state-space level besides them at the rest."""
    return _either(series, 0.2)


def _either(series: Simulated, share: float) -> list[float]:
    less, rest = log10(share), log10(1 - share)
    return [max(a + less, b + rest) for a, b in zip(kept(series), lasting(series), strict=True)]


def greatest(series: Simulated) -> list[float]:
    """Add a state-space level: the greatest of its deviations over the bucket, 15 minutes and an hour."""
    return _besides(series, replace(Policy(), tail=0.01), _Windows(series.width_s))


class _Windows(_Level):
    """The same level; of the means over the bucket, 15 minutes and an hour that which stands out most."""

    def __init__(self, width_s: float) -> None:
        super().__init__(width_s)
        self._windows = [_Level(width_s) for _ in (1, _HOUR_S // 4)]
        for window, span_s in zip(self._windows, (1, _HOUR_S // 4), strict=True):
            window._share = min(1.0, width_s / max(width_s, span_s))

    def __call__(self, at_s: int, surprise: float, row: int, missing: int) -> float:
        shorter = [window(at_s, surprise, row, missing) for window in self._windows]
        return max(super().__call__(at_s, surprise, row, missing), *shorter)


def conformal(series: Simulated) -> list[float]:
    """Add conformal ranks: the share of recent surprises of the hour of the day that were higher, over an hour."""
    return _besides(series, Policy(), _Ranks(series.width_s))


class _Ranks:
    """Surprises by hour of the day in bins, fading over two weeks; hours that were seen little lean on the whole day."""

    def __init__(self, width_s: float) -> None:
        self._share, self._fade = min(1.0, width_s / _HOUR_S), exp(-width_s * 24 / (14 * _DAY_S))
        self._bins, self._mean = np.full((24, 128), 1e-3), 0.0

    def __call__(self, at_s: int, surprise: float, row: int, missing: int) -> float:
        self._mean *= (1 - self._share) ** missing
        hour, place = at_s // _HOUR_S % 24, min(127, max(0, int((surprise + 8) * 4)))
        here = self._bins[hour]
        if row % 12 == 0:
            self._day = self._bins.sum(0)
        own, day = here.sum(), self._day.sum()
        above = here[place + 1 :].sum() + 100 * self._day[place + 1 :].sum() / day
        self._mean += self._share * (min(2.0, -log10((above + 1) / (own + 101))) - self._mean)
        here *= self._fade
        here[place] += 1
        return float(self._mean) * 6


def by_hour(series: Simulated) -> list[float]:
    """Begin the tails where each hour of the day has its usual highest surprise, instead of at one for all hours."""
    return _besides(series, Policy(), None, hourly=True)


class _Peaks:
    """How much higher than in other hours the highest surprise of each hour of the day is; the mean of sixteen visits."""

    def __init__(self) -> None:
        self._usual, self._of, self._visits = 2.0, [0.0] * 24, [0] * 24
        self._hour, self._peak, self._less = -1, 0.0, 0.0

    def less(self, at_s: int, surprise: float) -> float:
        """Return the surprise less what its hour has above the usual peak."""
        if (hour := at_s // _HOUR_S) != self._hour:
            if self._hour >= 0:
                self._visit(self._hour % 24)
            self._hour, self._peak = hour, surprise
            seen = self._visits[hour % 24]
            self._less = self._of[hour % 24] * seen / (seen + 4)
        self._peak = max(self._peak, surprise)
        return surprise - self._less

    def _visit(self, hour: int) -> None:
        away = max(-3.0, min(3.0, self._peak - self._usual))
        self._usual += away / 240
        self._visits[hour] = min(self._visits[hour] + 1, 16)
        self._of[hour] += (away - self._of[hour]) / self._visits[hour]


TRIED: dict[str, Evidence] = {
    "as it is": kept,
    "ensemble, median": median,
    "ensemble, vote": vote,
    "conformal ranks besides": conformal,
    "extreme values by the hour": by_hour,
    "state-space level alone": level_alone,
    "state-space level besides": lasting,
    "either, half and half": halves,
    "either, a fifth of the spans": fifths,
    "greatest of windows besides": greatest,
    "tails from the highest 1 %": higher,
}
