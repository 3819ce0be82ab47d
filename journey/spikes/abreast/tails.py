"""The tails of series that see the same buckets, as columns of arrays; those that are exceeded learn by themselves."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from math import asinh, sinh, sqrt

import numpy as np
from numpy.typing import NDArray

from journey.spikes.abreast.walk import COUNTS, MEANS, Array, Walk
from journey.spikes.policy import Policy
from journey.spikes.surprise import ANSCOMBE
from journey.spikes.tail import LEAST_QUANTILE, NUMBERS, Tail

__all__ = ["Evidences", "TailsAbreast"]

_SURE = 1e-9  # NumPy's asinh is closer than that to the standard library's
_ROUNDING = 1e-6
_PART = 60  # buckets that are looked at together, whether any of them can be above its tail


@dataclass(frozen=True, slots=True)
class Evidences:
    """A bucket of a series in which some span is rarer than its tail: its place in the run, and the evidence of each span."""

    place: int
    column: int
    each: tuple[float, ...]


@dataclass(slots=True)
class _High:
    """The buckets of a run that may be above the tail of a span: places, in order, and surprises."""

    places: list[int] = field(default_factory=list)
    surprises: list[float] = field(default_factory=list)

    def between(self, begin: int, end: int) -> Iterator[tuple[int, float]]:
        """Yield those from one place up to another."""
        first, last = bisect_left(self.places, begin), bisect_left(self.places, end)
        return zip(self.places[first:last], self.surprises[first:last], strict=True)


class TailsAbreast:
    """What Tails is for one series: the numbers of all tails now, and of a day or two ago, and whether the level is new."""

    def __init__(self, policy: Policy, width_s: float, spans: int, day_rows: int) -> None:
        self._spans, self._day_rows = spans, day_rows
        self._tail = Tail(policy, width_s)
        self._unit, self._size = 2 * sqrt(policy.dispersion), policy.dispersion - 2 * ANSCOMBE
        none = asinh(sqrt(ANSCOMBE / self._size))
        most = self._size * sinh(none + LEAST_QUANTILE / self._unit) ** 2 - ANSCOMBE
        self._most = most - _ROUNDING
        self.now = self.kept = self.shifted = np.empty(0)
        self._found: dict[tuple[int, int], list[float]] = {}

    def choose(self, columns: Sequence[int]) -> None:
        """Have these columns from here on."""
        self.now, self.kept = self.now[:, columns], self.kept[:, columns]
        self.shifted = self.shifted[columns]

    def at_most(self, counts: Array) -> NDArray[np.bool_]:
        """Return where a count is so low that its surprise is no more than LEAST_QUANTILE, whatever was expected."""
        return np.asarray(counts < self._most)

    def learn(self, walk: Walk, first: int) -> list[Evidences]:
        """Learn a run of which `first` buckets were seen before; return the buckets in which a tail is exceeded."""
        self._found = {}
        begin, buckets = 0, len(walk.shifted)
        while begin < buckets:  # a part ends where the tails of a day are kept
            end = min(begin + self._day_rows - (first + begin - 1) % self._day_rows, buckets)
            self._learn(walk, begin, end, first)
            begin = end
        return [
            Evidences(place, column, tuple(each)) for (place, column), each in sorted(self._found.items())
        ]

    def _learn(self, walk: Walk, begin: int, end: int, first: int) -> None:
        """Learn the buckets of a run from one place up to another."""
        shifted, loud = walk.shifted[begin:end], walk.loud
        downs = np.array(self._tail.downs(range(first + begin, first + end)))
        new = self.shifted != 0
        new[loud] |= shifted.any(0)
        lowest = self._fall(downs, new)
        high = self._above(walk, begin, end, lowest)
        calm = lowest.copy()
        calm[:, new] = self.now[::NUMBERS, new]
        for span, column in high:
            calm[span, column] = self.now[span * NUMBERS, column]
        self.now[::NUMBERS] = calm
        run = _Run(downs, begin, begin, end, first)
        for (span, column), those in high.items():
            if not new[column]:
                self._pass(span, column, those, run)
        for at in np.flatnonzero(new[loud]).tolist():
            column = int(loud[at])
            each = [high.get((span, column), _High()) for span in range(self._spans)]
            self._alone(column, each, shifted[:, at].tolist(), run)
        self.shifted = np.zeros(len(self.shifted))
        self.shifted[loud] = shifted[-1]
        if (first + end - 1) % self._day_rows == 0:
            kept = np.concatenate([self.kept[len(self.now) :], self.now])
            self.kept = np.where(self.shifted != 0, self.kept, kept)

    def _fall(self, downs: Array, new: NDArray[np.bool_]) -> Array:
        """Return the quantiles after a run without a surprise above them: none is lower in the run, and most end there.

        Of a column whose level is new, or was, they may be those of a day or two ago at any bucket. From the lowest of these
        the fall is as deep or deeper: what is lower stays so, or becomes the same, where the same is taken off both.
        """
        quantiles = self.now[::NUMBERS].copy()
        size = len(self.now)
        for kept in range(0, len(self.kept), size):
            of_then = self.kept[kept : kept + size : NUMBERS, new]
            quantiles[:, new] = np.minimum(quantiles[:, new], of_then)
        high = np.flatnonzero((quantiles > LEAST_QUANTILE).any(0))
        falls = np.empty((len(downs) + 1, len(quantiles), len(high)))
        falls[0], falls[1:] = quantiles[:, high], downs[:, None, None]
        np.subtract.accumulate(falls, out=falls)
        quantiles[:, high] = np.maximum(falls[-1], LEAST_QUANTILE)
        return quantiles

    def _above(self, walk: Walk, begin: int, end: int, lowest: Array) -> dict[tuple[int, int], _High]:
        """Return the buckets in which a surprise may be above the quantile, by span and column: no other can.

        First the most that was counted and the least that was expected in some part of the run tell that none of it can:
        surprise grows with the count, and falls with what was expected.
        """
        counts, means = (walk.sums[begin + 1 : end + 1, kind, :-1] for kind in (COUNTS, MEANS))
        most, least = _by_part(np.maximum, counts), _by_part(np.minimum, means)
        span, at, part = np.nonzero(~self.at_most(most.transpose(1, 2, 0)))
        low = lowest[:, walk.loud] - _SURE
        may = self._surprise(most[part, span, at], least[part, span, at]) > low[span, at]
        span, at, part = (each[may, None] for each in (span, at, part))
        place = part * _PART + np.arange(_PART)
        there = (np.minimum(place, len(counts) - 1), span, at)
        may = (self._surprise(counts[there], means[there]) > low[span, at]) & (place < len(counts))
        place, span, at = those = tuple(np.broadcast_to(each, may.shape)[may] for each in (place, span, at))
        found: dict[tuple[int, int], _High] = {}
        keys = zip(span.tolist(), walk.loud[at].tolist(), strict=True)
        much = self._exactly(counts[those], means[those])
        for key, one, surprise in zip(keys, (place + begin).tolist(), much, strict=True):
            high = found.setdefault(key, _High())
            high.places.append(one)
            high.surprises.append(surprise)
        return found

    def _surprise(self, counts: Array, means: Array) -> Array:
        high, low = (np.arcsinh(np.sqrt((each + ANSCOMBE) / self._size)) for each in (counts, means))
        return np.asarray(self._unit * (high - low))

    def _exactly(self, counts: Array, means: Array) -> list[float]:
        """Return surprises to the bit, as Surprise does: the root and what is under it are exact in NumPy too."""
        roots = (np.sqrt((each + ANSCOMBE) / self._size).tolist() for each in (counts, means))
        return [self._unit * (asinh(high) - asinh(low)) for high, low in zip(*roots, strict=True)]

    def _pass(self, span: int, column: int, high: _High, run: "_Run") -> None:
        """Have the tail of a span learn a run, with the buckets that may be above it."""
        tail, rows = self._tail, slice(span * NUMBERS, (span + 1) * NUMBERS)
        tail.restore(self.now[rows, column].tolist())
        at = run.begin
        for place, surprise in high.between(run.begin, run.end):
            tail.quantile = run.lowered(tail.quantile, at, place)
            at = place
            if surprise > tail.quantile:
                self._tell(place, column, span, surprise)
                tail.learn(surprise, run.first + place)
                at = place + 1
        tail.quantile = run.lowered(tail.quantile, at, run.end)
        self.now[rows, column] = list(tail.numbers())

    def _tell(self, place: int, column: int, span: int, surprise: float) -> None:
        self._found.setdefault((place, column), [0.0] * self._spans)[span] = self._tail.evidence(surprise)

    def _alone(self, column: int, high: Sequence[_High], shifted: Sequence[bool], run: "_Run") -> None:
        """Learn the tails of a column whose level is new, or was, as Tails does."""
        was, size, at = bool(self.shifted[column]), len(self.now), run.begin
        for new, same in groupby(shifted):
            begin, at = at, at + len(list(same))
            if not new:
                for span, those in enumerate(high):
                    self._pass(span, column, those, replace(run, begin=begin, end=at))
            else:
                self._tell_all(column, high, begin, begin + 1)
                if not was:
                    self.now[:, column] = self.kept[:size, column]
                self._tell_all(column, high, begin + 1, at)
            was = new

    def _tell_all(self, column: int, high: Sequence[_High], begin: int, end: int) -> None:
        """Tell the buckets above the tails, which learn nothing of them."""
        for span, those in enumerate(high):
            self._tail.restore(self.now[span * NUMBERS : (span + 1) * NUMBERS, column].tolist())
            for place, surprise in those.between(begin, end):
                if surprise > self._tail.quantile:
                    self._tell(place, column, span, surprise)


@dataclass(frozen=True, slots=True)
class _Run:
    """Buckets from one place up to another, of a run of which `first` were seen before; `downs` are from place `at` on."""

    downs: Array
    at: int
    begin: int
    end: int
    first: int

    def lowered(self, quantile: float, begin: int, end: int) -> float:
        """Return a quantile after surprises below it: where it is the least it stays, and falls no further."""
        if quantile <= LEAST_QUANTILE or begin == end:
            return quantile
        falls = np.empty(end - begin + 1)
        falls[0], falls[1:] = quantile, self.downs[begin - self.at : end - self.at]
        return max(LEAST_QUANTILE, float(np.subtract.accumulate(falls)[-1]))


def _by_part(extreme: np.ufunc, of: Array) -> Array:
    """Return the most or the least in each part of a run."""
    whole = len(of) - len(of) % _PART
    parts = extreme.reduce(of[:whole].reshape(whole // _PART, _PART, *of.shape[1:]), axis=1)
    return parts if whole == len(of) else np.concatenate([parts, extreme.reduce(of[whole:], axis=0)[None]])
