"""Walks the levels of series that see the same buckets, and the sums of their counts and expectations, as columns of arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from journey.spikes.baseline import GROSS
from journey.spikes.policy import Policy

__all__ = ["COUNTS", "MEANS", "Array", "Heard", "Pace", "Walk"]

Array = NDArray[np.float64]
Heard = Mapping[int, Sequence[tuple[int, int]]]
"""Place of a bucket in a run to (column, count), where counts are above 0."""

COUNTS, MEANS = 0, 1  # of sums


@dataclass(frozen=True, slots=True)
class Pace:
    """How levels and sums fade from bucket to bucket, and what enters them."""

    fade: float
    fast: float
    fades: Array
    policy: Policy

    def cut(self, expected: float) -> float:
        """Return the count from which on a count is cut before a level learns it."""
        spread = sqrt(expected + expected * expected / self.policy.dispersion)
        return expected + self.policy.winsor * spread + 1

    def shifted(self, sums: Array) -> NDArray[np.bool_]:
        """Return where a day's counts are so far from what was expected that the level must be another."""
        seen, expected = sums[..., COUNTS, -1, :], sums[..., MEANS, -1, :]
        ratio = self.policy.shift_ratio
        return np.asarray((seen > ratio * expected + GROSS) | (expected > ratio * seen + GROSS))


class Walk:
    """The levels and sums of a run, bucket by bucket; the first of each is how it was before."""

    def __init__(
        self, pace: Pace, start: tuple[Array, ...], buckets: int, heard: Heard, *, watchful: bool = False
    ) -> None:
        level, sums, self.factor, of_hour = start
        self._pace = pace
        self.level, self.sums = np.empty((buckets + 1, *level.shape)), np.empty((buckets + 1, *sums.shape))
        self.levels, self.means = (np.empty((buckets, level.shape[-1])) for _ in range(2))
        self.level[0], self.sums[0], self.of_hour = level, sums, of_hour.copy()
        self._before = of_hour
        (self._watch if watchful else self._walk)(heard)
        self.shifted = pace.shifted(self.sums[1:])

    def again(self, columns: NDArray[np.intp], heard: Heard) -> None:
        """Walk again with columns whose level is new in some bucket, so that it is learned faster from there on."""
        start = (
            self.level[0][:, columns],
            self.sums[0][..., columns],
            self.factor[columns],
            self._before[columns],
        )
        places = {int(column): place for place, column in enumerate(columns)}
        theirs = {
            at: [(places[column], count) for column, count in pairs if column in places]
            for at, pairs in heard.items()
        }
        walk = Walk(self._pace, start, len(self.means), theirs, watchful=True)
        self.level[..., columns], self.sums[..., columns] = walk.level, walk.sums
        self.levels[:, columns], self.means[:, columns] = walk.levels, walk.means
        self.of_hour[columns], self.shifted[:, columns] = walk.of_hour, walk.shifted

    def _walk(self, heard: Heard) -> None:
        """Walk all columns as if nobody were heard, and then those again in which somebody is."""
        pace, level, sums = self._pace, self.level, self.sums
        level[1:, 0] = pace.fade
        np.multiply.accumulate(level[:, 0], out=level[:, 0])
        sums[1:, COUNTS] = pace.fades
        np.multiply.accumulate(sums[:, COUNTS], out=sums[:, COUNTS])
        # arrays of one shape: to spread one over another costs NumPy as much as all else of so short a step
        multiply, add, factor = np.multiply, np.add, self.factor
        fade, fades = np.full_like(factor, pace.fade), np.empty_like(sums[0, MEANS])
        fades[:] = pace.fades
        for now, then in pairwise(level[:, 1]):
            multiply(now, fade, then)
            add(then, factor, then)
        for column, counts in _by_column(heard).items():
            self._hear(column, counts)
        np.divide(level[:-1, 0], level[:-1, 1], self.levels)
        multiply(self.levels, factor, self.means)
        entering = np.repeat(self.means[:, None], len(fades), 1)
        for mean, (now, then) in zip(entering, pairwise(sums[:, MEANS]), strict=True):
            multiply(now, fades, then)
            add(then, mean, then)

    def _hear(self, column: int, counts: Mapping[int, int]) -> None:
        """Walk a column in which people are heard: its counts, and its level by what it learns of them."""
        gains, gross = self._gains(column, counts)
        first = min(counts)  # up to it, nobody is heard
        rate, fade = float(self.level[first, 0, column]), self._pace.fade
        self.level[first + 1 :, 0, column] = [rate := rate * fade + gain for gain in gains[first:]]
        came = [0.0] * len(gains)
        for place in sorted(counts):
            self.of_hour[column] += gains[place]
            came[place] = counts[place]
        *spans, day = self._pace.fades[:, 0].tolist()
        for row, (faded, entering) in enumerate([*((span, came) for span in spans), (day, gross)]):
            sums = self.sums[first:, COUNTS, row, column]
            one = float(sums[0])
            sums[1:] = [one := one * faded + count for count in entering[first:]]

    def _gains(self, column: int, counts: Mapping[int, int]) -> tuple[list[float], list[float]]:
        """Return what the level learns of each bucket, and what the sum of a day does: counts, but for the gross."""
        gains, gross = ([0.0] * len(self.means) for _ in range(2))
        rate, at = float(self.level[0, 0, column]), 0
        factor, fade = float(self.factor[column]), self._pace.fade
        for place in sorted(counts):
            count = counts[place]
            if count == 1:  # which is never cut
                gains[place] = gross[place] = 1.0
                continue
            for gain in gains[at:place]:
                rate = rate * fade + gain
            at = place
            expected = rate / float(self.level[place, 1, column]) * factor
            gains[place] = min(count, self._pace.cut(expected))
            gross[place] = min(count, GROSS * (expected + 1))
        return gains, gross

    def _watch(self, heard: Heard) -> None:
        """Walk bucket by bucket, and look in each whether the level is new."""
        pace, factor = self._pace, self.factor
        for place, (here, mean) in enumerate(zip(self.levels, self.means, strict=True)):
            now, then, sums = self.level[place], self.level[place + 1], self.sums[place + 1]
            np.divide(now[0], now[1], here)
            np.multiply(here, factor, mean)
            np.multiply(self.sums[place], pace.fades, sums)
            sums[MEANS] += mean
            pairs = heard.get(place, ())
            gains = [self._count(column, count, float(mean[column]), sums) for column, count in pairs]
            np.multiply(now, np.where(pace.shifted(sums), pace.fast, pace.fade), then)
            then[1] += factor
            for (column, _), gain in zip(pairs, gains, strict=True):
                then[0, column] += gain

    def _count(self, column: int, count: int, expected: float, sums: Array) -> float:
        """Add a count to the sums; return what the level learns of it."""
        kept = min(count, self._pace.cut(expected))
        self.of_hour[column] += kept
        sums[COUNTS, :-1, column] += count
        sums[COUNTS, -1, column] += min(count, GROSS * (expected + 1))
        return kept


def _by_column(heard: Heard) -> dict[int, dict[int, int]]:
    found: dict[int, dict[int, int]] = {}
    for place, pairs in heard.items():
        for column, count in pairs:
            found.setdefault(column, {})[place] = count
    return found
