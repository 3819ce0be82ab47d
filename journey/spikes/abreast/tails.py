"""The tails of series that see the same buckets, as columns of arrays; those that are exceeded learn by themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import asinh, sinh, sqrt

import numpy as np
from numpy.typing import NDArray

from journey.spikes.abreast.walk import COUNTS, MEANS, Array, Walk
from journey.spikes.policy import Policy
from journey.spikes.surprise import ANSCOMBE
from journey.spikes.tail import LEAST_QUANTILE, NUMBERS, Tail, Tails

__all__ = ["Evidences", "TailsAbreast"]

_SURE = 1e-9  # NumPy's asinh is closer than that to the standard library's
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Evidences:
    """A bucket of a series in which some span is rarer than its tail: its place in the run, and the evidence of each span."""

    place: int
    column: int
    each: tuple[float, ...]


class TailsAbreast:
    """What Tails is for one series: the numbers of all tails now, and of a day or two ago, and whether the level is new."""

    def __init__(self, policy: Policy, width_s: float, spans: int, day_rows: int) -> None:
        self._policy, self._width_s, self._spans, self._day_rows = policy, width_s, spans, day_rows
        self._tail = Tail(policy, width_s)
        self._unit, self._size = 2 * sqrt(policy.dispersion), policy.dispersion - 2 * ANSCOMBE
        none = asinh(sqrt(ANSCOMBE / self._size))
        most = self._size * sinh(none + LEAST_QUANTILE / self._unit) ** 2 - ANSCOMBE
        self._most = most - _ROUNDING
        self.now = self.kept = self.shifted = np.empty(0)

    def choose(self, columns: Sequence[int]) -> None:
        """Have these columns from here on."""
        self.now, self.kept = self.now[:, columns], self.kept[:, columns]
        self.shifted = self.shifted[columns]

    def at_most(self, counts: Array) -> NDArray[np.bool_]:
        """Return where a count is so low that its surprise is no more than LEAST_QUANTILE, whatever was expected."""
        return np.asarray(counts < self._most)

    def learn(self, walk: Walk, first: int) -> list[Evidences]:
        """Learn a run of which `first` buckets were seen before; return the buckets in which a tail is exceeded."""
        shifted, (buckets, columns) = walk.shifted, walk.shifted.shape
        rows = range(first, first + buckets)
        downs = self._tail.downs(rows)
        apart = set(np.flatnonzero(shifted.any(0) | (self.shifted != 0)).tolist())
        lowest = self._fall(downs)
        above = self._above(walk, lowest)
        before = self.now.copy()
        self.now[::NUMBERS] = lowest
        each: dict[tuple[int, int], list[float]] = {}
        spans = self._spans
        for span, column in above:
            if column in apart:
                continue
            much = self._high(walk, span, column, float(lowest[span, column]))
            self._tail.restore(before[span * NUMBERS : (span + 1) * NUMBERS, column].tolist())
            for place, evidence in self._exceed(much, downs, first):
                each.setdefault((place, column), [0.0] * spans)[span] = evidence
            self.now[span * NUMBERS : (span + 1) * NUMBERS, column] = list(self._tail.numbers())
        keeps = (rows[-1] % self._day_rows) == 0
        for column in apart:
            self.now[:, column] = before[:, column]
            self._alone(walk, column, shifted[:, column].tolist(), first, each)
        if keeps:
            size = len(self.now)
            kept = np.concatenate([self.kept[size:], self.now])
            others = [column for column in range(columns) if column not in apart]
            self.kept[:, others] = kept[:, others]
        return [Evidences(place, column, tuple(each[place, column])) for place, column in sorted(each)]

    def _fall(self, downs: Sequence[float]) -> Array:
        """Return the quantiles after a run without a surprise above them."""
        quantiles = self.now[::NUMBERS].copy()
        high = np.flatnonzero((quantiles > LEAST_QUANTILE).any(0))
        falls = np.empty((len(downs) + 1, len(quantiles), len(high)))
        falls[0], falls[1:] = quantiles[:, high], np.array(downs)[:, None, None]
        np.subtract.accumulate(falls, out=falls)
        quantiles[:, high] = np.maximum(falls[-1], LEAST_QUANTILE)
        return quantiles

    def _above(self, walk: Walk, lowest: Array) -> list[tuple[int, int]]:
        """Return the spans and columns in which a surprise may be above the quantile: no other can."""
        counts = walk.sums[1:, COUNTS, :-1].max(0)
        span, column = np.nonzero(~self.at_most(counts))
        least = walk.sums[1:, MEANS, :-1].min(0)[span, column]
        may = self._surprise(counts[span, column], least) > lowest[span, column] - _SURE
        return list(zip(span[may].tolist(), column[may].tolist(), strict=True))

    def _surprise(self, counts: Array, means: Array) -> Array:
        high, low = (np.arcsinh(np.sqrt((each + ANSCOMBE) / self._size)) for each in (counts, means))
        return np.asarray(self._unit * (high - low))

    def _high(self, walk: Walk, span: int, column: int, lowest: float) -> dict[int, float]:
        """Return the surprise of those buckets, by place, in which it may be above the quantile."""
        counts, means = walk.sums[1:, COUNTS, span, column], walk.sums[1:, MEANS, span, column]
        places = np.flatnonzero(self._surprise(counts, means) > lowest - _SURE).tolist()
        return {place: self._exactly(walk, span, column, place) for place in places}

    def _exceed(
        self, much: Mapping[int, float], downs: Sequence[float], first: int
    ) -> list[tuple[int, float]]:
        """Have the tail of a span learn a run; return the buckets above it, with their evidence."""
        found, tail = [], self._tail
        quantile = tail.quantile
        for place, down in enumerate(downs):
            if (surprise := much.get(place, 0.0)) > quantile:
                tail.quantile = quantile
                found.append((place, tail.evidence(surprise)))
                tail.learn(surprise, first + place)
                quantile = tail.quantile
            else:
                quantile = max(LEAST_QUANTILE, quantile - down)
        tail.quantile = quantile
        return found

    def _exactly(self, walk: Walk, span: int, column: int, place: int) -> float:
        counts, means = walk.sums[place + 1, :, span, column].tolist()
        return self._unit * (
            asinh(sqrt((counts + ANSCOMBE) / self._size)) - asinh(sqrt((means + ANSCOMBE) / self._size))
        )

    def _alone(
        self,
        walk: Walk,
        column: int,
        shifted: Sequence[bool],
        first: int,
        each: dict[tuple[int, int], list[float]],
    ) -> None:
        """Learn the tails of a column whose level is new, or was."""
        spans = self._spans
        tails = Tails(self._policy, self._width_s, spans)
        tails.restore([*self.now[:, column], *self.kept[:, column], self.shifted[column]])
        for place, new in enumerate(shifted):
            much = [self._exactly(walk, span, column, place) for span in range(spans)]
            evidences = [tail.evidence(one) for tail, one in zip(tails.each, much, strict=True)]
            if any(evidences):
                each[place, column] = evidences
            tails.learn(much, first + place, shifted=new)
        numbers = np.array(list(tails.numbers()))
        size = len(self.now)
        self.now[:, column], self.kept[:, column] = numbers[:size], numbers[size:-1]
        self.shifted[column] = numbers[-1]
