"""Walks the levels of series that see the same buckets, and the sums of their counts and expectations, as columns of arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journey.spikes.baseline import GROSS
from journey.spikes.policy import Policy

__all__ = ["COUNTS", "MEANS", "Array", "Heard", "Pace", "Walk"]

Array = NDArray[np.float64]
Heard = Mapping[int, Sequence[tuple[int, int]]]
"""Place of a bucket in a run to (column, count), where counts are above 0."""

COUNTS, MEANS = 0, 1  # of sums
_SPARE = 16  # columns: of so many, or a multiple, a run has memory
_ROUNDING = 1e-9  # of a sum of counts in a run, and more
_PART = 120  # buckets whose sums are walked together


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


class Room:
    """Memory for one run after the other: to have it anew costs as much as to walk through it.

    It has some columns more than a run, which stay at 0, so that few runs need other memory than the one before.
    """

    def __init__(self) -> None:
        self.memory: Array = np.empty((0, 0, 0))
        self.rows: tuple[list[Array], list[Array], list[Array]] = [], [], []
        """Of each bucket: all of it, levels, sums."""
        self._columns = 0
        self._kept: dict[str, Array] = {}

    def make(self, buckets: int, kinds: int, columns: int) -> None:
        """Have room for a bucket before and so many; of the numbers of each column, the first two are levels."""
        wide = -(-columns // _SPARE) * _SPARE
        if self.memory.shape[1:] != (kinds, wide) or len(self.memory) <= buckets:
            self.memory = np.zeros((buckets + 1, kinds, wide))
            flat, levels = self.memory.reshape(buckets + 1, -1), 2 * wide
            self.rows = list(flat), list(flat[:, :levels]), list(flat[:, levels:])
        elif columns < self._columns:
            self.memory[..., columns:] = 0.0
        self._columns = columns

    def array(self, name: str, rows: int, columns: int) -> Array:
        """Return what only a run needs, in the memory that the run before had for it."""
        size = rows * columns
        if name not in self._kept or len(self._kept[name]) < size:
            self._kept[name] = np.empty(size)
        return self._kept[name][:size].reshape(rows, columns)


@dataclass(frozen=True, slots=True)
class Start:
    """What a run begins with, by column; `at_most` returns where a sum of counts is too low to matter to a tail."""

    level: Array
    sums: Array
    at_most: Callable[[Array], NDArray[np.bool_]]


class Walk:
    """The levels and sums of a run, bucket by bucket; the first of each is how it was before.

    `factors` are of each bucket and column. What enters a bucket is put into its row first, and then what was before is
    added, faded: an addition gives the same to the bit in either order, and a 0 that enters changes no bit.

    Levels, sums, and whether a level is new, are kept bucket by bucket of those columns alone that are `loud`; `last_level` and
    `last_sums` are of all. In the others few or none are heard, no bucket can be above a tail, and no level can be new: a sum
    of counts fades, so that it is at most what it was and all that is heard in the run. A level falls but for what is
    heard, which weighs the more the less its exposure is, so that a day's expected counts grow by no more than such a level
    gives, and so not to half of what makes a level new. Where it was new before, one of these sums is above that.
    """

    def __init__(self, pace: Pace, start: Start, factors: Array, heard: Heard, room: Room) -> None:
        self._pace, self._factors, self._room = pace, factors, room
        rows = [(place, column, count) for place in sorted(heard) for column, count in heard[place]]
        self.places, self.columns, self._counts = np.array(rows, np.intp).reshape(-1, 3).T
        self.learned, self._gross = np.ones(len(rows)), np.ones(len(rows))
        """What the levels learned of each count above 0, in order of places; one of 1 is never cut."""
        self._is_loud = self._may_matter(start, factors)
        self.loud = np.flatnonzero(self._is_loud)
        self.levels, self.means = room.array("levels", *factors.shape), np.empty(factors.shape)
        self.level = np.empty((len(factors) + 1, 2, len(self.loud)))
        self.sums = np.empty((len(factors) + 1, *start.sums.shape[:-1], len(self.loud)))
        self.level[0], self.sums[0] = start.level[:, self.loud], start.sums[..., self.loud]
        self.last_level, self.last_sums = start.level, np.zeros_like(start.sums)
        self._walk(start)
        self.shifted = pace.shifted(self.sums[1:])
        for at in np.flatnonzero(self.shifted.any(0)).tolist():
            self._again(at, int(self.shifted[:, at].argmax()))

    def _may_matter(self, start: Start, factors: Array) -> NDArray[np.bool_]:
        """Return the columns that are `loud`."""
        heard = np.bincount(self.columns, self._counts, factors.shape[1])
        most = start.sums[COUNTS] + heard + _ROUNDING
        level = (start.level[0] + heard / self._pace.fade ** len(factors)) / start.level[1]
        means = start.sums[MEANS, -1] + level * factors.sum(axis=0)
        return np.asarray(~start.at_most(most[:-1]).all(0) | (np.maximum(most[-1], means) > GROSS / 2))

    def _walk(self, start: Start) -> None:
        """Walk a part of the run after the other, of a size that the processor holds in its memory.

        The sums are a part behind the levels, which tell what was expected: so both take one step together, and a step costs
        much the same for few numbers and for many. The sums of the bucket itself are walked by nobody: nothing is left of
        the bucket before.
        """
        (buckets, columns), spans, room = self._factors.shape, start.sums.shape[1] - 1, self._room
        room.make(min(_PART, buckets), 2 + 2 * spans, columns)
        wide = room.memory.shape[-1]
        levels = room.memory[:, :2, :columns]
        sums = room.memory[:, 2:].reshape(-1, 2, spans, wide)[..., :columns]
        sums[0] = start.sums[:, 1:]
        fades = self._pace.fades[1:]
        fade = np.repeat(np.concatenate([[[self._pace.fade]] * 2, fades, fades]), wide)
        kinds = ((fade, 0), (fade[: 2 * wide], 1), (fade[2 * wide :], 2))
        for begin in range(0, buckets + _PART, _PART):
            many, before = max(min(_PART, buckets - begin), 0), min(begin, _PART, buckets - begin + _PART)
            self._enter(levels, sums, begin, many, before)
            fade, kind = kinds[0 if many and before else 1 if many else 2]
            rows, at = room.rows[kind][: max(many, before) + 1], 0
            for number in self._above_one(begin, begin + many):
                place = int(self.places[number]) - begin
                _walk(rows[at : place + 1], fade)
                at = place
                levels[place + 1, 0, self.columns[number]] = self._learn(number, levels[place])
            _walk(rows[at:], fade)
            if many:
                here = slice(begin, begin + many)
                np.divide(levels[:many, 0], levels[:many, 1], self.levels[here])
                np.multiply(self.levels[here], self._factors[here], self.means[here])
                self.level[begin + 1 : begin + many + 1] = levels[1 : many + 1, :, self.loud]
                self.last_level = levels[many].copy()
            if before:
                first = begin - _PART + 1
                self.sums[first : first + before, :, 1:] = sums[1 : before + 1, ..., self.loud]
                sums[0] = sums[before]
        self.last_sums[:, 1:] = sums[0]
        self._keep_buckets()

    def _enter(self, levels: Array, sums: Array, begin: int, many: int, before: int) -> None:
        """Put in what enters the levels of a part, and the sums of the part before it."""
        levels[0], levels[1:, 0], levels[many + 1 :, 1] = self.last_level, 0.0, 0.0
        levels[1 : many + 1, 1] = self._factors[begin : begin + many]
        first, last = np.searchsorted(self.places, (begin, begin + many))
        levels[self.places[first:last] - begin + 1, 0, self.columns[first:last]] = 1.0
        if before:
            begin -= _PART
            sums[1 : before + 1, COUNTS], sums[1 : before + 1, MEANS] = (
                0.0,
                self.means[begin : begin + before, None],
            )
            first, last = np.searchsorted(self.places, (begin, begin + before))
            at, columns = self.places[first:last] - begin + 1, self.columns[first:last]
            sums[at, COUNTS, :, columns] = self._counts[first:last, None]
            sums[at, COUNTS, -1, columns] = self._gross[first:last]

    def _keep_buckets(self) -> None:
        """Have the sums of the bucket itself."""
        self.sums[1:, COUNTS, 0], self.sums[1:, MEANS, 0] = 0.0, self.means[:, self.loud]
        kept, last = self._is_loud[self.columns], self.places == len(self.means) - 1
        at = np.searchsorted(self.loud, self.columns[kept])
        self.sums[self.places[kept] + 1, COUNTS, 0, at] = self._counts[kept]
        self.last_sums[MEANS, 0] = self.means[-1]
        self.last_sums[COUNTS, 0, self.columns[last]] = self._counts[last]

    def _above_one(self, begin: int, end: int) -> list[int]:
        """Return the counts above 1 from one place up to another."""
        first, last = np.searchsorted(self.places, (begin, end))
        return [int(first) + at for at in np.flatnonzero(self._counts[first:last] > 1).tolist()]

    def _learn(self, number: int, level: Array) -> float:
        """Return what a level learns of a count that may be cut."""
        count, column = int(self._counts[number]), self.columns[number]
        rate, exposure = level[:, column].tolist()
        expected = rate / exposure * float(self._factors[self.places[number], column])
        kept = min(count, self._pace.cut(expected))
        self.learned[number], self._gross[number] = kept, min(count, GROSS * (expected + 1))
        return kept

    def _again(self, at: int, first: int) -> None:
        """Walk a loud column again from the bucket with which its level is new, which is learned faster from there on."""
        pace, column = self._pace, int(self.loud[at])
        ahead, ratio = float(pace.fades[-1, 0]), pace.policy.shift_ratio
        numbers = np.flatnonzero((self.columns == column) & (self.places >= first)).tolist()
        number_of = {int(self.places[number]): number for number in numbers}
        rate, exposure = self.level[first, :, at].tolist()
        seen, expected = self.sums[first, :, -1, at].tolist()
        rows: list[tuple[Any, ...]] = []
        for place, factor in enumerate(self._factors[first:, column].tolist(), first):
            level = rate / exposure
            mean = level * factor
            kept, gross = 0.0, 0.0
            if (number := number_of.get(place)) is not None:
                count = int(self._counts[number])
                kept, gross = min(count, pace.cut(mean)), min(count, GROSS * (mean + 1))
                self.learned[number] = kept
            seen, expected = seen * ahead + gross, expected * ahead + mean
            new = seen > ratio * expected + GROSS or expected > ratio * seen + GROSS
            fade = pace.fast if new else pace.fade
            rate, exposure = rate * fade + kept, exposure * fade + factor
            rows.append((new, mean, level, rate, exposure, seen, expected))
        new_, means, self.levels[first:, column], *others = map(list, zip(*rows, strict=True))
        self.shifted[first:, at], self.means[first:, column] = new_, means
        self.level[first + 1 :, 0, at], self.level[first + 1 :, 1, at] = others[:2]
        self.sums[first + 1 :, COUNTS, -1, at], self.sums[first + 1 :, MEANS, -1, at] = others[2:]
        for row, fade in enumerate(pace.fades[:-1, 0].tolist()):
            one = float(self.sums[first, MEANS, row, at])
            self.sums[first + 1 :, MEANS, row, at] = [one := one * fade + mean for mean in means]
        self.last_level[:, column], self.last_sums[..., column] = (
            self.level[-1, :, at],
            self.sums[-1, ..., at],
        )


def _walk(rows: Sequence[Array], fade: Array) -> None:
    """Add to each row the one before it, faded."""
    # arrays of one shape: to spread one over another costs NumPy as much as all else of so short a step
    multiply, add, faded = np.multiply, np.add, np.empty_like(fade)
    for now, then in pairwise(rows):
        multiply(now, fade, faded)
        add(then, faded, then)
