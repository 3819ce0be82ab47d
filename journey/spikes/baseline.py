"""Predicts the count of a bucket: a level that decays, times factors for the hour of the day and of the week."""

from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from math import exp, log, sqrt

from journey.spikes.policy import Policy

__all__ = ["DAY", "ENOUGH_S", "FACTOR", "FASTER", "GROSS", "HOUR_S", "PSEUDO", "WEEK", "Baseline"]

HOUR_S = 3600
_US = 1_000_000
DAY, WEEK = 24, 168
ENOUGH_S = 1200  # seconds of an hour that must have been seen for it to count as a visit
PSEUDO = 2.0  # counts added to both sides of an hour's ratio
FACTOR = 3.0  # bound of a factor's logarithm: twenty times above or below
FASTER = 8.0
GROSS = 10.0  # a count enters the daily sums up to so many times the expected


class Baseline:
    """A Gamma-Poisson rate with forgetting, and factors per hour of the day and of the week. State, 1 kB.

    The rate is Σ count / Σ factor, both faded; counts are cut at a few standard deviations first. A factor is the mean
    logarithm of (count / level) over the last visits of its hour, shrunk towards none by how few they were. Hours
    are counted from 1970, so a rhythm is learned in any time zone.
    """

    __slots__ = (
        "_ahead",
        "_day",
        "_days",
        "_fade",
        "_fast",
        "_numbers",
        "_policy",
        "_week",
        "_weeks",
        "_width_s",
    )

    def __init__(self, policy: Policy, width_s: float) -> None:
        self._policy, self._width_s = policy, width_s
        self._fade = exp(-width_s / policy.level_memory.total_seconds())
        self._fast = self._fade**FASTER
        self._ahead = exp(-width_s / (DAY * HOUR_S))
        # counts, exposure, this hour, its factor, its counts, its level, its buckets, a day's counts, a day's expected
        self._numbers = array("d", [0.0, 0.0, -1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
        self._day, self._week = array("f", [0.0] * DAY), array("f", [0.0] * WEEK)
        self._days, self._weeks = array("f", [0.0] * DAY), array("f", [0.0] * WEEK)

    def expected(self, at_s: float) -> float | None:
        """Return the count to expect in the bucket that starts then; None while none was seen."""
        numbers = self._numbers
        hour = at_s // HOUR_S
        if hour != numbers[2]:
            self._turn(hour)
        return numbers[0] / numbers[1] * numbers[3] if numbers[1] else None

    def learn(self, count: float, expected: float) -> None:
        """Take the count of the bucket that was asked for last."""
        numbers, policy = self._numbers, self._policy
        level = numbers[0] / numbers[1] if numbers[1] else expected
        cut = expected + policy.winsor * sqrt(expected + expected * expected / policy.dispersion) + 1
        kept = min(count, cut)
        numbers[4] += kept
        numbers[5] += level
        numbers[6] += 1
        numbers[7] = numbers[7] * self._ahead + min(count, GROSS * (expected + 1))
        numbers[8] = numbers[8] * self._ahead + expected
        fade = self._fast if self.shifted else self._fade
        numbers[0] = numbers[0] * fade + kept
        numbers[1] = numbers[1] * fade + numbers[3]

    def learn_zeros(self, at_us: int, width_us: int, buckets: int) -> tuple[list[float], list[bool]]:
        """Take buckets without a count, as `expected` and `learn` do for each.

        Returns what was to be expected in each, and whether the level was `shifted` after it. One bucket at least was learned
        before.
        """
        expected: list[float] = []
        shifted: list[bool] = []
        while buckets:
            hour = at_us / _US // HOUR_S
            if hour != self._numbers[2]:
                self._turn(hour)
            here = min(buckets, -((at_us - (int(hour) + 1) * HOUR_S * _US) // width_us))
            self._learn_zeros(here, expected, shifted)
            at_us, buckets = at_us + here * width_us, buckets - here
        return expected, shifted

    def _learn_zeros(self, buckets: int, expected: list[float], shifted: list[bool]) -> None:
        """Take so many buckets of this hour."""
        rate, exposure, hour, factor, counts, levels, seen, day, day_expected = self._numbers
        fade, fast, ahead, ratio = self._fade, self._fast, self._ahead, self._policy.shift_ratio
        # What is expected falls from bucket to bucket of an hour, so that a day's sum of it stays below this.
        may_shift = max(day, day_expected + buckets * rate / exposure * factor) > GROSS / 2
        for _ in range(buckets):
            level = rate / exposure
            mean = level * factor
            levels += level
            day *= ahead
            day_expected = day_expected * ahead + mean
            faded = fade
            if may_shift:
                new = day > ratio * day_expected + GROSS or day_expected > ratio * day + GROSS
                faded = fast if new else fade
                shifted.append(new)
            rate *= faded
            exposure = exposure * faded + factor
            expected.append(mean)
        if not may_shift:
            shifted.extend([False] * buckets)
        self._numbers[:] = array(
            "d", [rate, exposure, hour, factor, counts, levels, seen + buckets, day, day_expected]
        )

    @property
    def shifted(self) -> bool:
        """Whether a day's counts are so far from what was expected that the level must be another."""
        seen, expected = self._numbers[7], self._numbers[8]
        ratio, slack = self._policy.shift_ratio, GROSS
        return seen > ratio * expected + slack or expected > ratio * seen + slack

    def _turn(self, hour: float) -> None:
        """Close the hour that was, and look up the factor of the one that begins."""
        numbers, policy = self._numbers, self._policy
        if numbers[6] * self._width_s >= ENOUGH_S:
            self._visit(int(numbers[2]), log((numbers[4] + PSEUDO) / (numbers[5] + PSEUDO)))
        day, week = int(hour) % DAY, int(hour) % WEEK
        seen, weekly = self._days[day], self._weeks[week]
        factor = self._day[day] * seen / (seen + policy.day_shrinkage)
        factor += self._week[week] * weekly / (weekly + policy.week_shrinkage)
        numbers[2], numbers[3] = hour, exp(factor)
        numbers[4] = numbers[5] = numbers[6] = 0.0

    def _visit(self, hour: int, ratio: float) -> None:
        ratio = max(-FACTOR, min(FACTOR, ratio))
        day, week, most = hour % DAY, hour % WEEK, self._policy.rhythm_visits
        self._days[day] = min(self._days[day] + 1, most)
        self._weeks[week] = min(self._weeks[week] + 1, most)
        self._day[day] += (ratio - self._day[day]) / self._days[day]
        self._week[week] += (ratio - self._day[day] - self._week[week]) / self._weeks[week]

    def numbers(self) -> Iterator[float]:
        """Yield the state, always as many numbers."""
        return chain.from_iterable(self._columns())

    def restore(self, numbers: Sequence[float]) -> Sequence[float]:
        """Take the state back from `numbers`; return those that are left."""
        for column in self._columns():
            column[:] = array(column.typecode, numbers[: len(column)])
            numbers = numbers[len(column) :]
        return numbers

    def _columns(self) -> tuple["array[float]", ...]:
        return self._numbers, self._day, self._week, self._days, self._weeks
