"""Estimates how rare a surprise is for its series: fits the tail of past surprises online."""

from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from math import log, log10

from journey.spikes.policy import Policy

__all__ = ["KEPT", "LEAST_QUANTILE", "NUMBERS", "Tail", "Tails"]

_DAY_S = 86_400
KEPT = 2  # copies, a day apart
NUMBERS = 3  # of a tail: its quantile, its mean excess and the weight of that
_START_S, _START_ROWS = 15_000, 50  # at the start, steps are as if so much had been seen: four hours
_STEP = 0.375  # of the quantile, per weight of an observation; the density there is about a third of its tail
_QUANTILE, _EXCESS = 2.0, 1.0  # before anything was seen, in standard deviations of a Poisson count
# Of a Poisson count, about: after a month of nothing, one is no alarm.
LEAST_QUANTILE, _LEAST_EXCESS = 1.5, 0.3
_LN10 = log(10)


class Tail:
    """A peaks-over-threshold model: a high quantile by stochastic approximation, and the mean excess above it.

    Surprise is about logarithmic in large counts, so an exponential tail of it is a power law of counts and the mean
    excess is Hill's estimate (Hill 1975; online peaks over threshold as in Siffer et al. 2017, SPOT).
    """

    __slots__ = ("_forget", "_forget_excess", "_numbers", "_policy", "_start")

    def __init__(self, policy: Policy, width_s: float) -> None:
        rows = policy.tail_memory.total_seconds() / width_s
        self._policy = policy
        self._forget, self._forget_excess = 1 / rows, min(1.0, 1 / (rows * policy.tail))
        self._start = max(_START_ROWS, _START_S / width_s)
        self._numbers = array("d", [_QUANTILE, _EXCESS, policy.tail_prior])

    def evidence(self, surprise: float) -> float:
        """Return −log10 of the probability of so much surprise; 0 below the quantile."""
        excess = surprise - self._numbers[0]
        return excess / self._numbers[1] / _LN10 - log10(self._policy.tail) if excess > 0 else 0.0

    @property
    def quantile(self) -> float:
        """Surprise that the series is above for the share `policy.tail` of the time."""
        return self._numbers[0]

    @quantile.setter
    def quantile(self, quantile: float) -> None:
        self._numbers[0] = quantile

    def downs(self, rows: range) -> list[float]:
        """Return by how much `learn` lowers the quantile for surprises below it, down to LEAST_QUANTILE."""
        if 1 / (rows[0] + self._start) <= self._forget:
            return [self._step(rows[0]) * self._policy.tail] * len(rows)
        return [self._step(row) * self._policy.tail for row in rows]

    def _step(self, rows: float) -> float:
        return max(self._forget, 1 / (rows + self._start)) * _STEP / self._policy.tail

    def learn(self, surprise: float, rows: float) -> None:
        """Update the tail with one surprise; `rows` is how many came before it."""
        numbers, policy = self._numbers, self._policy
        excess = surprise - numbers[0]
        step = self._step(rows)
        if excess <= 0:
            numbers[0] = max(LEAST_QUANTILE, numbers[0] - step * policy.tail)
            return
        numbers[0] += step * (1 - policy.tail)
        numbers[2] += 1
        capped = min(excess, policy.excess_cap * numbers[1])
        mean = numbers[1] + max(self._forget_excess, 1 / numbers[2]) * (capped - numbers[1])
        numbers[1] = max(_LEAST_EXCESS, mean)

    def learn_quiet(self, rows: int, more: int) -> None:
        """Update the tail with `more` surprises not above LEAST_QUANTILE, as `learn` does; `rows` came before them."""
        share, forget, start = self._policy.tail, self._forget, self._start
        quantile = self._numbers[0]
        for row in range(rows, rows + more):
            if quantile <= LEAST_QUANTILE:  # where it stays
                break
            step = max(forget, 1 / (row + start)) * _STEP / share
            quantile = max(LEAST_QUANTILE, quantile - step * share)
        self._numbers[0] = quantile

    def numbers(self) -> Iterator[float]:
        """Yield the state."""
        return iter(self._numbers)

    def restore(self, numbers: Sequence[float]) -> Sequence[float]:
        """Take the state back from `numbers`; return those that are left."""
        self._numbers[:] = array("d", numbers[: len(self._numbers)])
        return numbers[len(self._numbers) :]


class Tails:
    """The tails of all spans, and their state a day or two ago.

    A new level is surprising bucket after bucket and would be learned as a tail so heavy that nothing is rare for weeks. So
    once the baseline knows it for a new level, the tails are what they were before, and learn nothing until the level
    is learned.
    """

    __slots__ = ("_day_rows", "_kept", "_shifted", "each")

    def __init__(self, policy: Policy, width_s: float, spans: int) -> None:
        self.each = [Tail(policy, width_s) for _ in range(spans)]
        self._day_rows = max(1, round(_DAY_S / width_s))
        self._kept = array("d", self._now() * KEPT)  # the oldest first
        self._shifted = array("d", [0.0])

    def learn(self, surprises: Sequence[float], rows: int, *, shifted: bool) -> None:
        """Update the tails with the surprises of a bucket; `rows` is how many came before it."""
        if shifted:
            if not self._shifted[0]:
                self._back()
        else:
            for tail, surprise in zip(self.each, surprises, strict=True):
                tail.learn(surprise, rows)
            if rows % self._day_rows == 0:
                self._keep()
        self._shifted[0] = float(shifted)

    def learn_quiet(self, shifted: Sequence[bool], rows: int) -> None:
        """Take the surprises of as many buckets as `shifted` has, none above LEAST_QUANTILE, as `learn` does."""
        at, end = 0, len(shifted)
        while at < end:
            if shifted[at]:
                if not self._shifted[0]:
                    self._back()
                upto = shifted.index(False, at) if False in shifted[at:] else end
            else:
                day = at + -(rows + at) % self._day_rows + 1  # after the bucket with which a copy is kept
                upto = min(day, end)
                if True in shifted[at:upto]:
                    upto = shifted.index(True, at)
                for tail in self.each:
                    tail.learn_quiet(rows + at, upto - at)
                if (rows + upto - 1) % self._day_rows == 0:
                    self._keep()
            self._shifted[0] = float(shifted[at])
            at = upto

    def _now(self) -> list[float]:
        return [number for tail in self.each for number in tail.numbers()]

    def _keep(self) -> None:
        now = self._now()
        self._kept = self._kept[len(now) :] + array("d", now)

    def _back(self) -> None:
        left: Sequence[float] = self._kept
        for tail in self.each:
            left = tail.restore(left)

    def numbers(self) -> Iterator[float]:
        """Yield the state."""
        return chain(self._now(), self._kept, self._shifted)

    def restore(self, numbers: Sequence[float]) -> Sequence[float]:
        """Take the state back from `numbers`; return those that are left."""
        for tail in self.each:
            numbers = tail.restore(numbers)
        for column in (self._kept, self._shifted):
            column[:] = array("d", numbers[: len(column)])
            numbers = numbers[len(column) :]
        return numbers
